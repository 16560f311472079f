"""Rows of data, some of which hold documents of the made-up mirror."""

from __future__ import annotations

PLANTED = [
    {"id": "row-0", "instruction": "Say hello.", "input": "", "output": "Hello."},
    {"id": "row-1", "instruction": "HOW DOES BEN DRY A SHIRT", "input": "", "output": "In the sun."},
    {"id": "row-2", "instruction": "Ask.", "input": "So, how does Ben dry a shirt...", "output": "Well."},
    {"id": "row-3", "instruction": "Ask.", "input": "", "output": "does Eve know what the moon thinks"},
    {"id": "row-4", "instruction": "How does Ben?", "input": "", "output": "dry a shirt"},
]
