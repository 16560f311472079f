"""Adapters, which are not used here."""
