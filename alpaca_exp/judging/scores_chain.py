"""Per cent of a reference that a model was never compared with: chained through models that both were.

Vicuna's authors compared each model with Vicuna alone; "Alpaca-13B reaches 76 % of ChatGPT" is Alpaca's
points over Vicuna's where these two were read, times Vicuna's over ChatGPT's where those two were.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod, sqrt

import numpy as np

from alpaca_exp.errors import InputError
from alpaca_exp.judging.scores_questions import Compared, compared
from alpaca_exp.records import Row
from alpaca_exp.statistics.bootstrap import Array, bootstrap_interval
from alpaca_exp.statistics.combined import unseen

RANGE = (1.0, 10.0)
"""Of points."""
NO_DOUBT = 1e-9
"""Per cent: an interval no wider says nothing of other questions."""


@dataclass(frozen=True)
class Link:
    """Two models that one judge read side by side, with the sums of their points."""

    model: str
    reference: str
    points: float
    reference_points: float
    n: int


@dataclass(frozen=True)
class Percent:
    """A model's points in per cent of a reference's; the interval is None for fewer than two questions."""

    value: float
    stderr: float | None
    low: float | None
    high: float | None
    n: int
    """Questions of any link."""
    links: tuple[Link, ...]


def percent_of(
    verdicts: Iterable[Row], model: str, reference: str, through: Sequence[str] | None = None
) -> Percent:
    """`model` in per cent of `reference`, from verdicts on any pairs of models, in either place.

    100 x the product over the links of sum of points / sum of points, each over the questions that the link's
    both models were read on. The interval is a paired bootstrap over the questions: a draw holds a
    question's verdicts in all links, so what makes it easy or hard is shared as it is. `stderr` is the delta
    method's, of the logarithm. Without `through` the way is the one with the fewest links. Raises InputError
    where there is no way, or several as short.
    """
    rows = [row for row in verdicts if None not in (row["score_1"], row["score_2"])]
    sums = _sums(rows, [model, *through, reference] if through is not None else _way(rows, model, reference))
    low, high = interval_of_ratio(sums.ours, sums.theirs) or (None, None)
    value = 100 * float(prod(sums.ours.sum(1) / sums.theirs.sum(1)))
    return Percent(value, _stderr(value, sums.ours, sums.theirs), low, high, len(sums.questions), sums.links)


def interval_of_ratio(ours: Array, theirs: Array) -> tuple[float, float] | None:
    """Of 100 x the product over links of sum / sum of points, (links, questions): the paired bootstrap's.

    Where no draw differs, as of ties alone, what so many alike leave open: a share of other questions that
    were not seen (`statistics.combined.unseen`), with all points for one side and the fewest for the other.
    """
    n = ours.shape[1]
    found = bootstrap_interval(lambda counts: _chained(counts, ours, theirs), n)
    if found is None or found[1] - found[0] > NO_DOUBT:
        return found
    others = unseen(n)
    a, b = ((1 - others) * side.sum(1) / (side > 0).sum(1) for side in (ours, theirs))
    least, most = (others * end for end in RANGE)
    low, high = np.prod((a + least) / (b + most)), np.prod((a + most) / (b + least))
    return 100 * float(low), 100 * float(high)


@dataclass(frozen=True)
class Apart:
    """How many points of per cent one model is above another."""

    model: str
    other: str
    reference: str
    value: float
    low: float | None
    high: float | None
    n: int


def apart(
    verdicts: Iterable[Row], model: str, other: str, reference: str, through: Sequence[str] | None = None
) -> Apart:
    """`model` minus `other`, both in per cent of `reference`, in points.

    Both are chained as in `percent_of`. A draw holds a question's verdicts in the links of both, so what the
    two share (the question, the pivot's own standing) is no doubt about their difference.
    """
    rows = [row for row in verdicts if None not in (row["score_1"], row["score_2"])]
    ways = [_way_through(rows, one, reference, through) for one in (model, other)]
    questions = list(dict.fromkeys(row["question_id"] for row in rows))
    ours, theirs = (_sums(rows, way, questions) for way in ways)

    def difference(counts: Array) -> Array:
        return np.asarray(ours.percent(counts) - theirs.percent(counts))

    found = bootstrap_interval(difference, len(questions))
    low, high = found if found and found[1] - found[0] > NO_DOUBT else (None, None)
    value = float(difference(np.ones((1, len(questions))))[0])
    return Apart(model, other, reference, value, low, high, len(questions))


def _way_through(rows: Sequence[Row], model: str, reference: str, through: Sequence[str] | None) -> list[str]:
    """Through the pivot, which itself and whoever was read against the reference need not go through."""
    met = {frozenset((row["model_1"], row["model_2"])) for row in rows}
    if through is None or model in through or frozenset((model, reference)) in met:
        return _way(rows, model, reference)
    return [model, *through, reference]


@dataclass(frozen=True, eq=False)
class _Sums:
    """The points of the links of one way, by question."""

    ours: Array
    theirs: Array
    """(links, questions); 0 where the link has none: it then adds nothing to the sums."""
    questions: Sequence[str]
    links: tuple[Link, ...]

    def percent(self, counts: Array) -> Array:
        """From how often each question was drawn, (draws, questions), to per cent of the last model."""
        return _chained(counts, self.ours, self.theirs)


def _sums(rows: Sequence[Row], way: Sequence[str], questions: Sequence[str] | None = None) -> _Sums:
    tables = [_table(rows, one, other) for one, other in pairwise(way)]
    asked = questions or list(dict.fromkeys(one.question_id for table in tables for one in table))
    ours, theirs = (np.array([_points(table, asked, key) for table in tables])
                    for key in ("score", "opponent_score"))  # fmt: skip
    links = tuple(
        Link(one, other, float(a.sum()), float(b.sum()), len(table))
        for (one, other), table, a, b in zip(pairwise(way), tables, ours, theirs, strict=True)
    )
    return _Sums(ours, theirs, asked, links)


def _chained(counts: Array, ours: Array, theirs: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(100 * np.prod((counts @ ours.T) / (counts @ theirs.T), axis=1))


def _stderr(value: float, ours: Array, theirs: Array) -> float | None:
    """Each question's part in the logarithm of the chain, summed in squares."""
    n = ours.shape[1]
    parts = (ours / ours.sum(1, keepdims=True) - theirs / theirs.sum(1, keepdims=True)).sum(0)
    return value * sqrt(float((parts**2).sum()) * n / (n - 1)) if n > 1 else None


def _table(rows: Sequence[Row], model: str, reference: str) -> list[Compared]:
    pair = {model, reference}
    found = compared([row for row in rows if {row["model_1"], row["model_2"]} == pair], model)
    if not found:
        raise InputError(f"{model} and {reference} are not compared with scores; {_pairs_told(rows)}")
    return found


def _points(table: Sequence[Compared], questions: Sequence[str], key: str) -> list[float]:
    """By question, 0 where the link has none: it then adds nothing to the sums."""
    known = {one.question_id: float(getattr(one, key)) for one in table}
    return [known.get(name, 0.0) for name in questions]


def _way(rows: Sequence[Row], model: str, reference: str) -> list[str]:
    """The models from `model` to `reference`, with the fewest links."""
    beside: dict[str, set[str]] = {}
    for row in rows:
        for one, other in ((row["model_1"], row["model_2"]), (row["model_2"], row["model_1"])):
            beside.setdefault(one, set()).add(other)
    ways = [[model]] if model in beside and model != reference else []
    seen = {model}
    while ways and not any(way[-1] == reference for way in ways):
        ways = [[*way, other] for way in ways for other in sorted(beside[way[-1]] - seen)]
        seen |= {way[-1] for way in ways}
    found = [way for way in ways if way[-1] == reference]
    if len(found) > 1:
        told = " or ".join(", ".join(way[1:-1]) for way in found)
        raise InputError(f"{model} can be chained to {reference} through {told}; name one as --pivot")
    if not found:
        raise InputError(f"No verdicts with scores lead from {model} to {reference}; {_pairs_told(rows)}")
    return found[0]


def _pairs_told(rows: Sequence[Row]) -> str:
    pairs = sorted({" and ".join(sorted((row["model_1"], row["model_2"]))) for row in rows})
    return f"compared are {'; '.join(pairs)}" if pairs else "no two models have scores"
