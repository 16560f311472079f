"""Rules about the input field: placeholders that stand for nothing, and inputs that are not there."""

from __future__ import annotations

import re
from dataclasses import replace

from alpaca_exp.records import Example

_NOTHING = (
    r"(?:no ?_?(?:further |additional |specific |other )?in ?puts?"
    r"(?: (?:is |was )?(?:required|needed|necessary|given|provided|available))?"
    r"|noinput \d+|input not (?:required|needed|provided|given)|not? (?:required|needed|necessary)"
    r"|n/a|none|null|nil|not applicable|empty|blank)"
)
_PLACEHOLDER = re.compile(rf"\W*{_NOTHING}\W*", re.IGNORECASE)
_POINTING = re.compile(r"\b(?:the|this|these) (?:following(?: [a-z]+){1,5}|(?:[a-z]+ ){1,3}below)[.:?]?\s*$")
_NO_INPUT_MEANT = re.compile(
    r"\bfollowing\b.*\b(?:day|week|month|year|path|order|diet|plan|practices?)\b|\bbox below\b"
)
"""What follows in time, or an answer's place on a form."""
_SUMMARY = re.compile(
    r"\b(?:summari[sz]e|(?:write|provide|create|generate|give|craft|compose|make|produce)\b[\w -]{0,40}"
    r"\bsummar(?:y|i[sz]ation)|key (?:points|takeaways))\b",
    re.IGNORECASE,
)
_LONG_TEXT = re.compile(
    r"\b(?:article|news|report|essay|document|passage|study|research paper|chapter|blog)\b",
    re.IGNORECASE,
)
_SHORT = 25
"""Words; fewer are a title or one sentence."""


def without_placeholder(example: Example) -> tuple[Example, str] | None:
    """An input that says there is none ('No input', 'N/A', '<noinput>') becomes empty."""
    if not example.input:
        return None
    if not example.input.strip():
        return replace(example, input=""), "the input is blank"
    if len(example.input) <= 60 and _PLACEHOLDER.fullmatch(example.input):
        return replace(example, input=""), f"the input is the placeholder {example.input.strip()!r}"
    return None


def lacks_its_input(example: Example) -> str | None:
    """The instruction ends in pointing at something that follows, and nothing does."""
    if example.input.strip() or "\n" in example.instruction.strip():
        return None
    found = _POINTING.search(example.instruction)
    if not found or _NO_INPUT_MEANT.search(found[0]):
        return None
    return f"the instruction speaks of {found[0].strip()!r}, and there is no input"


def has_nothing_to_summarize(example: Example) -> str | None:
    """A longer text is to be summed up, and the input is its title or a single sentence."""
    words = len(example.input.split())
    if not 0 < words <= _SHORT or not _SUMMARY.search(example.instruction):
        return None
    if not _LONG_TEXT.search(example.instruction) or re.search(r"[.!?]\s+\w", example.input):
        return None
    return f"a text is to be summed up, of which the input holds {words} words"
