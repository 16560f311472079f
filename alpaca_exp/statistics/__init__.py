"""Intervals: how far a number can be trusted."""
