"""The mean over seeds and documents, both being samples: what of its doubt is owed to each."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from alpaca_exp.statistics.combined import combined
from alpaca_exp.statistics.intervals import Doubt, Interval, Part

Array = npt.NDArray[np.float64]


def crossed(values: npt.ArrayLike, clusters: Sequence[Hashable] | None = None) -> Interval:
    """The mean of an array (seeds, documents) with its 95 % interval for other seeds and other documents.

    `values` are of one quantity: a score, a paired difference, any linear contrast of cells. `clusters` are
    the documents' groups. With one seed the interval is of this checkpoint only; with one document, or one
    cluster, it is over seeds only. Raises ValueError for an empty array, or one that is not finite.
    """
    array = np.atleast_2d(np.asarray(values, np.float64))
    if array.ndim != 2 or not array.size or not np.isfinite(array).all():
        raise ValueError("an interval needs an array of finite numbers, seeds by documents")
    seeds, mean = len(array), float(array.mean())
    sums, sizes = _sums(array - mean, clusters)
    groups = len(sizes)
    if seeds == 1 and groups == 1:
        return Interval(mean, None, None, 1, Doubt.unknown)
    over_documents = _squares(sums.mean(0)) * groups / max(groups - 1, 1)
    if seeds == 1:
        return combined(mean, (Part(over_documents, groups - 1),), 1, Doubt.checkpoint)
    rows = array.mean(1) - mean
    over_seeds = _squares(rows) / seeds / (seeds - 1)
    left = sums - sums.mean(0) - rows[:, None] * sizes / sizes.sum()
    of_both = _squares(left) / seeds / (seeds - 1) * groups / max(groups - 1, 1)
    parts = [Part(over_seeds, seeds - 1)]
    if groups > 1:
        parts.append(Part(max(over_documents - of_both, 0.0), groups - 1))
    return combined(mean, tuple(parts), seeds, Doubt.seeds)


def _sums(deviations: Array, clusters: Sequence[Hashable] | None) -> tuple[Array, Array]:
    """Each cluster's part in the mean, (seeds, clusters), and the clusters' sizes."""
    n = deviations.shape[1]
    if clusters is None:
        return deviations / n, np.ones(n)
    if len(clusters) != n:
        raise ValueError(f"{n} documents have {len(clusters)} clusters")
    places = {name: place for place, name in enumerate(dict.fromkeys(clusters))}
    member = np.zeros((n, len(places)))
    member[np.arange(n), [places[name] for name in clusters]] = 1
    return deviations @ member / n, member.sum(0)


def _squares(values: Array) -> float:
    return float((values**2).sum())
