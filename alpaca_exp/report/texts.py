"""What stands in a cell, in words and marks that every format shows, and what is said under the table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from alpaca_exp.report.cells import EXACT, Cell
from alpaca_exp.report.confounds import MOST
from alpaca_exp.report.metrics import USD, counted, shown
from alpaca_exp.report.runs import ABSENT
from alpaca_exp.report.tables import Table
from alpaca_exp.statistics.intervals import Doubt, Interval

MIXED = "A mean over runs that differ in more than their seeds"
ALPHA = 0.05
CHECKPOINT, SIGNIFICANT, SEVERAL, WARNED, UNLIKE = "°", "§", "†", "‡", "¶"
"""Marks: of one checkpoint only; unlike the baseline; several recipes in a cell; to be read with care; and a
published figure that came about otherwise than ours."""
FIRST = ("preset", "world", "scale")
"""Axes that others follow from: a size has its base model."""
PAPER = "The paper (Lindenau 2023): 500 dollars of data and 100 of training for Alpaca-7B"
MOST_FIELDS, MOST_VALUES = 8, 4
"""So many of what differs are named."""
_COUNT = re.compile(r"(?P<count>\d+) (?P<what>[a-z ]+)")


@dataclass(frozen=True)
class Head:
    """One column as it is printed."""

    column: str
    metric: str
    name: str
    text: Callable[[Cell], str]
    """Of each of its cells."""


def estimate_text(one: Cell) -> str:
    """`0.850 [0.825, 0.875] (3 x 400)`; what there is instead, where there is no number."""
    missing = ", ".join(f"{count} {word}" for count, word in _unfinished(one) if count)
    if one.estimate is None:
        words = ", ".join(word for count, word in _unfinished(one) if count)
        return words or ABSENT + WARNED * bool(one.warnings)
    text = shown(one.metric, one.estimate.mean) + _bounds(one.metric, one.estimate)
    text += SEVERAL * bool(one.mixed) + WARNED * bool(one.warnings)
    beside = [part for part in ("" if counted(one.metric) else _size(one), missing) if part]
    return text + (f" ({'; '.join(beside)})" if beside else "")


def difference_text(one: Cell) -> str:
    """`+0.050 [+0.007, +0.093]§`; empty where there is none."""
    if one.difference is None:
        return ""
    mark = SIGNIFICANT if one.p_adjusted is not None and one.p_adjusted < ALPHA else ""
    return (
        shown(one.metric, one.difference.mean, sign=True)
        + _bounds(one.metric, one.difference, sign=True)
        + mark
    )


def published_text(one: Cell) -> str:
    """`0.739 (Anand et al. 2023)¶`: what is most alike, marked where something differs all the same."""
    if not one.published:
        return ""
    first = one.published[0]
    return f"{first.text} ({first.source})" + UNLIKE * bool(first.marks)


def heads(made: Table, *, differences: bool) -> list[Head]:
    """The columns, those left out that would be empty; differences in columns of their own, if asked so."""
    found = []
    for column in made.columns:
        for metric in made.layout.metrics:
            cells = [made.cells[row, column, metric] for row in made.rows]
            apart = differences and any(one.difference for one in cells)
            found.append(Head(column, metric, metric, estimate_text))
            found += [Head(column, metric, "Δ", difference_text)] * apart
            found += [Head(column, metric, f"{metric} published", published_text)] * any(
                one.published for one in cells
            )
    return found


def notes(made: Table) -> list[str]:
    """How to read the table: only what its marks need."""
    cells = list(made.cells.values())
    doubts = {part.doubt for one in cells for part in (one.estimate, one.difference) if part}
    told = []
    if Doubt.seeds in doubts:
        told.append("Mean and 95 % interval over seeds and documents, in brackets (seeds x documents).")
    if Doubt.checkpoint in doubts:
        told.append(
            f"{CHECKPOINT} One seed: the interval is over documents and speaks of this checkpoint only."
        )
    if any(one.difference for one in cells):
        apart = any(one.apart for one in cells)
        told.append(
            f"Δ: difference from {made.layout.baseline}, paired by seed and by document"
            f"{', or as of two samples where they have none in common' * apart}."
        )
    if made.compared:
        exact = any(one.test == EXACT for one in cells)
        told.append(
            f"{SIGNIFICANT} Differs from {made.layout.baseline}: p < {ALPHA:g} after Holm over the "
            f"{made.compared} differences of this table"
            f"{', accuracies of one checkpoint each by the exact McNemar test' * exact}."
        )
    if any(one.estimate is None and not any(count for count, _ in _unfinished(one)) for one in cells):
        told.append(f"{ABSENT} No finished run{' that is not left out' * bool(made.left_out)} has it.")
    if any(one.stopped for one in cells):
        told.append(
            "Stopped runs are resumable: give their commands again (but for trials that a study gave up)."
        )
    told += _spent(made)
    mixed = sorted({part for one in cells for part in one.mixed})
    if mixed:
        told.append(f"{SEVERAL} {MIXED}: {together(mixed)}.")
        told += _apart(made, mixed)
    told += [
        f"All runs stand at {_place(made, axis)} on {axis}." for axis in made.alone if made.layout.baseline
    ]
    return told


def warnings(made: Table) -> list[str]:
    """Why a cell has no difference, what the audits of marked cells say, and what data sets differ in."""
    told = (*_not_compared(made), *_warned(made), *_published(made))
    return [*(f"{text}." for text in told), *made.confounds]


def left_out(made: Table) -> list[str]:
    """The runs that no number rests on, though they came to their end."""
    return [f"left out: {text}" for text in made.left_out]


def sources(made: Table) -> list[tuple[str, str]]:
    """The artifacts behind each row."""
    found: dict[str, set[str]] = {row: set() for row in made.rows}
    for (row, _, _), one in made.cells.items():
        found[row].update(one.sources)
    return [(row, ", ".join(sorted(these)) or _nothing(made, row)) for row, these in found.items()]


def together(parts: Sequence[str]) -> str:
    """`scale=large, scale=small` as `scale (large, small)`; of many fields and values the first ones."""
    values: dict[str, list[str]] = {}
    for part in _counts(parts):
        key, equals, value = part.partition("=")
        values.setdefault(key if equals else part, []).extend([value] * bool(equals))
    told = [f"{key} ({_few(found)})" if found else key for key, found in values.items()]
    return _few(told, MOST_FIELDS)


def _apart(made: Table, mixed: Sequence[str]) -> Iterator[str]:
    """Why such a cell has no difference, and the option that tells its runs apart."""
    values = dict(part.lstrip("+~").split("=", 1) for part in reversed(mixed) if "=" in part)
    axis = next((axis for axis in (*FIRST, *sorted(values)) if axis in values and " " not in axis), "")
    if made.layout.baseline is None:
        return
    columns = f"add --columns {axis}, or " * (made.layout.columns is None)
    how = f"; {columns}choose one: --where {axis}={values[axis]}" if axis else ""
    yield f"It is not compared with {made.layout.baseline}{how}."


def _unfinished(one: Cell) -> tuple[tuple[int, str], ...]:
    return (one.failed, "failed"), (one.stopped, "stopped")


def _size(one: Cell) -> str:
    """Seeds, and documents or questions, where the metric is a mean over some: `3 x 400`."""
    seeds = one.estimate.n if one.estimate else 0
    if not one.documents:
        return f"{seeds} seed{'s' * (seeds != 1)}"
    return f"{seeds} x {'-'.join(f'{count:,}' for count in one.documents)}"


def _bounds(metric: str, estimate: Interval, sign: bool = False) -> str:
    if estimate.low is None or estimate.high is None or (counted(metric) and estimate.low == estimate.high):
        return ""
    bounds = f" [{shown(metric, estimate.low, sign)}, {shown(metric, estimate.high, sign)}]"
    return bounds + CHECKPOINT * (estimate.doubt is Doubt.checkpoint)


def _spent(made: Table) -> Iterator[str]:
    """What dollars and hours are, beside the paper's."""
    shown_now = {one.metric for one in made.cells.values() if one.estimate}
    if "usd" in shown_now:
        yield USD
    if "gpu_hours" in shown_now:
        yield "gpu_hours: of all GPUs together, of everything that the run rests on."
    if shown_now & {"usd", "gpu_hours"}:
        yield f"{PAPER}; three hours on eight A100, 24 GPU hours (Taori et al. 2023)."


def _place(made: Table, axis: str) -> str:
    return (made.rows if axis == made.layout.rows else made.columns)[0]


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


def _warned(made: Table) -> list[str]:
    """What the audits of the marked cells say: each sentence once, with the rows that it is true of."""
    rows: dict[str, dict[str, None]] = {}
    for (row, _, _), one in made.cells.items():
        for text in one.warnings:
            rows.setdefault(text, {})[row] = None
    texts = [
        f"{WARNED} {text}" + (f" ({_few(list(of), 2 * MOST_VALUES)})" if len(of) < len(made.rows) else "")
        for text, of in rows.items()
    ]
    more = [f"{WARNED} and {len(texts) - MOST} more; audit.json of each evaluation holds them all"]
    return texts[:MOST] + more * (len(texts) > MOST)


def _published(made: Table) -> list[str]:
    """The figures of others with their sources, and what differs."""
    found: dict[str, dict[str, None]] = {}
    for (row, _, metric), one in made.cells.items():
        for shown_ in one.published:
            differs = f"{UNLIKE} {', '.join(shown_.marks)}" if shown_.marks else "alike in all that is known"
            text = f"published of {metric}: {shown_.text} ({shown_.source}): {differs}"
            found.setdefault(text, {})[row] = None
    return [f"{_few(list(rows), 2 * MOST_VALUES)}: {text}" for text, rows in found.items()]


def _nothing(made: Table, row: str) -> str:
    return "finished, without these metrics" if row in made.finished else "nothing finished"
