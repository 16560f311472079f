"""Rules about what belongs to the teacher's list of tasks and not to this one: it is cut off."""

from __future__ import annotations

import re
from dataclasses import replace

from alpaca_exp.records import Example

_HEADER = re.compile(
    r"^[ \t]*#{2,}[ \t]*(?:\d+[ \t]*\.?[ \t]*)?(?:instruction|input|output|response)\b[^\n]*"
    r"|^[ \t]*#{3,}[ \t]*\d*[ \t]*$"
    r"|(?:^|(?<=\s))\d+[ \t]*\.[ \t]*(?:instruction|input|output)s?[ \t]*:"
    r"|###[ \t]*(?:instruction|input|output|response)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_LABEL = re.compile(r"(?:^|\n)[ \t]*instructions?[ \t]*:", re.IGNORECASE)
_PARTNER = re.compile(r"\n[ \t]*(?:input|output)s?[ \t]*:", re.IGNORECASE)
_MARKER = re.compile(r"<[ \t]*no[ _]?(?:in|out)put[ \t]*>[ \t]*(?:\n+[ \t]*output[ \t]*:)?", re.IGNORECASE)


def without_other_instances(example: Example) -> tuple[Example, str] | None:
    """The output is cut where it runs on into another instance ('5. Instruction:', '### Instruction').

    What stands before the header was the answer, so cutting mends the row. Where nothing stands before
    it, the output is left empty and so is removed by the rule for that.
    """
    mended = example
    while found := _header(mended):
        mended = replace(mended, output=mended.output[: found.start()].rstrip())
    return None if mended is example else (mended, "the output runs on into another instance")


def without_markers(example: Example) -> tuple[Example, str] | None:
    """`<noinput>` and `<nooutput>`, which belong to the teacher's prompt, are taken out of the output.

    They are no part of any answer, in whatever place. An output that was nothing else is left empty and
    so is removed by the rule for that.
    """
    found = _MARKER.search(example.output)
    if not found:
        return None
    output = example.output
    while _MARKER.search(output):
        output = _MARKER.sub("", output).strip()
    return replace(example, output=output), f"the output holds the prompt's marker {found[0].split()[0]!r}"


def _header(example: Example) -> re.Match[str] | None:
    if found := _HEADER.search(example.output):
        return found
    if "instruction" in example.instruction.lower():
        return None
    label = _LABEL.search(example.output)
    return label if label and _PARTNER.search(example.output, label.end()) else None
