"""An interval whose variance has several parts, some of them known from very few observations.

Three seeds leave two degrees of freedom, a thousand documents leave 999. How many standard errors an interval
must then be wide lies between Student's t for the seeds and the normal quantile. Satterthwaite's degrees of
freedom (1946, Biometrics Bulletin 2), estimated from the same few numbers, take too little: of three seeds
they cover .922 at worst, of two .872. The sum of each part's own squared half-width ("MOVER": Zou and Donner
2008, Statistics in Medicine 27) takes too much: up to .977 and .987. Welch's series (1947, Biometrika 34)
says that to first order the excess goes with the square of a part's share; so here the squared number of
standard errors is

    z^2 + sum over parts of (t_i^2 - z^2) x share_i^1.75

which is Student's t where one part is all, and covers .945 to .960 whatever the seeds' share, of three seeds
or more (of two: .935 to .969; all by integration over normal errors, one part's degrees of freedom being 1,
2, 4 or 9, the other's endless). At smaller alpha, as Holm's adjustment asks for, the power falls towards 1:
at .0025 at most .0025 to .003 is then left out.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

from alpaca_exp.statistics.intervals import Doubt, Interval, Limits, Part

ALPHA = 0.05
POWER = 1.75
"""Of a part's share, at `ALPHA`."""


def combined(
    mean: float, parts: Sequence[Part], n: int, doubt: Doubt, limits: Limits | None = None
) -> Interval:
    """`mean` with the 95 % interval of a variance that is the sum of `parts`.

    Within finite `limits`, beyond which no single value lies, it is Wilson's (1927, JASA 22) for as many
    right or wrong answers as would have this variance, as of samples of clusters (Korn and Graubard 1998,
    Survey Methodology 24): near a limit it is not symmetric. Where all values are alike it is what so many
    alike leave open (Clopper and Pearson 1934, Biometrika 26): a share of others of which with 2.5 %
    probability none would have been seen. Without a variance, and without limits, there is no interval.
    """
    times = critical(parts, ALPHA)
    stderr = math.sqrt(sum(part.variance for part in parts))
    half = times * stderr
    low, high = mean - half, mean + half
    within = limits if limits and all(map(math.isfinite, limits)) else None
    if not half and (within is None or math.isinf(alike(parts))):
        return Interval(mean, None, None, n, Doubt.unknown)
    if within:
        low, high = _wilson(mean, half, within) if half else _alike(mean, parts, within)
    return Interval(
        mean=mean,
        low=low,
        high=high,
        n=n,
        doubt=doubt,
        stderr=stderr,
        df=_degrees(times) if half else None,
        parts=tuple(parts),
        limits=within,
    )


def critical(parts: Sequence[Part], alpha: float) -> float:
    """How many standard errors lie on each side of an interval of level 1 - `alpha`."""
    variance = sum(part.variance for part in parts)
    normal = _normal(alpha) ** 2
    if not variance:
        return math.sqrt(normal)
    power = 1 + (POWER - 1) * min(alpha / ALPHA, 1)
    excess = (
        (_students(part.df, alpha) ** 2 - normal) * (part.variance / variance) ** power
        for part in parts
        if math.isfinite(part.df) and part.variance
    )
    return math.sqrt(normal + sum(excess))


def pooled(parts: Sequence[Part]) -> Part:
    """Parts of one kind, the seeds of two models say, as one, with Satterthwaite's degrees of freedom.

    By simulation, of 3 to 10 seeds a side, .95 to .966 where their variances are at most 3 times apart, and
    .927 at worst where three seeds vary 10 times as much as ten.
    """
    variance = sum(part.variance for part in parts)
    if not variance:
        return Part(0.0, sum(part.df for part in parts))
    doubt = sum((part.variance / variance) ** 2 / part.df for part in parts)
    return Part(variance, 1 / doubt if doubt else math.inf)


def alike(parts: Sequence[Part]) -> float:
    """How many equal values stand behind an estimate without any variance."""
    return max((part.df for part in parts), default=0) + 1


def unseen(n: float) -> float:
    """Of `n` equal values: the share of others of which with 2.5 % probability none would have been seen."""
    return float(1 - (ALPHA / 2) ** (1 / n))


def _wilson(mean: float, half: float, limits: Limits) -> tuple[float, float]:
    """The means from which this one is as many of their own standard errors away as `half` is of its own."""
    lowest, highest = limits
    width = highest - lowest
    share = (mean - lowest) / width
    if not 0 < share < 1:
        return mean - half, mean + half
    square = (half / width) ** 2 / (share * (1 - share))
    middle, reach = share + square / 2, math.sqrt(square * (share * (1 - share) + square / 4))
    low, high = ((middle + side * reach) / (1 + square) for side in (-1, 1))
    return lowest + width * low, lowest + width * high


def _alike(mean: float, parts: Sequence[Part], limits: Limits) -> tuple[float, float]:
    others = unseen(alike(parts))
    return mean - (mean - limits[0]) * others, mean + (limits[1] - mean) * others


@functools.lru_cache(maxsize=256)
def _normal(alpha: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(alpha / 2))


@functools.lru_cache(maxsize=4096)
def _students(df: float, alpha: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df, alpha / 2))


@functools.lru_cache(maxsize=4096)
def _degrees(critical_value: float) -> float:
    from scipy.special import stdtridf

    return float(stdtridf(1 - ALPHA / 2, critical_value))
