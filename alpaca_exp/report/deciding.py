"""What would decide a claim, in words: how many more seeds or documents, or why neither would do."""

from __future__ import annotations

import math

from alpaca_exp.statistics.intervals import Doubt, Interval
from alpaca_exp.statistics.planning import MOST, more_needed


def remedy(one: Interval, distance: float, documents: int, alpha: float, *, fixed: bool) -> str:
    """`about 4 more seeds or about 300 more documents`; "" where nothing is known of its doubt.

    `distance` is how far the estimate stands from what it is compared with, `alpha` the level, `fixed`
    whether there are no other seeds (`statistics.planning.more_needed`).
    """
    if not one.parts:
        return ""
    needed = more_needed(one, distance, documents, alpha, fixed=fixed)
    told = [_told(needed.seeds, "seed"), _told(needed.documents, "document")]
    if any(told):
        return " or ".join(filter(None, told))
    if needed.both:
        return f"{_told(needed.both[0], 'seed')} together with {_told(needed.both[1], 'document')}"
    by_seeds = one.doubt is Doubt.seeds
    both = " and documents" if documents > 1 and by_seeds and not fixed else ""
    kind = "documents" if fixed or not by_seeds else "seeds"
    return f"more than {MOST} times as many {kind}{both}: it is too near to what it is compared with"


def _told(number: int | None, name: str) -> str:
    if number is None:
        return ""
    more = _rounded(number)
    return f"about {more:,} more {name}{'s' * (more > 1)}"


def _rounded(number: int) -> int:
    """Upwards to two digits: more would feign a precision that it has not."""
    unit: int = 10 ** max(len(str(number)) - 2, 0)
    return math.ceil(number / unit) * unit
