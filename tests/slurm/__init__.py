"""A real SLURM for the tests that want one."""
