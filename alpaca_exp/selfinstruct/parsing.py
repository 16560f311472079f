"""Reading a teacher's reply: the rest of the numbered list that the prompt opened."""

from __future__ import annotations

import re
from dataclasses import dataclass

from alpaca_exp.prompts import NO_INPUT
from alpaca_exp.records import Completion, Example

CUT_OFF = "cut off: the reply reached max_tokens"
_PROMPT_END = re.compile(r"(\d+)\. Instruction:\s*\Z")
_HEADING = re.compile(
    r"^[ \t]*(?:#{2,}[ \t]*)?\**(?P<number>\d+)[.)]\**[ \t]*"
    r"\**(?P<field>Instruction|Input|Output)\**[ \t]*:\**",
    re.IGNORECASE | re.MULTILINE,
)
_RULE = re.compile(r"(?:^|\n)[ \t]*#{3,}\s*\Z")
"""The line between two items, which belongs to neither."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a reply, as far as it could be read; `reason` says what is wrong with it, if anything."""

    number: int
    """The item's place in the reply: 0, 1, ..."""
    example: Example
    reason: str | None = None
    quirks: tuple[str, ...] = ()
    """The historical quirks (`teacher.<name>`) that touched it."""


def read_items(completion: Completion, two_hashes: bool = False) -> list[Item]:
    """Every item of the reply to `prompts.task_list`, the malformed ones with their reason.

    The reply goes on where the prompt ended, behind the words `4. Instruction:`, or repeats them.
    Where it reached max_tokens its last item is cut off. A reply without any item is one
    malformed item, which holds its text as output. With `two_hashes` an item ends at its first `##`.
    """
    text = _with_heading(completion)
    starts = [match for match in _HEADING.finditer(text) if match["field"].lower() == "instruction"]
    if completion.finish_reason in ("refusal", "content_filter") or not starts:
        reason = f"malformed: no list, {_why(completion)}"
        return [Item(0, Example("", completion.text.strip()), reason)]
    ends = [match.start() for match in starts[1:]] + [len(text)]
    items = [
        _item(place, text[start.start() : end], two_hashes)
        for place, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]
    if completion.finish_reason == "length":
        items[-1] = Item(items[-1].number, items[-1].example, CUT_OFF, items[-1].quirks)
    return items


def _with_heading(completion: Completion) -> str:
    """The reply with the heading that the prompt began for it, unless it holds that one itself."""
    opened = _PROMPT_END.search(completion.prompt)
    if opened is None or not completion.text.strip():
        return completion.text
    first = _HEADING.search(completion.text)
    if first and first["field"].lower() == "instruction" and int(first["number"]) <= int(opened[1]):
        return completion.text
    return f"{opened[1]}. Instruction:{completion.text}"


def _item(place: int, text: str, two_hashes: bool = False) -> Item:
    """One item: its first input and first output heading count, later ones are part of the text."""
    first = _HEADING.match(text)
    quirks: tuple[str, ...] = ()
    if two_hashes and first:
        whole, text = text, text[: first.end()] + text[first.end() :].partition("##")[0]
        quirks = ("two_hashes",) if text.strip() != _RULE.sub("", whole).strip() else ()
    headings = {"instruction": first}
    for match in _HEADING.finditer(text):
        if match["number"] == _number(headings["instruction"]):
            headings.setdefault(match["field"].lower(), match)
    order = sorted((match.start(), match.end(), name) for name, match in headings.items() if match)
    ends = [start for start, _, _ in order[1:]] + [len(text)]
    fields = {
        name: _RULE.sub("", text[begin:end]).strip()
        for (_, begin, name), end in zip(order, ends, strict=True)
    }
    given = fields.get("input", "")
    given = "" if given.lower() == NO_INPUT else given
    example = Example(fields["instruction"], fields.get("output", ""), given)
    return Item(place, example, _missing(fields, order), quirks)


def _number(heading: re.Match[str] | None) -> str:
    return heading["number"] if heading else ""


def _missing(fields: dict[str, str], order: list[tuple[int, int, str]]) -> str | None:
    if not fields["instruction"]:
        return "malformed: no instruction"
    if "output" not in fields:
        return "malformed: no output"
    if order[-1][2] != "output":
        return "malformed: the output stands before the input"
    return None


def _why(completion: Completion) -> str:
    if completion.finish_reason in ("refusal", "content_filter"):
        return {"refusal": "the teacher refused", "content_filter": "filtered by the server"}[
            completion.finish_reason
        ]
    return "the reply is empty" if not completion.text.strip() else "no heading was found"
