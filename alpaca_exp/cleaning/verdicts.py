"""What a critic's reply says: keep, remove, or a fix with the fields as they should be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from alpaca_exp import prompts
from alpaca_exp.records import Example

_VERDICT = re.compile(r"^\W*(?:verdict\W+)?(keep|fix|remove)\b[\s*`:.,-]*(.*)", re.IGNORECASE)
_LABEL = re.compile(
    r"^[\s#*>\[-]*(instruction|input|output)(?:[*_]*\s*:[*_]*|[*_]*\]:?)[ \t]*", re.IGNORECASE | re.MULTILINE
)
_FENCED = re.compile(r"\s*```\w*\n(.*)\n```\s*", re.DOTALL)
FIELDS = ("instruction", "input", "output")


class Decision(Enum):
    """What the critic would do with a row."""

    keep = "keep"
    fix = "fix"
    remove = "remove"


@dataclass(frozen=True)
class Verdict:
    """A decision, its reason, and for a fix the fields that change."""

    decision: Decision
    reason: str
    changes: Mapping[str, str] | None = None
    """None for keep and remove, and for a fix that cannot be read or leaves nothing to learn from."""


def read_verdict(reply: str) -> Verdict | None:
    """The verdict; None where the reply's first line of text holds none.

    The fields of a fix follow as a JSON object (fenced or not) or under labels (`Output:`, `[Output]`),
    each with its whole new text; what is not named stays.
    """
    opening, _, rest = reply.strip().partition("\n")
    found = _VERDICT.match(opening)
    if not found:
        return None
    decision = Decision(found[1].lower())
    if decision is not Decision.fix:
        return Verdict(decision, found[2].strip() or "no reason given")
    reason = found[2].partition("{")[0].strip()
    changes = (_in_json(reply) if "{" in reply else None) or _under_labels(rest)
    return Verdict(decision, reason or "no reason given", changes)


def mended(example: Example, changes: Mapping[str, str]) -> Example | None:
    """The example with the fix; None where that leaves it without an instruction or an output."""
    fixed = replace(example, **changes)
    return fixed if fixed.instruction.strip() and fixed.output.strip() else None


def _in_json(text: str) -> dict[str, str] | None:
    """The first object that names one of the fields; strings may hold line breaks as they are."""
    decoder = json.JSONDecoder(strict=False)
    for start in (match.start() for match in re.finditer(r"\{", text)):
        try:
            value, _ = decoder.raw_decode(text, start)
        except ValueError:
            continue
        told = {str(key).lower(): part for key, part in value.items()}
        if any(name in told for name in FIELDS):
            return _texts({name: told[name] for name in FIELDS if name in told})
    return None


def _texts(told: Mapping[str, object]) -> dict[str, str] | None:
    """The fields as text; None where one of them is something else, so that no half of a fix is taken."""
    texts = {name: "" if part is None and name == "input" else part for name, part in told.items()}
    if not all(isinstance(part, str) for part in texts.values()):
        return None
    return {name: _plain(str(part)) for name, part in texts.items()}


def _under_labels(text: str) -> dict[str, str] | None:
    """The fields under their labels, in the order of a row; below `output` all is the output's."""
    fenced = _FENCED.fullmatch(text)
    text = fenced[1] if fenced else text
    starts: list[re.Match[str]] = []
    for label in _LABEL.finditer(text):
        place = FIELDS.index(label[1].lower())
        if not starts or place > FIELDS.index(starts[-1][1].lower()):
            starts.append(label)
    if not starts:
        return None
    ends = [label.start() for label in starts[1:]] + [len(text)]
    return {
        label[1].lower(): _plain(text[label.end() : end]) for label, end in zip(starts, ends, strict=True)
    }


def _plain(text: str) -> str:
    """Without what stands for no input in prompts, and without blank lines around it."""
    text = text.strip()
    return "" if text == prompts.NO_INPUT else text
