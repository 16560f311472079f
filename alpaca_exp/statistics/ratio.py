"""A part as a share of a whole, where the whole is known to differ from nothing."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alpaca_exp.statistics.crossed import crossed

_DOUBLINGS, _HALVINGS = 40, 26


@dataclass(frozen=True)
class Share:
    """A ratio with its 95 % interval."""

    value: float
    low: float
    high: float


def share(
    part: npt.NDArray[np.float64],
    whole: npt.NDArray[np.float64],
    clusters: Sequence[Hashable] | None = None,
) -> Share | None:
    """mean(part) / mean(whole) of arrays (seeds, documents) measured on the same; Fieller's interval.

    It holds every ratio r of which part - r x whole cannot be told from 0 (Fieller 1954, J. Royal
    Statistical Society B 16). None where the whole's own interval holds 0: then no ratio could be left out.
    """
    all_ = crossed(whole, clusters)
    if all_.low is None or all_.high is None or all_.low <= 0 <= all_.high:
        return None
    value = float(part.mean()) / all_.mean
    around = crossed(part - value * whole, clusters).stderr or 0.0
    step = max(around / abs(all_.mean), 1e-12)

    def left_out(ratio: float) -> bool:
        found = crossed(part - ratio * whole, clusters)
        return found.low is not None and found.high is not None and not found.low <= 0 <= found.high

    def bound(reach: float) -> float:
        inside, outside = value, value + reach
        for _ in range(_DOUBLINGS):
            if left_out(outside):
                break
            inside, outside = outside, value + 2 * (outside - value)
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if left_out(middle) else (middle, outside)
        return outside

    return Share(value, bound(-step), bound(step)) if around else Share(value, value, value)
