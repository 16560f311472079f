"""What the cleaning rules make of one example."""

from __future__ import annotations

from alpaca_exp.cleaning.clean import clean
from alpaca_exp.cleaning.rules import RULES
from alpaca_exp.records import Example


def fired(instruction: str, output: str, input: str = "") -> str | None:
    """The rule that removed or repaired this one example, if any."""
    row = {"id": "1", "instruction": instruction, "input": input, "output": output}
    cleaned = clean([row], RULES)
    found = cleaned.removed + cleaned.edited
    return found[0]["rule"] if found else None


def mended(instruction: str, output: str, input: str = "") -> Example:
    """What the repairs leave of this one example."""
    row = {"id": "1", "instruction": instruction, "input": input, "output": output}
    (kept,) = clean([row], RULES).kept
    return Example(kept["instruction"], kept["output"], kept["input"])
