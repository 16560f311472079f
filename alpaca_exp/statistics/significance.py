"""Whether a difference is one: p values of intervals, and many of them at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

from alpaca_exp.statistics.combined import critical
from alpaca_exp.statistics.intervals import Interval

_STEPS = 60


def p_value(interval: Interval, null: float = 0.0) -> float | None:
    """The two-sided p value of `null`: below .05 just where the interval leaves it out; None without one."""
    from scipy.special import stdtr

    if not interval.parts or interval.stderr is None:
        return None
    distance = abs(interval.mean - null)
    if not interval.stderr:
        return 0.0 if distance else 1.0
    if len(interval.parts) == 1:  # Student's t itself, which has a formula
        return 2 * float(stdtr(interval.parts[0].df, -distance / interval.stderr))
    low, high = math.log(1e-300), 0.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        outside = critical(interval.parts, math.exp(middle)) * interval.stderr < distance
        low, high = (low, middle) if outside else (middle, high)
    return math.exp(high)


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
