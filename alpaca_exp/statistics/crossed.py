"""The mean over seeds and documents, both being samples: what of its doubt is owed to each."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from alpaca_exp.statistics.combined import combined, pooled
from alpaca_exp.statistics.intervals import Doubt, Interval, Limits, Part

Array = npt.NDArray[np.float64]
_EQUAL = 1e-12
"""A square as small, beside the largest, is that of a rounding error."""


def crossed(
    values: npt.ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    limits: Limits | None = None,
    beyond: Limits | None = None,
) -> Interval:
    """The mean of an array (seeds, documents) with its 95 % interval for other seeds and other documents.

    `values` are of one quantity: a score, a paired difference, any linear contrast of cells. `clusters` are
    the documents' groups, `limits` what no value lies beyond, where an estimate may be near them; of a
    difference, which is seldom near them, they are given as `beyond`, and tell no more than what documents
    leave open that are all alike. With one seed the interval is of this checkpoint only; with one document,
    or one cluster, it is over seeds only. Of seeds alone that are all alike there is no interval, nor is
    there one of values all alike that nothing limits: they do not tell how far others may be off.

    Two-way random effects: the variance is seeds / S + documents / n + both / (S n), by mean squares (Searle,
    Casella and McCulloch 1992, Variance Components, ch. 4); how wide the interval is then,
    `statistics.combined` says. Measured by `tests/benchmarks/coverage.py` on S in 1, 3, 5, 10 seeds, n in 80,
    1,000 documents, and seeds' deviations of 0, .5 and 2 standard errors of the documents. Raises ValueError
    for an empty array, or one that is not finite.
    """
    found = Components.of(values, clusters)
    if not found.documents.df and not np.ptp(np.asarray(values, np.float64)):  # one seed, or all alike
        return Interval(found.mean, None, None, found.seeds, Doubt.unknown)
    if beyond and found.documents.df and not np.ptp(np.asarray(values, np.float64)):
        limits = beyond
    if found.seeds == 1:
        return combined(found.mean, (found.documents,), 1, Doubt.checkpoint, limits)
    parts = [found.over_seeds]
    if found.documents.df:
        left = max(found.documents.variance - found.both, 0.0)
        parts.append(Part(left, found.documents.df))
    both = min(found.both, found.over_seeds.variance)
    return replace(combined(found.mean, parts, found.seeds, Doubt.seeds, limits), both=both)


def crossed_apart(
    first: npt.ArrayLike, second: npt.ArrayLike, clusters: Sequence[Hashable] | None = None
) -> Interval:
    """mean(first) - mean(second) of arrays over the same documents, whose seeds are no pairs.

    Both need two seeds or more. Documents are paired; of the seeds each side has its own variance (Welch
    1938, Biometrika 29). Raises ValueError for unequal documents, or a side of one seed.
    """
    ours, theirs = (Components.of(one, clusters) for one in (first, second))
    if min(ours.seeds, theirs.seeds) < 2:
        raise ValueError("seeds that are no pairs are compared where both sides have two or more")
    means = [np.asarray(one, np.float64).mean(0) for one in (first, second)]
    if len(means[0]) != len(means[1]):
        raise ValueError("the two sides have unequal documents")
    both = Components.of(means[0] - means[1], clusters)
    parts = [pooled([ours.over_seeds, theirs.over_seeds])]
    if both.documents.df:
        left = max(both.documents.variance - ours.both - theirs.both, 0.0)
        parts.append(Part(left, both.documents.df))
    return combined(both.mean, parts, min(ours.seeds, theirs.seeds), Doubt.seeds)


def difference(first: Interval, second: Interval) -> Interval | None:
    """The difference of two estimates that share neither seeds nor documents; None where one has no doubt.

    Of one checkpoint each it is of these checkpoints only; of one beside several seeds nothing is known.
    """
    if not first.parts or not second.parts or first.doubt is not second.doubt:
        return None
    kinds = zip(first.parts, second.parts, strict=False)
    alone = max(first.parts, second.parts, key=len)[min(len(first.parts), len(second.parts)) :]
    parts = [*(pooled(pair) for pair in kinds), *alone]
    return combined(first.mean - second.mean, parts, min(first.n, second.n), first.doubt)


@dataclass(frozen=True)
class Components:
    """What the variance of the mean of an array (seeds, documents) is made of."""

    mean: float
    seeds: int
    over_seeds: Part
    """The seeds' part, and both's; 0 for one seed."""
    documents: Part
    """The documents' part, and both's."""
    both: float

    @staticmethod
    def of(values: npt.ArrayLike, clusters: Sequence[Hashable] | None = None) -> Components:
        """By mean squares. Raises ValueError for an empty array, or one that is not finite."""
        array = np.atleast_2d(np.asarray(values, np.float64))
        if array.ndim != 2 or not array.size or not np.isfinite(array).all():
            raise ValueError("an interval needs an array of finite numbers, seeds by documents")
        seeds, mean = len(array), float(array.mean())
        shares, sizes, scale, df = _shares(array - mean, clusters)
        between = Part(scale * _squares(shares.mean(0)), df)
        if seeds == 1:
            return Components(mean, 1, Part(0.0, 0), between, 0.0)
        rows = array.mean(1) - mean
        left = shares - shares.mean(0) - rows[:, None] * sizes
        by_seed = 1 / seeds / (seeds - 1)
        over_seeds = by_seed * _squares(rows) + (_rounding(shares) if df else 0.0)
        return Components(mean, seeds, Part(over_seeds, seeds - 1), between, scale * by_seed * _squares(left))


def _rounding(shares: Array) -> float:
    """The seeds' variance that does not show: a row's mean is told no finer than one document changes it.

    Rounding to steps adds their square / 12 (Sheppard 1898, Proc. London Math. Society 29); a step is what a
    document makes on which the seeds differ. Two seeds that are right or wrong on 80 documents have the very
    same mean in one case of 20; without this every third or fourth table of 20 nulls would hold a difference.
    With three seeds or more, and where values are no steps, it is next to nothing.
    """
    squares = ((shares - shares.mean(0)) ** 2).mean(0)
    differ = squares > _EQUAL * squares.max()
    return float(4 * squares[differ].mean() / 12 / len(shares)) if differ.any() else 0.0


def _shares(deviations: Array, clusters: Sequence[Hashable] | None) -> tuple[Array, Array, float, float]:
    """Each cluster's part in the mean, (seeds, clusters), and the clusters' shares of the documents.

    Then by what the sum of such squares is to be multiplied, and its degrees of freedom.
    """
    n = deviations.shape[1]
    if clusters is None:
        return deviations / n, np.full(n, 1 / n), n / max(n - 1, 1), n - 1
    if len(clusters) != n:
        raise ValueError(f"{n} documents have {len(clusters)} clusters")
    places: dict[Hashable, int] = {}
    at = np.array([places.setdefault(name, len(places)) for name in clusters])
    sizes = np.bincount(at)
    order = np.argsort(at, kind="stable")
    sums = np.add.reduceat(deviations[:, order], np.cumsum(sizes) - sizes, axis=1)
    scale, df = _unequal(deviations.mean(0), at, sizes.astype(np.float64))
    return sums / n, sizes / n, scale, df


def _unequal(deviations: Array, at: npt.NDArray[np.int64], sizes: Array) -> tuple[float, float]:
    """What few clusters of unequal sizes need, as Bell and McCaffrey have it (2002, Survey Methodology 28).

    A cluster's sum varies as its size x the variance within clusters + its size squared x that between them,
    both by analysis of variance. From this follow how much too small the sum of squares around the common
    mean is, and Satterthwaite's degrees of freedom; of equal sizes G / (G - 1) and G - 1.
    """
    n, groups = int(sizes.sum()), len(sizes)
    if groups == 1:
        return 1.0, 0.0
    means = np.bincount(at, deviations) / sizes
    within = _squares(deviations - means[at]) / max(n - groups, 1)
    usual = (n - float((sizes**2).sum()) / n) / (groups - 1)
    between = max(0.0, (float((sizes * means**2).sum()) / (groups - 1) - within) / usual)
    variances = sizes * within + sizes**2 * between
    if not variances.sum():
        variances = sizes
    weights, spread = sizes / n, variances / variances.sum()
    scale = 1 / (1 + _squares(weights) - 2 * float(weights @ spread))
    return scale, max(1 / _squares(spread) - 1, 1.0)


def _squares(values: Array) -> float:
    return float((values**2).sum())
