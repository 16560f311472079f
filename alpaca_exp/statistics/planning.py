"""What a design of so many seeds and documents can show, told by how much each varies."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alpaca_exp.statistics.combined import ALPHA, alike, critical
from alpaca_exp.statistics.crossed import Components
from alpaca_exp.statistics.intervals import Doubt, Interval, Part

POWER = 0.8
MOST = 100
"""So many times what there is are not asked for: the estimate is too near to what it is compared with."""


@dataclass(frozen=True)
class Spread:
    """Variances: of one seed's effect, one document's, and one seed's on one document."""

    seeds: float
    documents: float
    both: float


def spread(values: npt.ArrayLike, clusters: Sequence[Hashable] | None = None) -> Spread:
    """Of an array (two seeds or more, documents), by mean squares; a negative estimate is 0.

    Of documents in `clusters` it is that of as many documents which were each by itself would leave the
    same doubt. Raises ValueError for one seed, of which nothing tells what others would do.
    """
    found = Components.of(values, clusters)
    if found.seeds < 2:
        raise ValueError("how much seeds vary is told by two of them or more")
    n = np.shape(values)[1]
    return Spread(
        seeds=max(0.0, found.seeds * (found.over_seeds.variance - found.both)),
        documents=max(0.0, n * (found.documents.variance - found.both)),
        both=n * found.seeds * found.both,
    )


def minimal_detectable_difference(
    of: Spread, seeds: int, documents: int, power: float = POWER, alpha: float = ALPHA
) -> float:
    """The smallest true difference that such a design calls one with probability `power`.

    The noncentral t (Johnson and Welch 1940, Biometrika 31) whose critical value is the interval's own
    (`statistics.combined`). With one seed it is of these checkpoints: seeds' effects are then no doubt.
    Raises ValueError for less than a seed and two documents, or what is no probability.
    """
    from scipy.special import nctdtrinc, stdtridf

    if seeds < 1 or documents < 2 or not 0 < alpha < 1 or not alpha < power < 1:
        raise ValueError("a design has a seed, two documents, a level, and a power above it, both below 1")
    parts = _parts(of, seeds, documents)
    stderr, times = math.sqrt(sum(part.variance for part in parts)), critical(parts, alpha)
    if not stderr:
        return 0.0
    return stderr * float(nctdtrinc(float(stdtridf(1 - alpha / 2, times)), 1 - power, times))


def noise_floor(seeds: Sequence[float], alpha: float = ALPHA) -> float:
    """The difference that two runs of one recipe stay below in 95 % of pairs, if seeds alone tell them apart.

    `seeds` are its readings, one a seed. A prediction interval (Hahn 1969, J. Quality Technology 1) around a
    difference of 0: t x the standard deviation x the root of 2, which for many seeds is the 2.8 standard
    deviations of ISO 5725's repeatability limit. Raises ValueError for fewer than two, or what is no number.
    """
    from statistics import stdev

    from scipy.special import stdtrit

    if len(seeds) < 2 or not all(map(math.isfinite, seeds)):
        raise ValueError("what seeds do is told by two of them or more, each a finite number")
    return float(-stdtrit(len(seeds) - 1, alpha / 2)) * stdev(seeds) * math.sqrt(2)


@dataclass(frozen=True)
class Needed:
    """How many more would decide; None where `MOST` times as many would not."""

    seeds: int | None
    """Of seeds alone."""
    documents: int | None
    """Of documents alone."""
    both: tuple[int, int] | None = None
    """Of seeds and documents together, both as many times what there is."""


def more_needed(
    one: Interval, distance: float, documents: int, alpha: float = ALPHA, *, fixed: bool = False
) -> Needed:
    """What would rule out, at level `alpha`, a value `distance` from the estimate, should that stay as it is.

    `fixed` where there are no other seeds. Each component of the variance falls as 1 / seeds, 1 / documents,
    or 1 / both, the degrees of freedom rise with them. An estimate that is told by chance may stay where it
    is no better than it did, so the number is a size, not a promise: about one time in two it suffices.
    """
    if not one.stderr:
        return Needed(None, _more_alike(one, distance, alpha))
    if not one.parts:
        return Needed(None, None)
    by_seeds, by_documents = one.doubt is Doubt.seeds and not fixed, documents > 1
    seeds = _more(lambda times: _scaled(one, times, 1), one.n, distance, alpha) if by_seeds else None
    more = _more(lambda times: _scaled(one, 1, times), documents, distance, alpha) if by_documents else None
    each = None
    if by_seeds and by_documents:
        each = _more(lambda times: _scaled(one, times, times), one.n, distance, alpha)
    return Needed(seeds, more, None if each is None else (each, math.ceil(documents * each / one.n)))


def _more(parts: Callable[[float], list[Part]], have: int, distance: float, alpha: float) -> int | None:
    """The smallest number that decides, looked for by halving."""
    if not _decides(parts(float(MOST)), distance, alpha):
        return None
    low, high = have, have * MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _decides(parts(middle / have), distance, alpha) else (middle, high)
    return high - have


def _more_alike(one: Interval, distance: float, alpha: float) -> int | None:
    """Of values that are all alike: of how many more like them none would be another, had others a share."""
    if one.limits is None or not distance > 0:
        return None
    have, room = alike(one.parts), max(one.limits[1] - one.mean, one.mean - one.limits[0])
    if distance >= room:
        return 1
    needed = math.ceil(math.log(alpha / 2) / math.log1p(-distance / room) - have)
    return max(needed, 1) if needed < have * MOST else None


def _scaled(one: Interval, seeds: float, documents: float) -> list[Part]:
    """The parts of its variance, of so many times the seeds and so many times the documents."""
    if one.doubt is not Doubt.seeds:
        return [Part(part.variance / documents, part.df * documents) for part in one.parts]
    first, *rest = one.parts
    left = (first.variance - one.both + one.both / documents) / seeds
    more = [Part(part.variance / documents, part.df * documents) for part in rest]
    return [Part(left, first.df if seeds == 1 else one.n * seeds - 1), *more]


def _decides(parts: Sequence[Part], distance: float, alpha: float) -> bool:
    stderr = math.sqrt(sum(part.variance for part in parts))
    return stderr == 0 or critical(parts, alpha) * stderr < distance


def _parts(of: Spread, seeds: int, documents: int) -> list[Part]:
    over_documents = of.documents / documents
    if seeds == 1:
        return [Part(over_documents + of.both / documents, documents - 1)]
    over_seeds = of.seeds / seeds + of.both / seeds / documents
    return [Part(over_seeds, seeds - 1), Part(over_documents, documents - 1)]
