"""One cell of a table: the runs that belong there, and what they say of one metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from alpaca_exp.report.documents import difference_stderr, document_values
from alpaca_exp.report.likeness import unlike, unlike_among
from alpaca_exp.report.metrics import ASSESSED, Reading, limits, reading, warnings
from alpaca_exp.report.runs import Run
from alpaca_exp.statistics.intervals import Doubt, Interval, of_checkpoint, over_seeds


@dataclass(frozen=True)
class Cell:
    """What the runs of one cell say of one metric."""

    metric: str
    estimate: Interval | None
    """None where no finished run has the metric."""
    difference: Interval | None
    """From the baseline of the same column; None in the baseline's own row, or where one lacks."""
    sources: tuple[str, ...]
    """The artifacts that the values come from."""
    failed: int
    """Runs of this cell that ended in an error."""
    stopped: int
    """Runs that a budget or a signal stopped: the same command goes on."""
    mixed: tuple[str, ...]
    """What else differs among its runs than their seeds; empty in a sound cell."""
    unlike: tuple[str, ...] = ()
    """Why there is no difference from the baseline: what was asked otherwise of it."""
    warnings: tuple[str, ...] = ()
    """What the evaluations' audits say of the metric, a sentence each."""


def cell(metric: str, runs: Sequence[Run], baseline: Sequence[Run], outputs: Path) -> Cell:
    """The mean over the runs with its interval, and the difference from the runs of the baseline.

    Runs that share the artifact of a metric count once: three seeds of an untuned base are one model.
    """
    found = _readings(metric, runs, outputs)
    values = [one.value for one in found.values()]
    only = next(iter(found.values())) if len(found) == 1 else None
    done = [run for run in runs if run.done]
    mixed = _mixed(metric, done, outputs)
    others = [run for run in baseline if run.done]
    # Where more than seeds tells runs apart, pairs by seed would join runs that are no pair.
    asked_otherwise = tuple(unlike(metric, done, others, outputs))
    paired = not mixed and not asked_otherwise and not _mixed(metric, others, outputs)
    return Cell(
        metric=metric,
        estimate=_within(limits(metric), _estimate(values, only, bool(mixed))),
        difference=_difference(metric, done, others, outputs) if paired else None,
        sources=tuple(sorted(found)),
        failed=_failed([run for run in runs if _asks(metric, run)]),
        stopped=sum(run.stopped for run in runs if _asks(metric, run)),
        mixed=mixed,
        unlike=asked_otherwise,
        warnings=tuple(dict.fromkeys(w for run in done for w in warnings(metric, run.artifacts, outputs))),
    )


def _failed(runs: Sequence[Run]) -> int:
    """Those that bad input ended count only where there is nothing else: another attempt mended them."""
    failed = [run for run in runs if not run.done and not run.stopped]
    return len([run for run in failed if not run.refused] or ([] if len(failed) < len(runs) else failed))


def _asks(metric: str, run: Run) -> bool:
    """Whether the run would have the metric at its end: without a judge none has the judge's."""
    return run.label("judge") != "none" or not (metric == "words" or metric.startswith(("judge.", ASSESSED)))


def _estimate(values: Sequence[float], only: Reading | None, mixed: bool) -> Interval | None:
    """Without an interval where more than chance tells the runs apart: it would speak of nothing.

    A single reading has its own interval, where it came with one, else that of its standard error.
    """
    if not values:
        return None
    if only and only.bounds and not mixed:
        return Interval(only.value, *only.bounds, 1, Doubt.checkpoint)
    return (
        Interval(fmean(values), None, None, len(values), Doubt.unknown)
        if mixed
        else over_seeds(values, only.stderr if only else None)
    )


def _within(limits: tuple[float, float], estimate: Interval | None) -> Interval | None:
    """The interval cut off at the limits of its metric: beyond them no value lies, so it covers no less."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return estimate
    lowest, highest = min(limits[0], estimate.mean), max(limits[1], estimate.mean)
    return replace(estimate, low=max(estimate.low, lowest), high=min(estimate.high, highest))


def _readings(metric: str, runs: Sequence[Run], outputs: Path) -> dict[str, Reading]:
    found = [reading(metric, run.artifacts, outputs) for run in runs if run.done]
    return {one.source: one for one in found if one}


def _difference(metric: str, runs: Sequence[Run], baseline: Sequence[Run], outputs: Path) -> Interval | None:
    """Over seeds, paired by seed; with one seed over documents, paired by document where that can be."""
    pairs = _pairs(metric, runs, baseline, outputs)
    distinct = {(one[0].source, other[0].source): (one, other) for one, other in pairs}
    if not distinct:
        return None
    (first, run), (second, other) = next(iter(distinct.values()))
    if len(distinct) == 1:
        stderr = _stderr(metric, first, second, run, other, outputs)
        return of_checkpoint(first.value - second.value, stderr)
    return over_seeds([one[0].value - other[0].value for one, other in distinct.values()])


def _pairs(
    metric: str, runs: Sequence[Run], baseline: Sequence[Run], outputs: Path
) -> list[tuple[tuple[Reading, Run], tuple[Reading, Run]]]:
    ours, theirs = _by_seed(metric, runs, outputs), _by_seed(metric, baseline, outputs)
    constant = next(iter(theirs.values())) if len({one.source for one, _ in theirs.values()}) == 1 else None
    return [(mine, other) for seeds, mine in ours.items() if (other := theirs.get(seeds) or constant)]


def _by_seed(metric: str, runs: Sequence[Run], outputs: Path) -> dict[tuple[str, ...], tuple[Reading, Run]]:
    found = {run.seeds: (reading(metric, run.artifacts, outputs), run) for run in runs}
    return {seeds: (one, run) for seeds, (one, run) in found.items() if one}


def _stderr(
    metric: str, first: Reading, second: Reading, run: Run, other: Run, outputs: Path
) -> float | None:
    """Of the difference of two checkpoints: over the same documents where known, else as of two samples."""
    ours = document_values(metric, run.artifacts, outputs)
    paired = difference_stderr(ours, document_values(metric, other.artifacts, outputs))
    if paired is not None or first.stderr is None or second.stderr is None:
        return paired
    return math.hypot(first.stderr, second.stderr)


def _mixed(metric: str, runs: Sequence[Run], outputs: Path) -> tuple[str, ...]:
    """What the runs differ in beside their seeds, where that made a difference to what is read."""
    found = [(reading(metric, run.artifacts, outputs), set(run.recipe)) for run in runs]
    recipes = list({one.source: recipe for one, recipe in found if one}.values())
    every: set[str] = set().union(*recipes)
    unequal = sorted(part for part in every if not all(part in recipe for recipe in recipes))
    return (*unequal, *unlike_among(metric, runs, outputs))
