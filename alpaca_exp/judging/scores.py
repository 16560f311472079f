"""What a judge's verdicts add up to, each number with its standard error and interval over the questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from statistics import fmean

import numpy as np

from alpaca_exp.judging.agreement import repeated
from alpaca_exp.judging.length import (
    Estimate,
    beyond_the_data,
    difference_lc,
    length_slope,
    longer_preferred,
    win_rate_lc,
)
from alpaca_exp.judging.scores_chain import RANGE, interval_of_ratio
from alpaca_exp.judging.scores_questions import Compared, compared
from alpaca_exp.records import Row, Score
from alpaca_exp.statistics.bootstrap import mean_interval

TASK = "judge"
LOWEST, HIGHEST = RANGE
FEWEST_WITH_DOUBT = 5
"""Questions below which nothing is said of the doubt: so few may agree by chance, and look certain."""


@dataclass(frozen=True, slots=True)
class JudgeScore(Score):
    """A score with its 95 % interval over the questions, which never leaves the metric's range.

    Fewer than five questions have no interval, and no error where they are all alike.
    """

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.n < FEWEST_WITH_DOUBT:
            object.__setattr__(self, "low", None)
            object.__setattr__(self, "high", None)
            object.__setattr__(self, "stderr", self.stderr or None)


def judge_scores(
    verdicts: Sequence[Row], others: Mapping[str, Sequence[Compared]] | None = None
) -> list[Score]:
    """The scores of model 2 against model 1, its opponent, from rows of `verdicts.jsonl` of this pair.

    percent: 100 x sum of the model's scores / sum of the opponent's (Vicuna's "per cent of");
    win_rate: percentage of questions won, a tie counting half; win_rate_lc: the same at equal length;
    score, opponent_score, difference: means of 1 to 10; difference_lc: that at equal length;
    flip_rate: percentage of questions whose winner changes with the order; longer_preferred: percentage of
    untied questions in which the longer answer wins; length_slope: points of win rate that an answer gains
    in an even match by being twice as long; retest_agreement: percentage of verdicts asked for again that
    named the same winner, retest_kappa: Cohen's kappa of the two, retest_difference: by how many points a
    score differed; they enter nothing else; unparsed: verdicts without scores or preference, which enter
    nothing else. percent, win_rate and unparsed also by category (`win_rate/coding`), if there are several.
    What verdicts do not tell is left out: scores of protocols that have none, lengths that are not known,
    and what they would be at equal length where equal length lies beyond the data.
    """
    questions = compared(verdicts)
    asked = [row for row in verdicts if not row.get("retest")]
    return [
        *(_readings(questions, others) if questions else ()),
        *_retests(verdicts),
        _unparsed("unparsed", asked),
        *_by_category(questions, asked),
    ]


def mean_words(words: Sequence[int]) -> Score:
    """The mean length of the model's answers, in words."""
    return _mean("mean", [float(count) for count in words], task="words", span=(-inf, inf))


def remarks(verdicts: Sequence[Row]) -> Iterator[str]:
    """What the scores must be read with, a sentence each."""
    questions = compared(verdicts)
    sentence = beyond_the_data(questions)
    if sentence:
        yield sentence
    yield from _unread_told(verdicts, questions)
    judges = " and ".join(sorted({str(row["judge"]) for row in verdicts if row.get("judge")}))
    mixed = {"protocol": "protocols", "judge": "judges", "judge_version": f"versions of {judges}"}
    for key, word in mixed.items():
        found = Counter(str(row[key]) for row in verdicts if row.get(key))
        if len(found) > 1:
            told = ", ".join(f"{name} ({count})" for name, count in sorted(found.items()))
            yield f"the verdicts come from several {word}, which may differ: {told}"


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


def _readings(
    questions: Sequence[Compared], others: Mapping[str, Sequence[Compared]] | None
) -> Iterator[Score]:
    ours, theirs = _points(questions)
    if ours:
        yield _percent("percent", ours, theirs)
    yield _win_rate("win_rate", questions)
    yield from _estimated("win_rate_lc", win_rate_lc(questions, others), chance=50.0)
    if ours:
        yield _mean("score", ours, span=(LOWEST, HIGHEST))
        yield _mean("opponent_score", theirs, span=(LOWEST, HIGHEST))
        differences = [one - other for one, other in zip(ours, theirs, strict=True)]
        yield _mean("difference", differences, span=(LOWEST - HIGHEST, HIGHEST - LOWEST), chance=0.0)
        yield from _estimated("difference_lc", difference_lc(questions), chance=0.0)
    flips = [100.0 * one.flipped for one in questions if one.flipped is not None]
    if flips:
        yield _mean("flip_rate", flips, higher_is_better=False)
    longer = [100.0 * one for one in longer_preferred(questions)]
    if longer:
        yield _mean("longer_preferred", longer, higher_is_better=False, chance=50.0)
    yield from _estimated("length_slope", length_slope(questions), higher_is_better=False, chance=0.0)


def _by_category(questions: Sequence[Compared], asked: Sequence[Row]) -> Iterator[Score]:
    """Of a category in which nothing could be read there is the count alone."""
    categories = _categories(asked)
    for category in categories if len(categories) > 1 else ():
        inside = [one for one in questions if one.category == category]
        ours, theirs = _points(inside)
        if ours:
            yield _percent(f"percent/{category}", ours, theirs)
        if inside:
            yield _win_rate(f"win_rate/{category}", inside)
        yield _unparsed(f"unparsed/{category}", [row for row in asked if row.get("category") == category])


def _unread_told(verdicts: Sequence[Row], questions: Sequence[Compared]) -> Iterator[str]:
    """What verdicts that could not be read leave without a score, or with one order alone."""
    asked = [row for row in verdicts if not row.get("retest")]
    known = {one.question_id for one in questions}
    lost = {str(row["question_id"]): str(row.get("category") or "") for row in asked} if known else {}
    lost = {name: category for name, category in lost.items() if name not in known}
    if lost:
        all_questions = len(known) + len(lost)
        yield f"of {len(lost)} of {all_questions} questions no verdict can be read; they have no score"
    left = {one.category for one in questions}
    for category in _categories(asked):
        if known and category not in left:
            count = sum(one == category for one in lost.values())
            yield f"the category {category} has no scores: no verdict on its {count} questions can be read"
    orders: dict[str, set[str]] = {}
    for row in asked:
        orders.setdefault(str(row["question_id"]), set()).add(row["order"])
    single = [one for one in questions if one.flipped is None and len(orders[one.question_id]) > 1]
    if single:
        yield (
            f"{len(single)} of the {len(questions)} questions with a score rest on one order of the answers, "
            "the verdict in the other being unreadable; what a judge gives for a place stays in these"
        )


def _categories(asked: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(str(row["category"]) for row in asked if row.get("category")))


def _points(questions: Sequence[Compared]) -> tuple[list[float], list[float]]:
    """The model's and the opponent's, of the questions that have both."""
    pairs = [(one.score, one.opponent_score) for one in questions]
    known = [(ours, theirs) for ours, theirs in pairs if ours is not None and theirs is not None]
    return [ours for ours, _ in known], [theirs for _, theirs in known]


def _percent(metric: str, ours: Sequence[float], theirs: Sequence[float]) -> Score:
    ratio, stderr = ratio_of_sums(ours, theirs)
    low, high = interval_of_ratio(np.array([ours]), np.array([theirs])) or (None, None)
    error = None if stderr is None else 100 * stderr
    return JudgeScore(TASK, metric, 100 * ratio, error, len(ours), low=low, high=high)


def _win_rate(metric: str, questions: Sequence[Compared]) -> Score:
    return _mean(metric, [100 * one.preference for one in questions], chance=50.0)


def _unparsed(metric: str, asked: Sequence[Row]) -> Score:
    unread = sum(not row["parsed"] for row in asked)
    return JudgeScore(TASK, metric, float(unread), None, len(asked), higher_is_better=False)


def _retests(verdicts: Sequence[Row]) -> Iterator[Score]:
    """How far the judge, asked the same again, said the same."""
    found = repeated(verdicts)
    if found.same:
        yield _mean("retest_agreement", [100.0 * same for same in found.same])
    if found.kappa and found.kappa.value is not None:
        low, high = found.kappa.interval or (None, None)
        numbers = (found.kappa.value, found.kappa.stderr, found.kappa.n)
        yield JudgeScore(TASK, "retest_kappa", *numbers, chance=0.0, low=low, high=high)
    if found.differences:
        span = (0.0, HIGHEST - LOWEST)
        yield _mean("retest_difference", found.differences, higher_is_better=False, span=span)


def _estimated(
    metric: str, found: Estimate | None, higher_is_better: bool = True, chance: float | None = None
) -> Iterator[Score]:
    if found:
        numbers = (found.value, found.stderr, found.n)
        yield JudgeScore(TASK, metric, *numbers, higher_is_better, chance, low=found.low, high=found.high)


def _mean(
    metric: str,
    values: Sequence[float],
    task: str = TASK,
    higher_is_better: bool = True,
    chance: float | None = None,
    span: tuple[float, float] = (0.0, 100.0),
) -> Score:
    n, mean = len(values), fmean(values)
    spread = sum((value - mean) ** 2 for value in values)
    stderr = sqrt(spread / (n - 1) / n) if n > 1 else None
    low, high = mean_interval(values, span) or (None, None)
    return JudgeScore(task, metric, mean, stderr, n, higher_is_better, chance, low=low, high=high)
