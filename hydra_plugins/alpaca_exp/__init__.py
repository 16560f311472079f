"""What Hydra discovers of alpaca_exp: thin, since it is imported at every start."""
