"""Many jobs of one command: expanded, checked, run where no result is, and told of in one table."""
