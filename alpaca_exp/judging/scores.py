"""What a judge's verdicts add up to, each number with its standard error over the questions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean

from alpaca_exp.records import Row, Score

TASK = "judge"
PAIRWISE = "pairwise"
"""The protocol in which a judge who changes its mind with the order saw a tie."""


@dataclass(frozen=True, slots=True)
class _Question:
    """One question's verdicts, averaged over the orders in which they could be read."""

    opponent: float | None
    model: float | None
    """None where the protocol gives no scores."""
    preference: float
    flipped: bool | None
    """Whether the order of the answers changed the winner; None where only one order was read."""


def judge_scores(verdicts: Sequence[Row]) -> list[Score]:
    """The scores of model 2 against model 1, its opponent, from rows of `verdicts.jsonl`.

    percent: 100 x sum of the model's scores / sum of the opponent's (Vicuna's "per cent of");
    win_rate: percentage of questions won, a tie counting half; score, opponent_score: means of 1 to 10;
    flip_rate: percentage of questions whose winner changes with the order; unparsed: verdicts without
    scores, which enter nothing else. With no verdict that could be read, only `unparsed`.
    """
    first = [row for row in verdicts if not row.get("retest")]
    questions = _questions(first)
    unread = sum(not row["parsed"] for row in first)
    scores = _readings(questions) if questions else []
    return [*scores, Score(TASK, "unparsed", float(unread), None, len(first), higher_is_better=False)]


def mean_words(words: Sequence[int]) -> Score:
    """The mean length of the model's answers, in words."""
    return _mean("mean", [float(count) for count in words], task="words")


def ratio_of_sums(values: Sequence[float], others: Sequence[float]) -> tuple[float, float | None]:
    """sum(values) / sum(others) and its standard error, for paired values.

    The error is the delta method's for a ratio of means (Cochran, Sampling Techniques, 6.4): the
    residuals value - ratio x other, their standard deviation over the mean of `others`.
    """
    n, total = len(values), sum(others)
    ratio = sum(values) / total
    if n < 2:
        return ratio, None
    squares = sum((value - ratio * other) ** 2 for value, other in zip(values, others, strict=True))
    return ratio, sqrt(squares * n / (n - 1)) / total


def _readings(questions: Sequence[_Question]) -> list[Score]:
    rated = [(q.model, q.opponent) for q in questions if q.model is not None and q.opponent is not None]
    flips = [100.0 * q.flipped for q in questions if q.flipped is not None]
    return [
        *(_ratings([ours for ours, _ in rated], [theirs for _, theirs in rated]) if rated else ()),
        _mean("win_rate", [100 * q.preference for q in questions], chance=50.0),
        *([_mean("flip_rate", flips, higher_is_better=False)] if flips else []),
    ]


def _ratings(ours: Sequence[float], theirs: Sequence[float]) -> list[Score]:
    ratio, stderr = ratio_of_sums(ours, theirs)
    percent_stderr = None if stderr is None else 100 * stderr
    return [
        Score(TASK, "percent", 100 * ratio, percent_stderr, len(ours)),
        _mean("score", ours),
        _mean("opponent_score", theirs),
    ]


def _mean(
    metric: str,
    values: Sequence[float],
    task: str = TASK,
    higher_is_better: bool = True,
    chance: float | None = None,
) -> Score:
    n, mean = len(values), fmean(values)
    spread = sum((value - mean) ** 2 for value in values)
    stderr = sqrt(spread / (n - 1) / n) if n > 1 else None
    return Score(task, metric, mean, stderr, n, higher_is_better, chance)


def _questions(verdicts: Sequence[Row]) -> list[_Question]:
    by_question: dict[str, list[Row]] = {}
    for row in verdicts:
        if row["parsed"]:
            by_question.setdefault(row["question_id"], []).append(row)
    return [_question(rows) for rows in by_question.values()]


def _question(rows: Sequence[Row]) -> _Question:
    preferences = {row["order"]: row["preference"] for row in rows}
    winners = {(value > 0.5) - (value < 0.5) for value in preferences.values()}
    flipped = len(winners) > 1 if len(preferences) > 1 else None
    return _Question(
        opponent=_known_mean(row["score_1"] for row in rows),
        model=_known_mean(row["score_2"] for row in rows),
        preference=0.5 if flipped and rows[0].get("protocol") == PAIRWISE else fmean(preferences.values()),
        flipped=flipped,
    )


def _known_mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
