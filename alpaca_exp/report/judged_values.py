"""The judge's metrics question by question: what each adds to a mean, or by how much it moves an estimate."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from alpaca_exp.judging.length import longer_preferred, moves
from alpaca_exp.judging.scores_questions import Compared
from alpaca_exp.report.judged import PREFIX, RANGES, Judging, judging
from alpaca_exp.report.measured import Asked, Document, Measured
from alpaca_exp.report.metrics import Reading, reading
from alpaca_exp.report.rows import jsonl

Values = Mapping[str, float]
CLEAN = "_clean"
"""How a metric ends that leaves out the questions which the training data holds."""
_VALUES: dict[str, Callable[[Compared], float | None]] = {
    "win_rate": lambda one: 100 * float(one.preference),
    "score": lambda one: one.score,
    "opponent_score": lambda one: one.opponent_score,
    "difference": lambda one: None if None in _points(one) else (one.score or 0) - (one.opponent_score or 0),
    "flip_rate": lambda one: None if one.flipped is None else 100 * float(one.flipped),
    "longer_preferred": lambda one: next((100 * won for won in longer_preferred([one])), None),
}
_ESTIMATES = ("win_rate_lc", "difference_lc", "length_slope")


def question_values(metric: str, artifacts: dict[str, str], outputs: Path) -> Values:
    """Values, by question, whose mean is the metric and whose spread is its doubt.

    Of what is no mean over questions (`percent`, what is read at equal length, a kappa, a count) they are
    those of its linear form: the reading, plus by how much each question moves it, times their number. So its
    doubt is the delta method's. Empty where nothing tells them.
    """
    name, _, category = metric.removeprefix(PREFIX).partition("/")
    clean = metric.endswith(CLEAN)
    name, category = name.removesuffix(CLEAN), category.removesuffix(CLEAN) if clean else category
    folder = outputs.joinpath("judge", artifacts.get("judge", ""))
    taken = {str(row["doc_id"]) for row in jsonl(folder / "overlaps.jsonl")} if clean else set()
    if name == "unparsed" or name.startswith("retest_"):
        told = judging(folder.name, outputs)
        return _of_verdicts(name, category, taken, told) if told else {}
    found = [
        one
        for one in _questions(folder / "questions.jsonl")
        if (not category or one.category == category) and one.question_id not in taken
    ]
    if name in _ESTIMATES:
        one = reading(metric, artifacts, outputs)
        return moved(one, moves(name, found), RANGES[name]) if one else {}
    if name == "percent":
        return _percent([one for one in found if None not in _points(one)])
    value = _VALUES.get(name)
    known = ((one.question_id, value(one)) for one in found) if value else ()
    return {question: one for question, one in known if one is not None}


def moved(one: Reading, by: Values, limits: tuple[float, float]) -> Values:
    """The reading plus what each question does to it, as much as makes up the doubt it was left with.

    Its own doubt counts, not the sandwich's: where one side wins always, or length tells all wins, each
    question moves the fitted curve by next to nothing, however little is known.
    """
    n, error = len(by), _own_error(one, limits)
    if error is None or n < 2:
        return {}
    size = math.sqrt(math.fsum(move**2 for move in by.values()) * n / (n - 1))
    scale = error / size if size else 0.0
    return {question: one.value + n * scale * move for question, move in by.items()}


def of_questions(values: Values) -> Measured:
    """Values by question as those of documents."""
    return Measured(_asked(tuple(values)), np.fromiter(values.values(), np.float64, len(values)))


@functools.lru_cache(maxsize=1024)
def _asked(questions: tuple[str, ...]) -> Asked:
    return Asked(tuple(Document(question, PREFIX) for question in questions))


@functools.cache
def _questions(file: Path) -> tuple[Compared, ...]:
    return tuple(
        Compared(
            str(row["question_id"]),
            row["category"],
            row["preference"],
            row.get("score"),
            row.get("opponent_score"),
            row.get("flipped"),
            row.get("ratio"),
        )
        for row in jsonl(file)
    )


def _own_error(one: Reading, limits: tuple[float, float]) -> float | None:
    """The reading's standard error; near a limit that of which Wilson's interval has its own farther end."""
    if one.stderr is None or one.bounds is None or not one.n or one.n < 3:
        return one.stderr
    width = limits[1] - limits[0]
    value, *ends = ((at - limits[0]) / width for at in (one.value, *one.bounds))
    end = max(ends, key=lambda end: abs(end - value))
    if not 0 < end < 1 or not 0 < value < 1:
        return one.stderr
    from scipy.special import stdtrit

    reach = abs(end - value) * math.sqrt(value * (1 - value) / end / (1 - end))
    return min(one.stderr, width * reach / float(stdtrit(one.n - 2, 0.975)))


def _percent(inside: Sequence[Compared]) -> Values:
    """100 x (ratio + (score - ratio x opponent's score) / the opponent's mean score)."""
    ours, theirs = (np.array([_points(one)[side] for one in inside], np.float64) for side in (0, 1))
    if not theirs.sum():
        return {}
    ratio = ours.sum() / theirs.sum()
    values = 100 * (ratio + (ours - ratio * theirs) / theirs.mean())
    return dict(zip((one.question_id for one in inside), values.tolist(), strict=True))


def _of_verdicts(name: str, category: str, taken: Collection[str], told: Judging) -> Values:
    if name == "unparsed":
        inside = sorted(one for one in told.questions if not category or told.categories.get(one) == category)
        return {question: float(len(inside) * told.unread.get(question, 0)) for question in inside}
    again = told.again.without(taken)
    if name == "retest_kappa":
        by, value = again.moves(), again.kappa.value if again.kappa else None
        return {} if value is None else {question: value + len(by) * move for question, move in by.items()}
    if name == "retest_agreement":
        return _ratio([(one, 100.0 * same) for one, same in zip(again.questions, again.same, strict=True)])
    pairs = zip(again.questions, again.gaps, strict=True)
    return _ratio([(one, gap) for one, gap in pairs if gap is not None])


def _ratio(told: Sequence[tuple[str, float]]) -> Values:
    """Of the mean of values of which a question may have several: the linear form of a ratio of sums."""
    if not told:
        return {}
    mean, sums = math.fsum(value for _, value in told) / len(told), dict.fromkeys(dict(told), 0.0)
    for question, value in told:
        sums[question] += value - mean
    return {question: mean + len(sums) * apart / len(told) for question, apart in sums.items()}


def _points(one: Compared) -> tuple[float | None, float | None]:
    return one.score, one.opponent_score
