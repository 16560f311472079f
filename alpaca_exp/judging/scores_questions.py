"""What the verdicts on one pair of models say of each question: the unit that all intervals draw anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from statistics import fmean

from alpaca_exp.judging.opinions import EVEN, PAIRWISE
from alpaca_exp.records import Row


@dataclass(frozen=True, slots=True)
class Compared:
    """One question's verdicts, averaged over the orders in which they could be read."""

    question_id: str
    category: str
    preference: float
    """For the model, 0 to 1."""
    score: float | None
    """The model's; None where the judge gave none."""
    opponent_score: float | None
    flipped: bool | None
    """Whether the order of the answers changed the winner; None where only one order was read."""
    ratio: float | None
    """The log of the model's words over the opponent's, of each one more.

    None where they are not known, and where either answer is empty: what loses then is not its length.
    """


def compared(verdicts: Iterable[Row], model: str | None = None) -> list[Compared]:
    """The questions on which a verdict was read, in their order; a retest is no further reading.

    `model` is model 2's name, where verdicts may name the two the other way round; by default model 2.
    """
    by_question: dict[str, list[Row]] = {}
    for row in verdicts:
        if row["parsed"] and row["preference"] is not None and not row.get("retest"):
            turned = row if model in (None, row.get("model_2")) else swapped(row)
            by_question.setdefault(str(row["question_id"]), []).append(turned)
    return [_compared(name, rows) for name, rows in by_question.items()]


def swapped(row: Row) -> Row:
    """The verdict with model 1 as model 2."""
    other = {f"{key}_{n}": row.get(f"{key}_{3 - n}") for key in ("model", "score", "words") for n in (1, 2)}
    preference = None if row["preference"] is None else 1 - row["preference"]
    order = {"12": "21", "21": "12"}.get(row["order"])
    return row | other | {"preference": preference, "order": order}


def winner(preference: float) -> int:
    """1 where the model is preferred, -1 where the opponent is, 0 for a tie."""
    return (preference > 0.5 + EVEN) - (preference < 0.5 - EVEN)


def _compared(name: str, rows: Sequence[Row]) -> Compared:
    winners = {winner(row["preference"]) for row in rows}
    undecided = len(winners) > 1 and rows[0].get("protocol") == PAIRWISE
    orders = {row["order"] for row in rows}
    return Compared(
        question_id=name,
        category=str(rows[0].get("category") or ""),
        preference=0.5 if undecided else fmean(row["preference"] for row in rows),
        score=_mean(rows, "score_2"),
        opponent_score=_mean(rows, "score_1"),
        flipped=len(winners) > 1 if {"12", "21"} <= orders else None,
        ratio=_ratio(rows[0].get("words_1"), rows[0].get("words_2")),
    )


def _mean(rows: Sequence[Row], key: str) -> float | None:
    values = [row[key] for row in rows]
    return None if None in values else fmean(values)


def _ratio(theirs: int | None, ours: int | None) -> float | None:
    """One more word each, so that an answer of one word is not endlessly shorter than one of a few."""
    return log((ours + 1) / (theirs + 1)) if theirs and ours else None
