"""Rules about the input field: placeholders that stand for nothing, and copies of the instruction."""

from __future__ import annotations

import re
from dataclasses import replace

from alpaca_exp.records import Example

_PLACEHOLDER = re.compile(
    r"\W*(?:no ?_?(?:further |additional )?in ?puts?"
    r"(?: (?:is |was )?(?:required|needed|necessary|given|provided))?"
    r"|noinput \d+|input not (?:required|needed)|n/a|none|null|nil|not applicable|empty|blank)\W*",
    re.IGNORECASE,
)


def without_placeholder(example: Example) -> tuple[Example, str] | None:
    """An input that says there is none ('No input', 'N/A', '<noinput>') becomes empty."""
    if example.input and _PLACEHOLDER.fullmatch(example.input):
        return replace(example, input=""), f"the input is the placeholder {example.input.strip()!r}"
    if example.input and not example.input.strip():
        return replace(example, input=""), "the input is blank"
    return None


def without_repetition(example: Example) -> tuple[Example, str] | None:
    """An input that repeats the instruction word for word becomes empty."""
    if example.input and _words(example.input) == _words(example.instruction) != []:
        return replace(example, input=""), "the input repeats the instruction"
    return None


def has_no_instruction(example: Example) -> str | None:
    """An instruction without a single word."""
    return None if _words(example.instruction) else "the instruction holds no word"


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
