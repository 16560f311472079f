"""What the readers of published judgments share: objects with their places, what is known, verdicts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alpaca_exp.cleaning.files import Unusable, records
from alpaca_exp.errors import InputError
from alpaca_exp.records import Row, content_id

Wanted = type | tuple[type, ...]


class Broken(InputError):
    """One object of a file is no judgment; the others may be."""


@dataclass(frozen=True)
class Line:
    """One object of a published file, and where it stands."""

    file: Path
    place: str
    """ "line 3" or "row 3"."""
    row: Row

    def fault(self, text: str) -> Broken:
        """What is wrong with it, as an error to raise: "FILE, line 3, TEXT"."""
        return Broken(f"{self.file}, {self.place}, {text}")

    def need(self, key: str, kinds: Wanted, what: str) -> Any:
        """The value of `key`. Raises InputError where it is absent or none of `kinds`."""
        if key not in self.row:
            raise self.fault(f"lacks {key}, {what}")
        value = self.row[key]
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise self.fault(f"has the {key} {value!r:.40}; it must be {what}")
        return value

    def question_id(self) -> str:
        """The question's id, as text."""
        return str(self.need("question_id", (int, str), "the question's number or name"))

    def number(self, value: object, what: str) -> float | None:
        """A number, or None for null and NaN. Raises InputError for anything else."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.fault(f"has {value!r:.40} as {what}, which is no number")
        return None if math.isnan(value) else float(value)


@dataclass(frozen=True)
class Answer:
    """Whose answer it is, and how long."""

    model: str
    words: Sequence[int]
    """One number a turn."""


@dataclass(frozen=True)
class Known:
    """What stands beside judgments: the questions' categories, the answers' models and lengths."""

    categories: Mapping[str, str] = field(default_factory=dict)
    by_text: Mapping[str, str] = field(default_factory=dict)
    """Question ids by the question's text."""
    answers: Mapping[str, Answer] = field(default_factory=dict)
    """By the answer's id."""
    answered: Mapping[tuple[str, str], Answer] = field(default_factory=dict)
    """By model and question."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """A model's name by the other name that its answers give it."""

    @property
    def models(self) -> set[str]:
        """Whose answers are known."""
        return {model for model, _ in self.answered}

    def words(self, answer_id: object, model: str, question_id: str, turn: int = 1) -> int | None:
        """How many words the answer has; None where it is not known."""
        found = self.answers.get(str(answer_id)) or self.answered.get((model, question_id))
        return found.words[turn - 1] if found and turn <= len(found.words) else None


@dataclass(frozen=True)
class Judgment:
    """One published reading of two answers, or of one: then model 1 is empty."""

    question_id: str
    models: tuple[str, str]
    judge: str
    protocol: str
    order: str | None
    """Null where the file does not tell which answer was shown first."""
    text: str
    scores: tuple[float | None, float | None] = (None, None)
    preference: float | None = None
    """0 to 1 for model 2; where it is None, two scores make it."""
    words: tuple[int | None, int | None] = (None, None)
    category: str = ""
    """Where it is empty, the questions file's."""
    more: Mapping[str, object] = field(default_factory=dict)
    """What else the verdict shall hold."""

    def verdict(self, line: Line, known: Known) -> Row:
        """The row of `verdicts.jsonl`; without scores and preference, one that was not read."""
        first, second = self.scores
        preference = self.preference
        if preference is None and first is not None and second is not None:
            preference = 0.5 + 0.5 * ((second > first) - (second < first))
        rated = not self.models[0] and second is not None
        return {
            "question_id": self.question_id,
            "category": self.category or known.categories.get(self.question_id, ""),
            "model_1": self.models[0],
            "model_2": self.models[1],
            "judge": self.judge,
            "protocol": self.protocol,
            "order": self.order,
            "score_1": first,
            "score_2": second,
            "preference": preference,
            "words_1": self.words[0],
            "words_2": self.words[1],
            "text": self.text,
            "parsed": preference is not None or rated,
            **self.more,
            "source": line.file.name,
        }


def read_lines(file: Path, broken: list[str] | None = None) -> Iterator[Line]:
    """The objects of a JSON array, JSON lines or Parquet.

    What is wrong with one goes into `broken`, where there is one. Raises InputError, naming file and line.
    """
    empty = True
    for record in records(file):
        place = f"{record.unit} {record.number}"
        if isinstance(record.value, Unusable):
            if broken is None:
                raise InputError(f"{file}, {place}, {record.value}; mend or remove it")
            broken.append(f"{file}, {place}, {record.value}")
            continue
        empty = False
        yield Line(file, place, record.value)
    if empty and not broken:
        raise InputError(f"{file} is empty; it should hold one JSON object a line, or an array of them")


def read_known(questions: Path | None, answers: Iterable[Path]) -> Known:
    """What a file of questions and files of answers say. Raises InputError where they cannot be read."""
    categories, by_text = _questions(questions) if questions else ({}, {})
    by_id: dict[str, Answer] = {}
    answered: dict[tuple[str, str], Answer] = {}
    aliases: dict[str, str] = {}
    for file in answers:
        for line in read_lines(file):
            answer, own = _answer(line), str(line.row.get("model_id") or line.row.get("model") or "")
            if own and own != answer.model:
                aliases[own] = answer.model
            if "answer_id" in line.row:
                by_id[str(line.row["answer_id"])] = answer
            answered[answer.model, line.question_id()] = answer
    return Known(categories, by_text, by_id, answered, aliases)


def _questions(file: Path) -> tuple[dict[str, str], dict[str, str]]:
    categories, by_text = {}, {}
    for line in read_lines(file):
        texts = line.row.get("turns") or [line.row.get("text") or line.row.get("instruction") or ""]
        name = line.question_id() if "instruction" not in line.row else content_id(str(texts[0]))
        categories[name] = str(line.row.get("category") or line.row.get("dataset") or "")
        by_text[str(texts[0])] = name
    return categories, by_text


def _answer(line: Line) -> Answer:
    stem = re.sub(r"\.jsonl?(\.gz)?$", "", line.file.name)
    own = line.row.get("model_id") or line.row.get("model") or stem
    model = stem.removeprefix("answer_") if stem.startswith("answer_") else str(own)
    return Answer(model, [len(turn.split()) for turn in _turns(line)])


def _turns(line: Line) -> list[str]:
    """The answer's text, or its texts where it answers several turns."""
    if isinstance(line.row.get("text"), str):
        return [line.row["text"]]
    try:
        turns = line.row["choices"][0]["turns"]
        return [turns] if isinstance(turns, str) else [str(turn) for turn in turns]
    except (KeyError, IndexError, TypeError):
        raise line.fault("is no answer: it has neither a text nor choices with turns") from None
