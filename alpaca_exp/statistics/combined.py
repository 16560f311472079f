"""An interval whose variance has several parts, some of them known from very few observations."""

from __future__ import annotations

import math
from collections.abc import Sequence

from alpaca_exp.statistics.intervals import Doubt, Interval, Part

ALPHA = 0.05


def combined(mean: float, parts: Sequence[Part], n: int, doubt: Doubt) -> Interval:
    """`mean` with the 95 % interval of a variance that is the sum of `parts`."""
    variance = sum(part.variance for part in parts)
    stderr = math.sqrt(variance)
    half = critical(parts, ALPHA) * stderr
    return Interval(
        mean, mean - half, mean + half, n, doubt, stderr, _degrees(half / stderr) if stderr else None,
        tuple(parts),
    )  # fmt: skip


def critical(parts: Sequence[Part], alpha: float) -> float:
    """How many standard errors lie on each side of an interval of level 1 - `alpha`."""
    from scipy.special import ndtri, stdtrit

    variance = sum(part.variance for part in parts)
    normal = float(ndtri(1 - alpha / 2)) ** 2
    if not variance:
        return math.sqrt(normal)
    power = 1 + min(alpha / ALPHA, 1)
    return math.sqrt(
        normal
        + sum(
            (float(stdtrit(part.df, 1 - alpha / 2)) ** 2 - normal) * (part.variance / variance) ** power
            for part in parts
        )
    )


def _degrees(critical_value: float) -> float:
    from scipy.special import stdtridf

    return float(stdtridf(1 - ALPHA / 2, critical_value))
