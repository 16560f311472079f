"""Reading self-instruct's three kinds of replies: a list of instructions, yes or no, instances."""

from __future__ import annotations

import re
from collections.abc import Iterator

from alpaca_exp.prompts import NO_INPUT
from alpaca_exp.records import Completion, Example
from alpaca_exp.selfinstruct.parsing import CUT_OFF, Item

NEXT_TASK = "\nTask:"
"""Where a reply about one task runs on to another one."""
NO_INSTANCE = "malformed: no instance"
_NUMBERED = re.compile(
    r"^[ \t]*\**(?:Task[ \t]+)?(?P<number>\d+)[.:)]\**[ \t]*", re.IGNORECASE | re.MULTILINE
)
_FIELD = re.compile(
    r"^[ \t]*\**(?P<field>Label|Input|Output)(?:[ \t]*\d+)?\**[ \t]*:\**[ \t]*", re.I | re.MULTILINE
)
_EXAMPLE = re.compile(r"\n[ \t]*\**Example[ \t]*\d+[.:)]?\**\s*\Z", re.IGNORECASE)
"""A line that counts the example which comes next."""


def read_instructions(completion: Completion, shown: int) -> list[Item]:
    """The instructions of the reply to `prompts.instruction_list`, which showed `shown` of them.

    Numbers must go up one by one, so that a numbered list within an instruction is part of it.
    """
    text = completion.text
    if completion.finish_reason in ("refusal", "content_filter") or not text.strip():
        return [Item(0, Example("", ""), f"malformed: no list, {_why(completion)}")]
    first = _NUMBERED.search(text)
    if not first or int(first["number"]) > shown + 1 or text[: first.start()].strip(" #*\n"):
        text = f"Task {shown + 1}: {text}"
    found = [" ".join(each.split()) for each in _numbered(text)]
    items = [
        Item(place, Example(each, ""), None if each else "malformed: no instruction")
        for place, each in enumerate(found)
    ]
    if completion.finish_reason == "length":
        items[-1] = Item(items[-1].number, items[-1].example, CUT_OFF)
    return items


def read_yes_or_no(completion: Completion) -> bool | None:
    """What the reply to `prompts.classification_question` says; None where it says neither."""
    word = re.match(r"\W*(yes|no)\b", completion.text, re.IGNORECASE)
    return word[1].lower() == "yes" if word else None


def read_instances(completion: Completion, instruction: str, most: int, label_first: bool) -> list[Item]:
    """The examples of one instruction, those that are none with their reason.

    Left out are examples without output, outputs that repeat the input, a second output for the same
    input, and whatever comes after the first `most`.
    """
    text, more, _ = completion.text.partition(NEXT_TASK)
    pairs = list(_pairs(("Label:" if label_first else "Input:") + text, label_first))
    items: list[Item] = []
    inputs: set[str] = set()
    for place, (given, output) in enumerate(pairs):
        reason = _reason(given, output, inputs, len(items) >= most)
        cut = completion.finish_reason == "length" and not more and place == len(pairs) - 1
        items.append(Item(place, Example(instruction, output, given), CUT_OFF if cut else reason))
        inputs.add(given)
    return items or [Item(0, Example(instruction, completion.text.strip()), NO_INSTANCE)]


def _numbered(text: str) -> Iterator[str]:
    """The texts behind the numbers n, n + 1, ..."""
    start, expected = 0, -1
    for match in _NUMBERED.finditer(text):
        number = int(match["number"])
        if expected in (-1, number):
            if expected != -1:
                yield text[start : match.start()]
            start, expected = match.end(), number + 1
    yield text[start:]


def _pairs(text: str, label_first: bool) -> Iterator[tuple[str, str]]:
    """(input, output) of each example; the first of the two fields opens the next one."""
    opener = "label" if label_first else "input"
    headings = list(_FIELD.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    fields: dict[str, str] = {}
    for heading, end in zip(headings, ends, strict=True):
        name = heading["field"].lower()
        if name == opener and fields:
            yield _pair(fields, label_first)
            fields = {}
        fields.setdefault(name, _EXAMPLE.sub("", text[heading.end() : end]).strip())
    if any(fields.values()):
        yield _pair(fields, label_first)


def _pair(fields: dict[str, str], label_first: bool) -> tuple[str, str]:
    given = fields.get("input", "")
    output = fields.get("label" if label_first else "output", "")
    return ("" if given.lower() == NO_INPUT else given, output)


def _reason(given: str, output: str, inputs: set[str], enough: bool) -> str | None:
    if enough:
        return "surplus: more than teacher.max_instances"
    if not output:
        return "malformed: no output"
    if given == output:
        return "malformed: the output repeats the input"
    return "conflicting: a second output for the same input" if given in inputs else None


def _why(completion: Completion) -> str:
    known = {"refusal": "the teacher refused", "content_filter": "filtered by the server"}
    return known.get(completion.finish_reason, "the reply is empty")
