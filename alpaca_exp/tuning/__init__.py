"""Training: tokens, the order of the data, the Lightning modules, checkpoints. Torch lives here."""
