"""Declarative instruction-tuning experiments: configuration -> stages -> artifacts -> tables."""

__version__ = "0.1.0"
