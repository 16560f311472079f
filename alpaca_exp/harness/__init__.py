"""The only place that knows lm-eval."""
