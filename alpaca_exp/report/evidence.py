"""What the runs of one cell say of a metric: a matrix of seeds and documents, to draw intervals from."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alpaca_exp.report.metrics import Reading, limits, reading
from alpaca_exp.report.runs import Run
from alpaca_exp.report.shares import NONE, Array, Columns, Key, shares
from alpaca_exp.statistics.intervals import Limits

Seeds = tuple[str, ...]
"""Every seed of a run: ("base_model.seed=1", "seed=0")."""
TUNING = "seed="
"""How the seed begins that an untuned model knows nothing of."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """A metric of the runs of one cell, or a linear contrast of such: rows are seeds, columns documents."""

    metric: str
    readings: Array
    """(S,): the metric, a value a row."""
    deviations: Array
    """(S, n): each document's share in how far its row may be off; a row sums to 0.

    The root of the sum of a row's squares (of clusters' sums) is the standard error of its reading.
    """
    documents: tuple[Key, ...]
    """Of the columns; none where the metric is no mean over documents, and only seeds speak."""
    clusters: tuple[Hashable, ...] | None
    """The documents' groups, where some are no evidence by themselves."""
    seeds: tuple[frozenset[Seeds], ...]
    """The runs of each row: those that share the artifact of the metric are one."""
    stderrs: tuple[float | None, ...]
    """The standard error that each reading was left with."""
    sources: tuple[str, ...]
    """The artifacts that the readings come from."""
    tuned: bool
    """Whether any of its models was tuned; an untuned base is one, whatever the tuning's seed."""
    limits: Limits | None = None
    """What no value lies beyond; None where that is not known."""

    @cached_property
    def values(self) -> Array:
        """(S, n) values whose rows' means are the readings; (S, 1) where there are no documents.

        A document counts with its weight in the metric, and against the mean of its own task: tasks are
        no sample of tasks. The standard error of a row's mean, as that of any n values (of any such
        clusters), is the reading's own.
        """
        if not self.documents:
            return self.readings[:, None]
        n = len(self.documents)
        groups = len(set(self.clusters)) if self.clusters else n
        return np.asarray(self.readings[:, None] + self.deviations * n * math.sqrt((groups - 1) / groups))


def evidence(metric: str, runs: Sequence[Run], outputs: Path) -> Evidence | None:
    """What the finished ones of `runs` say of the metric; None where none has it.

    Runs that share the artifact of the metric count once. Rows are in the order of their seeds. Where
    runs were measured on unequal documents (answers that the judge could not read, say), each reading is
    the mean over its own ones.
    """
    found: dict[str, tuple[Reading, set[Seeds]]] = {}
    done = [run for run in runs if run.done]
    for run in done:
        if one := reading(metric, run.artifacts, outputs):
            found.setdefault(one.source, (one, set()))[1].add(run.seeds)
    if not found:
        return None
    rows = sorted(found.values(), key=lambda row: (min(map(_order, row[1])), row[0].source))
    nothing = (NONE, np.zeros(0))
    parts = [shares(metric, one.source, one.value, outputs) if one.n else nothing for one, _ in rows]
    union, deviations = _aligned(parts)
    return Evidence(
        metric=metric,
        readings=np.array([one.value for one, _ in rows], np.float64),
        deviations=deviations,
        documents=union.documents,
        clusters=union.clusters,
        seeds=tuple(frozenset(seeds) for _, seeds in rows),
        stderrs=tuple(one.stderr for one, _ in rows),
        sources=tuple(one.source for one, _ in rows),
        tuned=any("train" in run.artifacts for run in done) or _apart([these for _, these in rows]),
        limits=limits(metric),
    )


def paired(ours: Evidence, theirs: Evidence) -> Evidence | str:
    """`ours` minus `theirs`, seed by seed and document by document; or why they are no pair.

    What was asked otherwise (another frame, another judge) is for `report.likeness` to tell.
    """
    return contrast([(1.0, ours), (-1.0, theirs)])


def contrast(terms: Sequence[tuple[float, Evidence]]) -> Evidence | str:
    """The sum of weight x cell, over the seeds that all cells have; or a phrase that says why it is none.

    An untuned model stands beside every tuning's seed. Documents are paired by id and content; one that a
    row lacks takes no part in how far that row may be off.
    """
    cells = [cell for _, cell in terms]
    if not all(cell.documents for cell in cells):
        cells = [replace(cell, documents=(), deviations=cell.deviations[:, :0]) for cell in cells]
    elif any(cell.documents != cells[0].documents for cell in cells) and not set.intersection(
        *(set(cell.documents) for cell in cells)
    ):
        return "no document is common to them"
    matched = _matched(cells)
    if isinstance(matched, str):
        return matched
    union = _union([(cell.documents, cell.clusters or cell.documents) for cell in cells])
    readings, deviations = np.zeros(len(matched)), np.zeros((len(matched), len(union.documents)))
    rows = zip(*matched, strict=True)
    for (weight, _), cell, into, at in zip(terms, cells, union.columns, rows, strict=True):
        readings += weight * cell.readings[list(at)]
        deviations[:, into] += weight * cell.deviations[list(at)]
    weights = [weight for weight, _ in terms]
    return Evidence(
        metric=cells[0].metric,
        readings=readings,
        deviations=deviations,
        documents=union.documents,
        clusters=union.clusters,
        seeds=tuple(matched.values()),
        stderrs=tuple(_error(weights, cells, at) for at in matched),
        sources=tuple(dict.fromkeys(source for cell in cells for source in cell.sources)),
        tuned=any(cell.tuned for cell in cells),
        limits=_limits(weights, cells),
    )


def _apart(rows: Sequence[Iterable[Seeds]]) -> bool:
    """Whether the tuning's seed alone tells some rows apart: then it counts, whatever was tuned."""
    without = [
        {tuple(seed for seed in seeds if not seed.startswith(TUNING)) for seeds in row} for row in rows
    ]
    return sum(map(len, without)) > len(set[Seeds]().union(*without))


def _order(seeds: Seeds) -> tuple[tuple[str, float, str], ...]:
    """Numbers by their size: seed=10 behind seed=9."""
    pairs = (seed.partition("=") for seed in seeds)
    return tuple((key, float(value) if value.isdecimal() else math.inf, value) for key, _, value in pairs)


def _aligned(rows: Sequence[tuple[Columns, Array]]) -> tuple[_Union, Array]:
    """The documents of all rows, and the shares as a matrix: 0 for a document that a row lacks."""
    if any(columns is NONE for columns, _ in rows):
        return _Union((), None, []), np.zeros((len(rows), 0))
    distinct = {id(columns): columns for columns, _ in rows}
    union = _union([(one.documents, one.groups) for one in distinct.values()])
    into = dict(zip(distinct, union.columns, strict=True))
    deviations = np.zeros((len(rows), len(union.documents)))
    for row, (columns, found) in zip(deviations, rows, strict=True):
        row[into[id(columns)]] = found
    return union, deviations


@dataclass(frozen=True, eq=False)
class _Union:
    """The documents of several sets of columns, with their clusters, and where each set's columns go."""

    documents: tuple[Key, ...]
    clusters: tuple[Hashable, ...] | None
    """None where each document is evidence by itself."""
    columns: list[npt.NDArray[np.intp]]


def _union(sets: Sequence[tuple[Sequence[Key], Sequence[Hashable]]]) -> _Union:
    if all(one == sets[0] for one in sets[1:]):  # as a rule
        documents, clusters = sets[0]
        whole = np.arange(len(documents), dtype=np.intp)
        own = tuple(clusters) if clusters != documents else None
        return _Union(tuple(documents), own, [whole] * len(sets))
    groups: dict[Key, Hashable] = {}
    for documents, clusters in sets:
        groups.update(zip(documents, clusters, strict=True))
    place = {key: number for number, key in enumerate(groups)}
    columns = [np.array([place[key] for key in documents], np.intp) for documents, _ in sets]
    clustered = any(key != group for key, group in groups.items())
    return _Union(tuple(groups), tuple(groups.values()) if clustered else None, columns)


def _matched(cells: Sequence[Evidence]) -> dict[tuple[int, ...], frozenset[Seeds]] | str:
    """The rows of each cell that belong together, in the order of their seeds, with their seeds."""
    tables: list[dict[Seeds, int]] = []
    for cell in cells:
        pairs = [(_known(seeds, cell), row) for row, these in enumerate(cell.seeds) for seeds in these]
        if len(set(pairs)) > len({seeds for seeds, _ in pairs}):
            return "several runs have the same seeds"
        tables.append(dict(pairs))
    tuned = [table for table, cell in zip(tables, cells, strict=True) if cell.tuned]
    several = [table for table, cell in zip(tables, cells, strict=True) if len(cell.seeds) > 1]
    common = set.intersection(*(set(table) for table in tuned or several or tables[:1]))
    rows: dict[tuple[int, ...], set[Seeds]] = {}
    for seeds in sorted(common, key=_order):
        at = [_row(seeds, cell, table) for cell, table in zip(cells, tables, strict=True)]
        if None not in at:
            rows.setdefault(tuple(row for row in at if row is not None), set()).add(seeds)
    return {at: frozenset(seeds) for at, seeds in rows.items()} or "no seed is common to them"


def _row(seeds: Seeds, cell: Evidence, table: Mapping[Seeds, int]) -> int | None:
    """The row of a cell for these seeds; an untuned model that was made once serves for all."""
    return 0 if not cell.tuned and len(cell.seeds) == 1 else table.get(_known(seeds, cell))


def _known(seeds: Seeds, cell: Evidence) -> Seeds:
    return seeds if cell.tuned else tuple(seed for seed in seeds if not seed.startswith(TUNING))


def _limits(weights: Sequence[float], cells: Sequence[Evidence]) -> Limits | None:
    """What the weighted sum can be at the least and at the most."""
    known = [(weight, cell.limits) for weight, cell in zip(weights, cells, strict=True) if weight]
    ends = [sorted((weight * of[0], weight * of[1])) for weight, of in known if of is not None]
    return (sum(low for low, _ in ends), sum(high for _, high in ends)) if len(ends) == len(known) else None


def _error(weights: Iterable[float], cells: Iterable[Evidence], at: Iterable[int]) -> float | None:
    """Of independent readings: what is known where there are no documents to pair."""
    errors = [cell.stderrs[row] for cell, row in zip(cells, at, strict=True)]
    known = [weight * error for weight, error in zip(weights, errors, strict=True) if error is not None]
    return math.hypot(*known) if len(known) == len(errors) else None
