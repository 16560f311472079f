"""Studies: trials are asked of a sampler, run as jobs of a sweep, pruned on their way, and told of."""
