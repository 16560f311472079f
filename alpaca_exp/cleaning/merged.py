"""Rules about several instances that were read as one."""

from __future__ import annotations

import re

from alpaca_exp.records import Example

_HEADER = re.compile(
    r"^\s*#{2,}\s*(?:\d+\s*\.?\s*)?(?:instruction|input|output|response)\b"
    r"|^\s*#{3,}\s*\d*\s*$"
    r"|(?:^|\s)\d+\s*\.\s*(?:instruction|input|output)s?\s*:"
    r"|###\s*(?:instruction|input|output|response)\s*:",
    re.IGNORECASE | re.MULTILINE,
)
_LABEL = re.compile(r"(?:^|\n)\s*instructions?\s*:(?=(?:.|\n)*\n\s*(?:input|output)s?\s*:)", re.IGNORECASE)


def holds_another_instance(example: Example) -> str | None:
    """A header of the teacher's list ('5. Instruction:', '### Instruction') in the output."""
    found = _HEADER.search(example.output)
    if not found and "instruction" not in example.instruction.lower():
        found = _LABEL.search(example.output)
    return f"the output runs on into another instance at {found[0].strip()!r}" if found else None
