"""A table for programs: comma-separated values, one line a cell."""

from __future__ import annotations

import csv
import io

from alpaca_exp.report.cells import Cell
from alpaca_exp.report.tables import Table
from alpaca_exp.report.texts import MIXED, together
from alpaca_exp.statistics.intervals import Interval

DIGITS = 6
"""Behind the point, and of a p value in all."""


def comma_separated(made: Table) -> str:
    """A comment that holds the command, then one line a cell.

    A cell's line: place, estimate, interval, seeds, documents, difference, its p value alone and after Holm
    over the table, what test it is of, runs that did not end, artifacts, warnings.
    """
    text = io.StringIO()
    text.write(f"# {made.command}\n")
    writer = csv.writer(text, lineterminator="\n")
    bounds = ("mean", "low", "high", "seeds", "interval", "documents")
    theirs = ("published", "published_by", "published_marks")
    differences = ("difference", "difference_low", "difference_high", "p", "p_holm", "test")
    places = (made.layout.rows, made.layout.columns or "column", "metric")
    writer.writerow([*places, *bounds, *differences, "failed", "stopped", *theirs, "artifacts", "warnings"])
    for place, one in made.cells.items():
        writer.writerow(
            [*place, *_numbers(one), *_published(one), " ".join(one.sources), "; ".join(_said(one))]
        )
    return text.getvalue()


def _numbers(one: Cell) -> list[object]:
    kind = one.estimate.speaks_of if one.estimate else ""
    seeds = one.estimate.n if one.estimate else 0
    documents = "-".join(map(str, one.documents))
    tested = [*("" if p is None else f"{p:.{DIGITS}g}" for p in (one.p, one.p_adjusted)), one.test]
    counts = [one.failed, one.stopped]
    return [*_bounds(one.estimate), seeds, kind, documents, *_bounds(one.difference), *tested, *counts]


def _published(one: Cell) -> list[str]:
    first = one.published[:1]
    return [first[0].text, first[0].source, "; ".join(first[0].marks)] if first else [""] * 3


def _said(one: Cell) -> list[str]:
    said = [f"not paired: {', '.join(one.unlike)}"] * bool(one.unlike)
    return said + [f"{MIXED}: {together(one.mixed)}"] * bool(one.mixed) + list(one.warnings)


def _bounds(estimate: Interval | None) -> list[float | str]:
    bounds = (estimate.mean, estimate.low, estimate.high) if estimate else (None, None, None)
    return ["" if bound is None else round(bound, DIGITS) for bound in bounds]
