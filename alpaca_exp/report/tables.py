"""Tables over runs: any axis against any other, each number with its doubt; what is shown, not how."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.references.columns import COLUMNS
from alpaca_exp.report.apart import rows_apart
from alpaca_exp.report.cells import Cell, Sample, cell, sample
from alpaca_exp.report.choosing import at_all
from alpaca_exp.report.confounds import confounds
from alpaca_exp.report.differing import differing
from alpaca_exp.report.likeness import unlike
from alpaca_exp.report.metrics import USUAL, known
from alpaca_exp.report.published import published
from alpaca_exp.report.runs import Run, check, check_axis, left_out_of
from alpaca_exp.statistics.significance import holm

Place = tuple[str, str]
"""Row and column."""


@dataclass(frozen=True)
class Layout:
    """What a table shows."""

    rows: str = "experiment"
    columns: str | None = None
    metrics: tuple[str, ...] = USUAL
    baseline: str | None = None
    """The row that the others are compared with."""
    where: tuple[tuple[str, str], ...] = ()
    """Only the runs that stand there, by axis and value."""
    paper: bool = False
    """Also published figures of models that ours only stand for; those of the very models are there."""


@dataclass(frozen=True)
class Table:
    """Cells by row, column ("" where there is one only) and metric."""

    layout: Layout
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: dict[tuple[str, str, str], Cell]
    command: str
    confounds: tuple[str, ...] = ()
    """What the compared data sets differ in beside what is asked, a sentence each."""
    finished: frozenset[str] = frozenset()
    """The rows of which some run came to its end."""
    differing: tuple[str, ...] = ()
    """In what settings, stages and packages the runs of the rows differ, a line each."""
    alone: tuple[str, ...] = field(default=())
    """Axes on which all runs stand at one place, so that nothing is compared."""
    left_out: tuple[str, ...] = ()
    """Runs that could not be counted, and what makes them again; a sentence each."""

    @property
    def compared(self) -> int:
        """How many differences were tested together."""
        return sum(one.p is not None for one in self.cells.values())


def table(runs: Sequence[Run], layout: Layout, outputs: Path, command: str) -> Table:
    """The runs arranged as `layout` says. Raises InputError, naming the nearest, for an unknown name."""
    left_out = left_out_of(runs)
    runs = at_all(runs, layout.where)
    _check(runs, layout, outputs)
    label = rows_apart(runs, layout.rows, layout.columns, layout.metrics, outputs)
    places = {label[run.name]: run.label(layout.rows) for run in runs}
    rows = tuple(sorted(places, key=lambda row: (by_size(places[row]), row)))
    columns = _values(runs, layout.columns)
    against = _against(layout, rows, places)
    axes = [axis for axis in (layout.rows, layout.columns) if axis]
    by_row = {row: [run for run in runs if label[run.name] == row] for row in rows}
    confounded = confounds(runs, axes, places[against[0]] if against else None, outputs)
    return Table(
        layout=layout,
        rows=rows,
        columns=columns,
        cells=_cells(by_row, columns, layout, against, outputs),
        command=command,
        confounds=tuple(confounded),
        finished=frozenset(label[run.name] for run in runs if run.done),
        differing=tuple(differing(by_row, axes, outputs)),
        alone=tuple(axis for axis in axes if len(_values(runs, axis)) == 1),
        left_out=left_out,
    )


def _check(runs: Sequence[Run], layout: Layout, outputs: Path) -> None:
    for axis in filter(None, (layout.rows, layout.columns)):
        check_axis(axis, runs)
    if layout.columns == layout.rows:
        raise InputError(
            f"--columns {layout.columns} is what --rows shows already; leave it out, or choose another axis"
        )
    metrics = known([run.artifacts for run in runs], outputs)
    for metric in layout.metrics:
        check("metric", metric, metrics)


def _cells(
    by_row: Mapping[str, Sequence[Run]],
    columns: Sequence[str],
    layout: Layout,
    against: Sequence[str],
    outputs: Path,
) -> dict[tuple[str, str, str], Cell]:
    """Every cell, its p value adjusted for all that the table compares."""
    at: dict[Place, list[Run]] = {(row, column): [] for row in by_row for column in columns}
    for row, runs in by_row.items():
        for run in runs:
            at[row, run.label(layout.columns) if layout.columns else ""].append(run)
    cells = {}
    for metric in layout.metrics:
        samples = {place: sample(metric, runs, outputs) for place, runs in at.items()}
        for row, column in at:
            ways = [samples[base, column] for base in against if at[base, column]]
            baseline = None if row in against else _alike(samples[row, column], ways, outputs)
            one = cell(samples[row, column], baseline, outputs)
            told = published(metric, at[row, column], outputs, layout.paper) if metric in COLUMNS else ()
            cells[row, column, metric] = replace(one, published=told) if told else one
    ordered = {(*place, metric): cells[*place, metric] for place in at for metric in layout.metrics}
    return _adjusted(ordered)


def _alike(ours: Sample, ways: Sequence[Sample], outputs: Path) -> Sample | None:
    """The baseline's runs that were asked as the row's were; where none were, those of its first row."""
    if len(ways) < 2:
        return ways[0] if ways else None
    return next((way for way in ways if not unlike(ours.metric, ours.done, way.done, outputs)), ways[0])


def _adjusted(cells: Mapping[tuple[str, str, str], Cell]) -> dict[tuple[str, str, str], Cell]:
    tested = {place: one.p for place, one in cells.items() if one.p is not None}
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True))
    return {**cells, **{place: replace(cells[place], p_adjusted=p) for place, p in adjusted.items()}}


def _values(runs: Sequence[Run], axis: str | None) -> tuple[str, ...]:
    found = {run.label(axis) for run in runs} if axis else {""}
    return tuple(sorted(found, key=by_size))


def by_size(value: str) -> tuple[bool, float, str]:
    """Numbers by their size, before words by the alphabet."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    return (not math.isfinite(number), number if math.isfinite(number) else 0.0, value)


def _against(layout: Layout, rows: Sequence[str], places: Mapping[str, str]) -> list[str]:
    """The rows that are the baseline: the one of that name, or all ways in which it was measured."""
    if layout.baseline is None:
        return []
    found = [row for row in rows if layout.baseline in (row, places[row])]
    if not found:
        check(f"baseline among the rows by {layout.rows}:", layout.baseline, rows)
    return found
