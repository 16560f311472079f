"""What a judge, or a person, thinks of two answers to a question: one opinion however often it was asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from alpaca_exp.records import Row

EVEN = 1e-9
"""A preference no farther than this from the middle is a tie: rounding is no opinion."""
PAIRWISE = "pairwise"
"""The protocol in which a judge that changes its mind with the order saw a tie."""
CLASSES = ("1", "tie", "2")
"""Whose answer is the better one, in order: the first model's, neither, the second's."""


@dataclass(frozen=True, slots=True)
class Matter:
    """What an opinion is about: two models' answers to a question, the models in a fixed order."""

    question_id: str
    models: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What somebody thinks of it, over both orders and whoever was asked."""

    preference: float
    """For the second of the models, 0 to 1: the mean over whoever was asked."""
    category: str = ""
    conversation: str = ""
    """What it is a part of, as turns are of one: its parts are no independent evidence."""
    longer: float = 0.5
    """1 where the second model's answer is longer, 0 where it is shorter, 0.5 where nothing is known."""
    text: str = ""
    """What was said with it, in the first reading."""

    @property
    def choice(self) -> int:
        """Which of `CLASSES`: readings that cancel out, as where the order decided, are a tie."""
        gap = self.preference - 0.5
        return 1 + (gap > EVEN) - (gap < -EVEN)


def opinions_of(rows: Iterable[Row]) -> dict[Matter, Opinion]:
    """The opinions in rows of `verdicts.jsonl`, of those that were read; a retest is no further reading.

    One of two orders is as in the scores: their mean, and a tie where a judge that names winners names
    another one when the order is. Several judges, as people are, are averaged. A rating of a single answer
    with no other beside it is no opinion.
    """
    readings: dict[Matter, list[_Reading]] = {}
    for row in rows:
        if not row.get("retest") and row["preference"] is not None:
            matter, swapped = matter_of(row)
            preference = 1 - row["preference"] if swapped else row["preference"]
            readings.setdefault(matter, []).append(_Reading(preference, row, swapped))
    return {matter: _opinion(matter, found) for matter, found in readings.items()}


def matter_of(row: Mapping[str, object]) -> tuple[Matter, bool]:
    """What the row is about, and whether its models stand the other way round there: by name."""
    first, second = str(row["model_1"]), str(row["model_2"])
    swapped = second < first
    return Matter(str(row["question_id"]), (second, first) if swapped else (first, second)), swapped


def renamed(rows: Iterable[Row], names: Mapping[str, str]) -> list[Row]:
    """The rows with other names for their models, where `names` has one."""
    return [
        row | {key: names.get(row[key], row[key]) for key in ("model_1", "model_2") if row.get(key)}
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class _Reading:
    """One reading, its preference turned to the models' fixed order."""

    preference: float
    row: Row
    swapped: bool


def _opinion(matter: Matter, readings: Sequence[_Reading]) -> Opinion:
    judges: dict[str, list[_Reading]] = {}
    for one in readings:
        judges.setdefault(str(one.row.get("judge", "")), []).append(one)
    category = next((str(one.row["category"]) for one in readings if one.row.get("category")), "")
    conversation = str(readings[0].row.get("conversation") or matter.question_id)
    preference, text = fmean(map(_settled, judges.values())), str(readings[0].row.get("text") or "")
    return Opinion(preference, category, conversation, _longer(readings[0]), text)


def _settled(readings: Sequence[_Reading]) -> float:
    """What one judge thinks, over the orders."""
    winners = {Opinion(one.preference).choice for one in readings}
    undecided = len(winners) > 1 and readings[0].row.get("protocol") == PAIRWISE
    return 0.5 if undecided else fmean(one.preference for one in readings)


def _longer(one: _Reading) -> float:
    first, second = one.row.get("words_1"), one.row.get("words_2")
    if first is None or second is None or first == second:
        return 0.5
    return float((second > first) != one.swapped)
