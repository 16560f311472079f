"""What the runs under `outputs` found: scores, tables, counts."""
