"""Rules about stray control characters: they are taken out, the row stays."""

from __future__ import annotations

import re

from alpaca_exp.records import Example

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2060\ufeff\ufffd]")
"""Control characters but tab, newline and carriage return; invisible marks; the replacement character.
The zero-width joiners stay: emoji and several scripts need them."""


def without_control_characters(example: Example) -> tuple[Example, str] | None:
    """Control and invisible characters are taken out; a carriage return becomes a newline."""
    mended = Example(_clean(example.instruction), _clean(example.output), _clean(example.input))
    return None if mended == example else (mended, "control or invisible characters")


def _clean(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    cleaned = _CONTROL.sub("", lines)
    return cleaned.strip() if cleaned != lines else lines
