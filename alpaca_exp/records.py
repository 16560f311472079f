"""What flows between stages, and how it lies on disk: JSON lines in and out."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alpaca_exp.errors import InputError

Row = dict[str, Any]
"""One JSON object of a JSON-lines file. Readers keep the keys they do not know."""


@dataclass(frozen=True, slots=True)
class Example:
    """One instruction-tuning example, in the three fields that Alpaca made standard."""

    instruction: str
    output: str
    input: str = ""

    @property
    def id(self) -> str:
        """16 hex digits that name the three fields' content."""
        return content_id(self.instruction, self.input, self.output)


@dataclass(frozen=True, slots=True)
class Usage:
    """What one request, or many, consumed.

    `usd_avoided` is the price of answers found in the journal. `possibly_billed` is, in dollars, the most
    that a server may have billed for answers that never came: no price paid, but what the budget counts.
    """

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = 0.0
    usd_avoided: float = 0.0
    gpu_hours: float = 0.0
    possibly_billed: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        fields = dataclasses.fields(self)
        return Usage(*(getattr(self, f.name) + getattr(other, f.name) for f in fields))


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered to one prompt."""

    prompt: str
    text: str
    model: str
    finish_reason: str
    """"stop", "length", "content_filter" or "refusal"."""
    usage: Usage = field(default_factory=Usage)
    fingerprint: str = ""
    """What the server calls the system that answered, where it says so."""
    top_logprobs: Mapping[str, float] | None = None
    """The likeliest first tokens with their natural logarithms, where they were asked for and told."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One reading of two answers. Scores are null where the reply held none, or none was asked for."""

    question_id: str
    score_1: float | None
    score_2: float | None
    order: str
    """"12": model 1's answer was shown first; "21": model 2's."""
    text: str
    preference: float | None = None
    """How far model 2 is preferred, 0 to 1; None where the reply cannot be read."""

    @property
    def parsed(self) -> bool:
        """Whether the judge's reply could be read."""
        return self.preference is not None


@dataclass(frozen=True, slots=True)
class Score:
    """A number with its doubt. `stderr` is the analytic standard error over `n` documents."""

    task: str
    metric: str
    value: float
    stderr: float | None
    n: int
    higher_is_better: bool = True
    chance: float | None = None
    filter: str = "none"
    task_version: str = ""


def content_id(*texts: str) -> str:
    """16 hex digits of the sha256 of `texts`, with their boundaries."""
    return hashlib.sha256(json.dumps(texts, ensure_ascii=False).encode()).hexdigest()[:16]


def as_row(record: object) -> Row:
    """A record as a JSON object: dataclasses by field, mappings as they are."""
    if isinstance(record, Mapping):
        return dict(record)
    return dataclasses.asdict(record)  # type: ignore[call-overload, no-any-return]


def write_jsonl(records: Iterable[object], path: Path) -> None:
    """One record a line, in UTF-8. The file appears whole or not at all."""
    draft = path.with_name(f"{path.name}.draft")
    with draft.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(as_row(record), ensure_ascii=False) + "\n")
    os.replace(draft, path)


def read_jsonl(path: Path, required: Iterable[str] = ()) -> Iterator[Row]:
    """The objects of `path`, one at a time.

    Raises InputError, naming file and line, where a line is no JSON object or lacks a `required` key.
    """
    needed = tuple(required)
    try:
        file = path.open(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    with file:
        try:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield read_row(line, path, number, needed)
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8") from None


def read_row(line: str, path: Path, number: int, needed: tuple[str, ...] = ()) -> Row:
    """The object in one line of `path`. Raises InputError, as `read_jsonl` does."""
    try:
        row = json.loads(line.rstrip("\r\n"))
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}, line {number}, is not valid JSON ({json_fault(error)}); mend or remove that line"
        ) from None
    if not isinstance(row, dict):
        raise InputError(f"{path}, line {number}, is no JSON object but a {type(row).__name__}")
    missing = [key for key in needed if key not in row]
    if missing:
        raise InputError(f"{path}, line {number}, lacks {', '.join(missing)}")
    return row


def json_fault(error: json.JSONDecodeError) -> str:
    """What is wrong, and in which column of its line: "Unterminated string starting at column 17"."""
    return f"{error.msg.removesuffix(' at')} at column {error.colno}"


def write_json(value: object, path: Path) -> None:
    """`value` as indented JSON. The file appears whole or not at all."""
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(draft, path)
