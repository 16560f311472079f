"""From the columns that data sets have to instruction, input and output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alpaca_exp.cleaning.files import Unusable
from alpaca_exp.records import Row

USUAL = {
    "instruction": ("instruction", "prompt", "question"),
    "input": ("input", "context"),
    "output": ("output", "response", "completion", "answer"),
    "messages": ("messages", "conversations", "conversation"),
}
"""The three fields, and a conversation in their place, each by the names it usually has."""
SPEAKERS = {"user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant"}
"""Of chat (role, content) and of ShareGPT (from, value)."""


class Columns:
    """Knows where in a row the three fields are: by the names given, else by the usual ones."""

    def __init__(self, given: Mapping[str, str]) -> None:
        """`given`: instruction, input, output or messages, and the column that it is in."""
        self._given = given
        self._found: dict[tuple[str, ...], dict[str, str]] = {}

    def fields(self, raw: Row) -> Row:
        """`instruction`, `input` and `output`, then every other key but `id` as it was.

        Raises Unusable where a field is missing or no text, or where a conversation is more than one
        question and its answer.
        """
        keys = tuple(raw)
        if keys not in self._found:
            self._found[keys] = self._resolve(raw)
        names = self._found[keys]
        if "messages" in names:
            texts = _turns(raw[names["messages"]], names["messages"])
        else:
            texts = {
                name: "" if name == "input" and raw[column] is None else _text(raw[column], column)
                for name, column in names.items()
            }
        fields = {name: texts.get(name, "") for name in ("instruction", "input", "output")}
        taken = {*names.values(), "id", *fields}
        return fields | {key: sound(value, key) for key, value in raw.items() if key not in taken}

    def _resolve(self, raw: Row) -> dict[str, str]:
        """Field -> column; either two or three of the fields, or `messages` alone."""
        for key in raw:
            sound(key, "a column's name")
        names: dict[str, str] = {}
        for field, usual in USUAL.items():
            candidates = (self._given[field],) if field in self._given else usual
            found = next((name for name in candidates if name in raw), None)
            names |= {field: found} if found is not None else {}
        messages = names.pop("messages", None)
        needed = ("instruction", "output", *(["input"] if "input" in self._given else []))
        missing = [self._given.get(name, name) for name in needed if name not in names]
        if messages and (missing or "messages" in self._given):
            return {"messages": messages}
        if missing:
            has = ", ".join(sorted(raw)) or "nothing"
            raise Unusable("missing columns", f"lacks {' and '.join(missing)} (it has {has})")
        return names


def _turns(messages: Any, column: str) -> Row:
    """Instruction and output of a conversation of one question and its answer."""
    if not isinstance(messages, list) or not all(isinstance(turn, dict) for turn in messages):
        raise Unusable("no single turn", f"has no list of messages in `{column}`")
    speakers = [str(turn.get("role", turn.get("from"))) for turn in messages]
    if [SPEAKERS.get(speaker) for speaker in speakers] != ["user", "assistant"]:
        said = ", ".join(speakers[:4]) + (", ..." if len(speakers) > 4 else "")
        raise Unusable("no single turn", f"is no single question and answer: `{column}` has {said or 'none'}")
    asked, answered = (turn.get("content", turn.get("value")) for turn in messages)
    return {"instruction": _text(asked, column), "output": _text(answered, column)}


def _text(value: Any, column: str) -> str:
    if not isinstance(value, str):
        kind = "null" if value is None else type(value).__name__
        raise Unusable("mixed types", f"has {kind} for `{column}`, which must be text")
    if not value.isascii():
        sound(value, column)
    return value


def sound(value: Any, column: str) -> Any:
    """`value`, if it can be written as UTF-8."""
    if isinstance(value, str):
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise _unsound(value[error.start], column) from None
    elif isinstance(value, dict):
        for key, part in value.items():
            sound(key, column)
            sound(part, column)
    elif isinstance(value, list):
        for part in value:
            sound(part, column)
    return value


def _unsound(character: str, column: str) -> Unusable:
    """Bytes that were no UTF-8 were read as U+DC80 to U+DCFF; other surrogates were escapes."""
    byte = ord(character) - 0xDC00
    if 0x80 <= byte <= 0xFF:
        return Unusable("wrong encoding", f"holds a byte in `{column}` that is not UTF-8 (0x{byte:02x})")
    return Unusable("lone surrogate", f"holds half a character in `{column}` (a lone surrogate)")
