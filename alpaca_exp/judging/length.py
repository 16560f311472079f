"""What length does to a judge's verdicts, and what they would be at equal length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np

from alpaca_exp.judging.scores_questions import Compared, winner
from alpaca_exp.statistics.bootstrap import Array
from alpaca_exp.statistics.combined import unseen
from alpaca_exp.statistics.difficulty import difficulties
from alpaca_exp.statistics.length_control import (
    LEAST_QUESTIONS,
    LEAST_SPREAD,
    difference_at_equal_length,
    moves_at_equal_length,
    moves_of_difference,
    win_rate_at_equal_length,
)

FEWEST_BESIDE = 2
"""Questions on either side of equal length: a single one may be the odd answer that is all but empty."""
FARTHEST, NO_DOUBT = 9.0, 1e-9
"""What two scores of 1 to 10 can be apart, and a standard error that comes of rounding alone."""
FEW_BESIDE = 0.05
"""The share of the questions below which a side says little."""


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error and its 95 % interval."""

    value: float
    stderr: float
    low: float
    high: float
    n: int


def win_rate_lc(
    questions: Sequence[Compared], others: Mapping[str, Sequence[Compared]] | None = None
) -> Estimate | None:
    """The win rate, in per cent, if both answers were equally long; None where it cannot be told.

    That is where equal length lies beyond the data: no curve can be checked there, and questions whose short
    answer is a broken one would tell what length does.

    `others`, by model, are what further models got from the same judge against the same opponent: with two
    or more of them each question's difficulty is told by these, as AlpacaEval 2 has it from many models.
    """
    known = _known(questions)
    if known is None:
        return None
    preferences, ratios = known
    names = [one.question_id for one in questions if one.ratio is not None]
    found = win_rate_at_equal_length(preferences, ratios, _difficulty(names, others or {}))
    value, stderr, low, high = (
        100 * float(one) for one in (found.value, found.stderr, found.low, found.high)
    )
    return Estimate(value, stderr, low, high, len(names))


def difference_lc(questions: Sequence[Compared]) -> Estimate | None:
    """The model's points over the opponent's if both answers were equally long; None as above."""
    scored = [one for one in questions if one.score is not None and one.opponent_score is not None]
    known = _known(scored)
    if known is None:
        return None
    points = _differences(scored)
    value, stderr, low, high = map(float, difference_at_equal_length(points, known[1]))
    if stderr < NO_DOUBT:  # all alike: what so many leave open
        others = unseen(len(points))
        low, high = value - (value + FARTHEST) * others, value + (FARTHEST - value) * others
    low, high = max(low, -FARTHEST), min(high, FARTHEST)
    return Estimate(value, stderr, low, high, len(points))


def length_slope(questions: Sequence[Compared]) -> Estimate | None:
    """How many points of win rate an answer gains, in an even match, by being twice as long as the other."""
    known = _known(questions)
    if known is None:
        return None
    found = win_rate_at_equal_length(*known)
    slope, half = float(found.slope) * log(2), 1.959964 * float(found.slope_stderr) * log(2)
    low, value, high = (100 * (_share(slope + side * half) - 0.5) for side in (-1, 0, 1))
    return Estimate(value, (high - low) / (2 * 1.959964), low, high, len(known[0]))


def longer_preferred(questions: Sequence[Compared]) -> list[float]:
    """Of each untied question whose answers differ in length: 1 where the longer one is preferred, else 0."""
    return [
        float(winner(one.preference) * one.ratio > 0)
        for one in questions
        if one.ratio and winner(one.preference)
    ]


def moves(metric: str, questions: Sequence[Compared]) -> dict[str, float]:
    """By how much each question moves win_rate_lc, difference_lc or length_slope, up to a common factor.

    They sum to 0; empty where the metric cannot be told, or is another.
    """
    scored = [one for one in questions if None not in (one.score, one.opponent_score)]
    asked = scored if metric == "difference_lc" else questions
    known = _known(asked)
    if known is None or metric not in ("win_rate_lc", "difference_lc", "length_slope"):
        return {}
    names = [one.question_id for one in asked if one.ratio is not None]
    if metric == "difference_lc":
        found = moves_of_difference(_differences(asked), known[1])
    else:
        found = moves_at_equal_length(*known)[metric == "length_slope"]
    return dict(zip(names, found.tolist(), strict=True))


def beyond_the_data(questions: Sequence[Compared]) -> str | None:
    """A sentence where all answers of one side, or nearly all, are longer than the other's."""
    ratios = [one.ratio for one in questions if one.ratio is not None]
    sides = {"longer": sum(r > 0 for r in ratios), "shorter": sum(r < 0 for r in ratios)}
    word, count = max(sides.items(), key=lambda side: side[1])
    others, n = len(ratios) - count, len(ratios)
    if n < LEAST_QUESTIONS or others >= max(FEWEST_BESIDE, FEW_BESIDE * n):
        return None
    told = f"the model's answer is the {word} one in {count} of {n} questions"
    if _is_beyond(ratios):
        return (
            f"there is no win_rate_lc, difference_lc or length_slope: {told}, so equal length lies beyond "
            "the data, and what it would change cannot be told"
        )
    return f"win_rate_lc, difference_lc: {told}; equal length lies at the edge of the data"


def _differences(scored: Sequence[Compared]) -> Array:
    return np.array(
        [(one.score or 0.0) - (one.opponent_score or 0.0) for one in scored if one.ratio is not None]
    )


def _known(questions: Sequence[Compared]) -> tuple[Array, Array] | None:
    """The preferences and the ratios of length, where enough is known, on both sides of equal length."""
    pairs = [(one.preference, one.ratio) for one in questions if one.ratio is not None]
    if len(pairs) < LEAST_QUESTIONS or _is_beyond([ratio for _, ratio in pairs]):
        return None
    preferences, ratios = np.array(pairs).T
    return None if np.ptp(ratios) < LEAST_SPREAD else (preferences, ratios)


def _is_beyond(ratios: Sequence[float]) -> bool:
    """Whether equal length is outside what was seen."""
    return min(sum(r <= 0 for r in ratios), sum(r >= 0 for r in ratios)) < FEWEST_BESIDE


def _difficulty(names: Sequence[str], others: Mapping[str, Sequence[Compared]]) -> Array:
    """Each question's ease for whoever is compared, in log-odds: 0 where the others do not tell."""
    told = {
        model: {one.question_id: (one.preference, one.ratio) for one in questions if one.ratio is not None}
        for model, questions in others.items()
    }
    return difficulties(names, list(told.values()))


def _share(log_odds: float) -> float:
    return 1 / (1 + exp(-log_odds))
