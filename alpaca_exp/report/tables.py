"""Tables over runs: any axis against any other, in Markdown or CSV, the same bytes every time."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.report.apart import rows_apart
from alpaca_exp.report.cells import Cell, cell
from alpaca_exp.report.confounds import MOST, confounds
from alpaca_exp.report.likeness import unlike
from alpaca_exp.report.metrics import USD, USUAL, known, shown
from alpaca_exp.report.runs import ABSENT, Run, check, check_axis, standing
from alpaca_exp.statistics.intervals import Doubt, Interval

MIXED = "A mean over runs that differ in more than their seeds"
MOST_FIELDS, MOST_VALUES = 8, 4
"""So many of what differs are named."""
_COUNT = re.compile(r"(?P<count>\d+) (?P<what>[a-z ]+)")


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


def table(runs: Sequence[Run], layout: Layout, outputs: Path, command: str) -> Table:
    """The runs arranged as `layout` says. Raises InputError, naming the nearest, for an unknown name."""
    for where, value in layout.where:
        runs = standing(runs, where, value)
    for axis in filter(None, (layout.rows, layout.columns)):
        check_axis(axis, runs)
    if layout.columns == layout.rows:
        raise InputError(
            f"--columns {layout.columns} is what --rows shows already; leave it out, or choose another axis"
        )
    metrics = known([run.artifacts for run in runs], outputs)
    for metric in layout.metrics:
        check("metric", metric, metrics)
    label = rows_apart(runs, layout.rows, layout.columns, layout.metrics, outputs)
    places = {label[run.name]: run.label(layout.rows) for run in runs}
    rows = tuple(sorted(places, key=lambda row: (_place(places[row]), row)))
    columns = _values(runs, layout.columns)
    against = _against(layout, rows, places)
    at = {(row, column): _at(runs, layout, label, row, column) for row in rows for column in columns}
    cells = {
        (row, column, metric): cell(
            metric,
            at[row, column],
            [] if row in against else _alike(metric, at, row, column, against, outputs),
            outputs,
        )
        for row, column in at
        for metric in layout.metrics
    }
    axes_shown = [axis for axis in (layout.rows, layout.columns) if axis]
    confounded = confounds(runs, axes_shown, places[against[0]] if against else None, outputs)
    finished = frozenset(label[run.name] for run in runs if run.done)
    return Table(layout, rows, columns, cells, command, tuple(confounded), finished)


def markdown(made: Table) -> str:
    """A Markdown table, then how to read it, the command that made it and the artifacts it rests on."""
    heads = [(column, metric) for column in made.columns for metric in made.layout.metrics]
    titles = [made.layout.rows, *(f"{column} {metric}".strip() for column, metric in heads)]
    body = [[row, *(_text(made.cells[row, column, metric]) for column, metric in heads)] for row in made.rows]
    lines = [titles, ["---"] * len(titles), *body]
    grid = "\n".join("| " + " | ".join(_escaped(part) for part in line) + " |" for line in lines)
    warnings = ["\n".join(f"- {text}" for text in made.confounds)] * bool(made.confounds)
    return "\n\n".join([grid, *_notes(made), *warnings, f"    {made.command}", _fingerprints(made)]) + "\n"


def comma_separated(made: Table) -> str:
    """A comment that holds the command, then one line a cell.

    A cell's line: place, estimate, interval, seeds, difference, runs that did not end, artifacts, warnings.
    """
    text = io.StringIO()
    text.write(f"# {made.command}\n")
    writer = csv.writer(text, lineterminator="\n")
    bounds = ("mean", "low", "high", "seeds", "interval")
    differences = ("difference", "difference_low", "difference_high")
    places = (made.layout.rows, made.layout.columns or "column", "metric")
    writer.writerow([*places, *bounds, *differences, "failed", "stopped", "artifacts", "warnings"])
    for (row, column, metric), one in made.cells.items():
        estimate, difference = one.estimate, one.difference
        kind = estimate.doubt.value if estimate else ""
        seeds = estimate.n if estimate else 0
        numbers = [*_bounds(estimate), seeds, kind, *_bounds(difference), one.failed, one.stopped]
        said = [f"not paired: {', '.join(one.unlike)}"] * bool(one.unlike)
        said += [f"{MIXED}: {_together(one.mixed)}"] * bool(one.mixed) + list(one.warnings)
        writer.writerow([row, column, metric, *numbers, " ".join(one.sources), "; ".join(said)])
    return text.getvalue()


FORMATS: dict[str, Callable[[Table], str]] = {"markdown": markdown, "csv": comma_separated}


def _values(runs: Sequence[Run], axis: str | None) -> tuple[str, ...]:
    found = {run.label(axis) for run in runs} if axis else {""}
    return tuple(sorted(found, key=_place))


def _place(value: str) -> tuple[bool, float, str]:
    """Numbers by their size, before words by the alphabet."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    return (not math.isfinite(number), number if math.isfinite(number) else 0.0, value)


def _at(runs: Sequence[Run], layout: Layout, label: Mapping[str, str], row: str, column: str) -> list[Run]:
    here = [run for run in runs if label[run.name] == row]
    return [run for run in here if not layout.columns or run.label(layout.columns) == column]


def _against(layout: Layout, rows: Sequence[str], places: Mapping[str, str]) -> list[str]:
    """The rows that are the baseline: the one of that name, or all ways in which it was measured."""
    if layout.baseline is None:
        return []
    found = [row for row in rows if layout.baseline in (row, places[row])]
    if not found:
        check(f"{layout.rows}, to be the baseline,", layout.baseline, rows)
    return found


def _alike(
    metric: str,
    at: Mapping[tuple[str, str], Sequence[Run]],
    row: str,
    column: str,
    against: Sequence[str],
    outputs: Path,
) -> Sequence[Run]:
    """The baseline's runs that were asked as the row's were; where none were, those of its first row."""
    ours = [run for run in at[row, column] if run.done]
    ways = [at[base, column] for base in against if at[base, column]]
    alike = (runs for runs in ways if not unlike(metric, ours, [run for run in runs if run.done], outputs))
    return next(alike, ways[0] if ways else [])


def _text(one: Cell) -> str:
    counts = ((one.failed, "failed"), (one.stopped, "stopped"))
    if one.estimate is None:
        return ", ".join(word for count, word in counts if count) or ABSENT + "‡" * bool(one.warnings)
    text = shown(one.metric, one.estimate.mean) + _interval(one.metric, one.estimate)
    if one.difference:
        text += f"; Δ {shown(one.metric, one.difference.mean, sign=True)}"
        text += _interval(one.metric, one.difference, sign=True)
    missing = ", ".join(f"{count} {word}" for count, word in counts if count)
    marks = "†" * bool(one.mixed) + "‡" * bool(one.warnings)
    return text + marks + (f" ({missing})" if missing else "")


def _interval(metric: str, estimate: Interval, sign: bool = False) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    bounds = f" [{shown(metric, estimate.low, sign)}, {shown(metric, estimate.high, sign)}]"
    return bounds + (f" n={estimate.n}" if estimate.doubt is Doubt.seeds else "*")


def _notes(made: Table) -> list[str]:
    """Only what the table's marks need."""
    shown_now = made.cells.values()
    doubts = {part.doubt for one in shown_now for part in (one.estimate, one.difference) if part}
    notes = []
    if Doubt.seeds in doubts:
        notes.append("Mean and 95 % interval over n seeds (Student's t).")
    if Doubt.checkpoint in doubts:
        notes.append("\\* One seed: the interval is over documents and speaks of this checkpoint only.")
    if any(one.difference for one in shown_now):
        notes.append(f"Δ: difference from {made.layout.baseline}, paired by seed (one seed: by document).")
    if any(one.stopped for one in shown_now):
        notes.append("Stopped runs are resumable: give their commands again.")
    if any(one.metric == "usd" and one.estimate for one in shown_now):
        notes.append(USD)
    mixed = sorted({part for one in shown_now for part in one.mixed})
    if mixed:
        notes.append(f"† {MIXED}: {_together(mixed)}.")
    told = [" ".join(notes)] if notes else []
    listed = [f"- {text}." for text in (*_not_compared(made), *_warnings(made))]
    return told + (["\n".join(listed)] if listed else [])


def _together(parts: Sequence[str]) -> str:
    """`scale=large, scale=small` as `scale (large, small)`; of many fields and values the first ones."""
    values: dict[str, list[str]] = {}
    for part in _counts(parts):
        key, equals, value = part.partition("=")
        values.setdefault(key if equals else part, []).extend([value] * bool(equals))
    told = [f"{key} ({_few(found)})" if found else key for key, found in values.items()]
    return _few(told, MOST_FIELDS)


def _counts(parts: Sequence[str]) -> Iterator[str]:
    """`8 judges` in one cell, `16 judges` in another: `up to 16 judges`; the other parts as they are."""
    counted: dict[str, set[int]] = {}
    for match in filter(None, map(_COUNT.fullmatch, parts)):
        counted.setdefault(match["what"], set()).add(int(match["count"]))
    yield from (f"{'up to ' * (len(found) > 1)}{max(found)} {what}" for what, found in counted.items())
    yield from (part for part in parts if not _COUNT.fullmatch(part))


def _few(words: Sequence[str], most: int = MOST_VALUES) -> str:
    left = len(words) - most
    return ", ".join([*words[:most], *([f"and {left} more"] if left > 0 else [])])


def _not_compared(made: Table) -> list[str]:
    """Why a cell has no difference from the baseline, a sentence each."""
    cells = ((row, one) for (row, _, _), one in made.cells.items() if one.estimate)
    return list(
        dict.fromkeys(
            f"{row} and {made.layout.baseline} cannot be paired in {one.metric}: {', '.join(one.unlike)}"
            for row, one in cells
            if one.unlike
        )
    )


def _warnings(made: Table) -> list[str]:
    """What the audits of the marked cells say: each sentence once, with the rows that it is true of."""
    rows: dict[str, dict[str, None]] = {}
    for (row, _, _), one in made.cells.items():
        for text in one.warnings:
            rows.setdefault(text, {})[row] = None
    texts = [
        f"‡ {text}" + (f" ({', '.join(of)})" if len(of) < len(made.rows) else "") for text, of in rows.items()
    ]
    more = [f"‡ and {len(texts) - MOST} more; audit.json of each evaluation holds them all"]
    return texts[:MOST] + more * (len(texts) > MOST)


def _fingerprints(made: Table) -> str:
    """The artifacts behind each row."""
    lines = []
    for row in made.rows:
        cells = [one for (name, _, _), one in made.cells.items() if name == row]
        sources = sorted({source for one in cells for source in one.sources})
        lines.append(f"- {_escaped(row)}: {', '.join(sources) or _nothing(made, row)}")
    return "\n".join(lines)


def _nothing(made: Table, row: str) -> str:
    return "finished, without these metrics" if row in made.finished else "nothing finished"


def _bounds(estimate: Interval | None) -> list[float | str]:
    bounds = (estimate.mean, estimate.low, estimate.high) if estimate else (None, None, None)
    return ["" if bound is None else round(bound, 6) for bound in bounds]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
