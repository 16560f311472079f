"""Whether a difference is one: p values of intervals, and many of them at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

from alpaca_exp.statistics.combined import alike, critical
from alpaca_exp.statistics.intervals import Interval, Part

_LEAST = 1e-100
"""p values below it are 0."""


def p_value(interval: Interval, null: float = 0.0) -> float | None:
    """The two-sided p value of `null`: below .05 just where the interval leaves it out; None without one."""
    if not interval.parts:
        return None
    if not interval.stderr:
        return _of_alike(interval, null)
    distance = abs(interval.mean - null) / interval.stderr / _stretched(interval, null)
    return _of_distance(interval.parts, distance)


def equivalence(interval: Interval, margin: float) -> float | None:
    """The p value of two one-sided tests (Schuirmann 1987, J. Pharmacokinetics 15) that `margin` is exceeded.

    At most .05 where the 90 % interval lies within -margin to margin, at most .025 where the 95 % one does:
    then "no difference of this size" is shown, and not just none seen. None for an interval without doubt.
    Raises ValueError for a margin that is not positive.
    """
    if not margin > 0:
        raise ValueError("equality is shown within a margin above 0")
    ends = [p_value(interval, side * margin) for side in (-1, 1)]
    if ends[0] is None or ends[1] is None:
        return None
    larger = max(ends[0], ends[1]) / 2
    return larger if abs(interval.mean) < margin else 1 - max(ends[0], ends[1]) / 2


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values, adjusted for their number: at most alpha of all tables hold a false one below alpha.

    Holm 1979, Scandinavian J. of Statistics 6: the smallest times their number, the next times one less, and
    none smaller than the one before. Raises ValueError for what is no probability.
    """
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError("a p value lies between 0 and 1")
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def _of_distance(parts: Sequence[Part], distance: float) -> float:
    """The level of the interval that reaches just so many standard errors."""
    from scipy.special import stdtr

    if not distance:
        return 1.0
    if len(parts) == 1:  # Student's t itself, which has a formula
        return 2 * float(stdtr(parts[0].df, -distance))
    from scipy.optimize import brentq

    def beyond(level: float) -> float:
        return critical(parts, math.exp(level)) - distance

    lowest = math.log(_LEAST)
    return math.exp(float(brentq(beyond, lowest, 0.0, xtol=1e-10))) if beyond(lowest) > 0 else 0.0


def _stretched(interval: Interval, null: float) -> float:
    """The standard error that the estimate would have, were `null` the mean, over its own (a score test)."""
    if interval.limits is None:
        return 1.0
    lowest, highest = interval.limits
    here, there = ((highest - at) * (at - lowest) for at in (interval.mean, null))
    return math.sqrt(max(there, _LEAST) / here) if here > 0 else 1.0


def _of_alike(interval: Interval, null: float) -> float:
    """Of as many equal values as there are: how probable none of the others is that `null` asks for."""
    distance = abs(interval.mean - null)
    if not distance:
        return 1.0
    if interval.limits is None:
        return 0.0
    room = abs(interval.limits[int(null > interval.mean)] - interval.mean)
    others = min(distance / room, 1.0) if room else 1.0
    return min(1.0, 2 * math.pow(1 - others, alike(interval.parts)))
