"""What a judge, or a person, thinks of two answers to a question: one opinion however often it was asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from alpaca_exp.records import Row

EVEN = 1e-9
"""A preference no farther than this from the middle is a tie: rounding is no opinion."""
CLASSES = ("1", "tie", "2")
"""Whose answer is the better one, in order: the first model's, neither, the second's."""


@dataclass(frozen=True, slots=True)
class Matter:
    """What an opinion is about: two models' answers to a question, the models in a fixed order."""

    question_id: str
    models: tuple[str, str]
    turn: int = 1


@dataclass(frozen=True, slots=True)
class Opinion:
    """What somebody thinks of it, over both orders and whoever was asked."""

    preference: float
    """For the second of the models, 0 to 1: the mean of the readings."""
    category: str = ""
    longer: float = 0.5
    """1 where the second model's answer is longer, 0 where it is shorter, 0.5 where nothing is known."""
    readings: int = 1

    @property
    def choice(self) -> int:
        """Which of `CLASSES`: readings that cancel out, as where the order decided, are a tie."""
        gap = self.preference - 0.5
        return 1 + (gap > EVEN) - (gap < -EVEN)


def opinions_of(rows: Iterable[Row]) -> dict[Matter, Opinion]:
    """The opinions in rows of `verdicts.jsonl` (those that were read; a retest is no further reading).

    Ratings of single answers are an opinion where the same row or judge rated both; a rating with no
    second answer beside it is none.
    """
    readings: dict[Matter, list[tuple[float, Row, bool]]] = {}
    for row in rows:
        preference = row["preference"]
        if row.get("retest") or preference is None:
            continue
        matter, swapped = matter_of(row)
        readings.setdefault(matter, []).append((1 - preference if swapped else preference, row, swapped))
    return {matter: _opinion(found) for matter, found in readings.items()}


def matter_of(row: Mapping[str, object]) -> tuple[Matter, bool]:
    """What the row is about, and whether its models stand the other way round there: by name."""
    first, second = str(row["model_1"]), str(row["model_2"])
    swapped = second < first
    turn = row.get("turn")
    models = (second, first) if swapped else (first, second)
    return Matter(str(row["question_id"]), models, turn if isinstance(turn, int) else 1), swapped


def renamed(rows: Iterable[Row], names: Mapping[str, str]) -> list[Row]:
    """The rows with other names for their models, where `names` has one."""
    return [
        row | {key: names.get(row[key], row[key]) for key in ("model_1", "model_2") if row.get(key)}
        for row in rows
    ]


def _opinion(readings: Sequence[tuple[float, Row, bool]]) -> Opinion:
    row, swapped = readings[0][1:]
    category = next((str(one.get("category")) for _, one, _ in readings if one.get("category")), "")
    return Opinion(fmean(value for value, _, _ in readings), category, _longer(row, swapped), len(readings))


def _longer(row: Row, swapped: bool) -> float:
    first, second = row.get("words_1"), row.get("words_2")
    if first is None or second is None or first == second:
        return 0.5
    return float((second > first) != swapped)
