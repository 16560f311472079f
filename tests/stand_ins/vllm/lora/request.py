"""Adapters, which are not used here."""

from __future__ import annotations


class LoRARequest:
    """Never made: a tuned model is whole."""
