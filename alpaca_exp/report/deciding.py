"""What would decide a claim: how many more seeds or documents, should its estimate stay what it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from alpaca_exp.statistics.combined import critical
from alpaca_exp.statistics.intervals import Doubt, Interval, Part

MOST = 100
"""So many times what there is are not asked for: the estimate is too near to what it is compared with."""


def more_needed(one: Interval, distance: float, documents: int, alpha: float, *, fixed: bool) -> str:
    """`about 4 more seeds`, `about 300 more documents`, or why neither would do.

    `distance` is how far the estimate stands from what it is compared with, `alpha` the level, `fixed`
    whether there are no other seeds. The parts of the variance fall as 1 / seeds and 1 / documents, the
    degrees of freedom rise with them. An estimate that is told by chance may stay where it is no better
    than it did, so the number is a size, not a promise: about one time in two it suffices.
    """
    if not one.parts:
        return ""
    by_seeds = one.doubt is Doubt.seeds
    told = []
    if by_seeds and not fixed:
        told += _more(lambda times: _of_seeds(one, times), one.n, "seed", distance, alpha)
    if documents > 1:
        place = 1 if by_seeds else 0
        told += _more(lambda times: _of_documents(one, times, place), documents, "document", distance, alpha)
    if told:
        return " or ".join(told)
    both = " and documents" if documents > 1 and by_seeds else ""
    kind = "documents" if fixed or not by_seeds else "seeds"
    return f"{MOST} times as many {kind}{both} would not: it is too near to what it is compared with"


def _more(
    parts: Callable[[float], list[Part]], have: int, name: str, distance: float, alpha: float
) -> list[str]:
    """The smallest number that decides, looked for by halving."""
    if not _decides(parts(float(MOST)), distance, alpha):
        return []
    low, high = have, have * MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _decides(parts(middle / have), distance, alpha) else (middle, high)
    more = _rounded(high - have)
    return [f"about {more:,} more {name}{'s' * (more > 1)}"]


def _of_seeds(one: Interval, times: float) -> list[Part]:
    first, *rest = one.parts
    return [Part(first.variance / times, one.n * times - 1), *rest]


def _of_documents(one: Interval, times: float, place: int) -> list[Part]:
    return [
        replace(part, variance=part.variance / times, df=part.df * times) if number == place else part
        for number, part in enumerate(one.parts)
    ]


def _decides(parts: list[Part], distance: float, alpha: float) -> bool:
    stderr = math.sqrt(sum(part.variance for part in parts))
    return stderr == 0 or critical(parts, alpha) * stderr < distance


def _rounded(number: int) -> int:
    """Upwards to two digits: more would feign a precision that it has not."""
    unit: int = 10 ** max(len(str(number)) - 2, 0)
    return math.ceil(number / unit) * unit
