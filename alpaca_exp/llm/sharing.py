"""A journal's answers for somebody else: what was paid for here is there to be used, and not paid again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from alpaca_exp.llm.journal import file_name
from alpaca_exp.records import Row

ANSWERED = "answered"


def journals(records: Iterable[Row], outputs: Path) -> Iterator[Path]:
    """The journals of all models that were asked: an answer may have been paid for by another experiment."""
    names = {file_name(model) for record in records for model in _models(record["identity"])}
    return (path for name in sorted(names) if (path := outputs / "journal" / f"{name}.jsonl").is_file())


def _models(told: Any) -> Iterator[str]:
    """Every value of a key `model`, wherever it stands."""
    if isinstance(told, dict):
        for key, value in told.items():
            if key == "model" and isinstance(value, str):
                yield value
            yield from _models(value)
    elif isinstance(told, list):
        for item in told:
            yield from _models(item)


def copy_answers(journal: Path, into: BinaryIO) -> int:
    """Copy the lines with answers, of each request the last one. Returns how many there are."""
    places: dict[str, int] = {}
    place = 0
    with journal.open("rb") as file:
        for line in file:
            if (row := _answered(line)) is not None:
                places[str(row["key"])] = place
            place += len(line)
        for start in places.values():
            file.seek(start)
            line = file.readline()
            into.write(_paid_elsewhere(line, str((_answered(line) or {}).get("account"))))
    return len(places)


def _answered(line: bytes) -> Row | None:
    """A line of a journal, if it is an answer; a write that was cut short is none."""
    if not line.endswith(b"\n") or ANSWERED.encode() not in line:
        return None
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and row.get("state") == ANSWERED and "key" in row else None


def _paid_elsewhere(line: bytes, account: str) -> bytes:
    """The line with another account: whoever uses the answer there has paid nothing for it."""
    mark = b'"account": '
    return line.replace(
        mark + json.dumps(account).encode(), mark + json.dumps(f"{account}, elsewhere").encode(), 1
    )
