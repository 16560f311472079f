"""One cell of a table: the runs that belong there, what they say of one metric, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np

from alpaca_exp.report.doubt import interval, unpaired
from alpaca_exp.report.evidence import Evidence, evidence, paired
from alpaca_exp.report.likeness import unlike, unlike_among
from alpaca_exp.report.made import made
from alpaca_exp.report.metrics import ASSESSED, Reading, counted, limits, reading, warnings
from alpaca_exp.report.runs import Run
from alpaca_exp.report.shares import Array, Key
from alpaca_exp.statistics.intervals import Doubt, Interval
from alpaca_exp.statistics.mcnemar import mcnemar
from alpaca_exp.statistics.significance import p_value

NO_PAIRS, NO_SEEDS = "no document is common to them", "no seed is common to them"
EXACT = "McNemar"
MADE_BY = ("train", "evaluate", "assess", "judge")
"""The stages whose version tells runs of one cell apart."""


@dataclass(frozen=True)
class Sample:
    """The runs of one place, and what the finished ones say of one metric."""

    metric: str
    runs: tuple[Run, ...]
    readings: Mapping[str, Reading]
    """By the artifact they come from: runs that share it count once, as three seeds of an untuned base."""
    mixed: tuple[str, ...]
    """What else differs among the runs than their seeds; empty in a sound cell."""
    evidence: Evidence | None
    """None where no finished run has the metric, and where the runs are mixed."""

    @property
    def done(self) -> list[Run]:
        """The runs that came to their end."""
        return [run for run in self.runs if run.done]


@dataclass(frozen=True)
class Figure:
    """What others have published of the model that a cell is of."""

    value: float
    text: str
    """With its digits: "0.739"."""
    source: str
    marks: tuple[str, ...]
    """What differs from how ours came about, a phrase each."""


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
    documents: tuple[int, ...] = ()
    """How many documents or questions a run's value is the mean of: the fewest and the most of its runs."""
    paired: int = 0
    """Over how many documents the difference is taken pair by pair; 0: over seeds alone."""
    apart: bool = False
    """Whether the difference is that of two samples, which have no seed or no document in common."""
    p: float | None = None
    """Of no difference from the baseline, by itself."""
    p_adjusted: float | None = None
    """The same after Holm, over the whole table."""
    test: str = ""
    """How `p` was found."""
    published: tuple[Figure, ...] = ()
    """What others have published of the same model, the most alike first."""
    runs: tuple[str, ...] = ()
    """The runs that came to their end, by their names."""
    against: tuple[str, ...] = ()
    """Those of the baseline that they were compared with."""
    against_sources: tuple[str, ...] = ()
    """The artifacts that its values come from."""


def sample(metric: str, runs: Sequence[Run], outputs: Path) -> Sample:
    """The runs of one place with all that is read of them."""
    found = [reading(metric, run.artifacts, outputs) for run in runs if run.done]
    mixed = _mixed(metric, [run for run in runs if run.done], outputs)
    return Sample(
        metric=metric,
        runs=tuple(runs),
        readings={one.source: one for one in found if one},
        mixed=mixed,
        evidence=None if mixed else evidence(metric, runs, outputs),
    )


def cell(ours: Sample, baseline: Sample | None, outputs: Path) -> Cell:
    """The mean over the runs with its interval, and the difference from the runs of the baseline."""
    metric, done = ours.metric, ours.done
    # Where more than seeds tells runs apart, pairs by seed would join runs that are no pair.
    asked_otherwise = tuple(unlike(metric, done, baseline.done, outputs)) if baseline else ()
    contrast: Evidence | None = None
    difference: Interval | None = None
    if baseline and baseline.evidence and ours.evidence and not asked_otherwise:
        contrast, difference, why = _apart(ours.evidence, baseline.evidence)
        asked_otherwise += (why,) if why else ()
    p, test = _tested(ours, baseline, contrast, difference) if baseline else (None, "")
    sizes = {one.n for one in ours.readings.values() if one.n}
    return Cell(
        metric=metric,
        estimate=_within(limits(metric), _estimate(ours)),
        difference=difference,
        sources=tuple(sorted(ours.readings)),
        failed=_failed([run for run in ours.runs if _asks(metric, run)]),
        stopped=sum(run.stopped for run in ours.runs if _asks(metric, run)),
        mixed=ours.mixed,
        unlike=asked_otherwise,
        warnings=tuple(dict.fromkeys(w for run in done for w in warnings(metric, run.artifacts, outputs))),
        documents=tuple(sorted({min(sizes), max(sizes)})) if sizes else (),
        paired=len(contrast.documents) if contrast else 0,
        apart=difference is not None and contrast is None,
        p=p,
        test=test,
        runs=tuple(run.name for run in done),
        against=tuple(run.name for run in baseline.done) if baseline else (),
        against_sources=tuple(sorted(baseline.readings)) if baseline else (),
    )


def _apart(ours: Evidence, theirs: Evidence) -> tuple[Evidence | None, Interval | None, str]:
    """Seed by seed and document by document; as two samples where no seed, or no document, is common to them.

    The last is why there is no interval.
    """
    found = paired(ours, theirs)
    if isinstance(found, Evidence):
        return found, interval(found), ""
    apart = unpaired(ours, theirs) if found in (NO_PAIRS, NO_SEEDS) else None
    return None, apart, "" if apart else found


def _estimate(ours: Sample) -> Interval | None:
    """Without an interval where more than chance tells the runs apart: it would speak of nothing.

    A single reading that is no mean of limited values has its own interval, where it came with one.
    """
    values = [one.value for one in ours.readings.values()]
    if not values:
        return None
    if ours.evidence is None:
        return Interval(fmean(values), None, None, len(values), Doubt.unknown)
    within = limits(ours.metric)
    limited = bool(ours.evidence.documents) and all(map(math.isfinite, within))
    only = next(iter(ours.readings.values())) if len(values) == 1 else None
    if only and only.bounds and not limited:
        return Interval(only.value, *only.bounds, 1, Doubt.checkpoint)
    return interval(ours.evidence, within)


def _tested(
    ours: Sample, theirs: Sample, contrast: Evidence | None, difference: Interval | None
) -> tuple[float | None, str]:
    """The p value of no difference, and its test: an exact one where two checkpoints are right or wrong."""
    if difference is None or counted(ours.metric):
        return None, ""
    if contrast and _documents(ours) == _documents(theirs):
        right, their_right = (_right(one.evidence) for one in (ours, theirs))
        if right is not None and their_right is not None:
            return mcnemar(right, their_right), EXACT
    p = p_value(difference)
    return p, "" if p is None else "t"


def _right(of: Evidence | None) -> Array | None:
    """Of one checkpoint, 1 for each document that it got right, 0 for the others; None where none says so."""
    if of is None or len(of.readings) != 1 or not of.documents or of.clusters:
        return None
    values = of.values[0]
    right = np.rint(values)
    exact = (abs(right - values) < 1e-6) & ((right == 0) | (right == 1))
    return right if exact.all() else None


def _documents(of: Sample) -> tuple[Key, ...]:
    return of.evidence.documents if of.evidence else ()


def _within(limits: tuple[float, float], estimate: Interval | None) -> Interval | None:
    """The interval cut off at the limits of its metric: beyond them no value lies, so it covers no less."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return estimate
    lowest, highest = min(limits[0], estimate.mean), max(limits[1], estimate.mean)
    if lowest <= estimate.low and estimate.high <= highest:
        return estimate
    return replace(estimate, low=max(estimate.low, lowest), high=min(estimate.high, highest))


def _failed(runs: Sequence[Run]) -> int:
    """Those that bad input ended count only where there is nothing else: another attempt mended them."""
    failed = [run for run in runs if not run.done and not run.stopped]
    return len([run for run in failed if not run.refused] or ([] if len(failed) < len(runs) else failed))


def _asks(metric: str, run: Run) -> bool:
    """Whether the run would have the metric at its end: without a judge none has the judge's."""
    return run.label("judge") != "none" or not (metric == "words" or metric.startswith(("judge.", ASSESSED)))


def _mixed(metric: str, runs: Sequence[Run], outputs: Path) -> tuple[str, ...]:
    """What the runs differ in beside their seeds, where that made a difference to what is read."""
    found: dict[str, Run] = {}
    for run in runs:
        if one := reading(metric, run.artifacts, outputs):
            found[one.source] = run
    if len(found) < 2:
        return ()
    recipes = {frozenset(run.recipe) for run in found.values()}
    every: set[str] = set().union(*recipes)
    unequal = sorted(part for part in every if not all(part in recipe for recipe in recipes))
    versions = versions_among(metric, list(found.values()), outputs)
    return (*unequal, *versions, *unlike_among(metric, list(found.values()), outputs))


def versions_among(metric: str, runs: Sequence[Run], outputs: Path) -> list[str]:
    """Stages of which these runs have artifacts of more than one version: other code made them.

    None for a plain count or sum: it is what it is.
    """
    if counted(metric):
        return []
    found: dict[str, set[str]] = {}
    for run in runs:
        for stage in MADE_BY:
            one = made(stage, run.artifacts[stage], outputs) if stage in run.artifacts else None
            if one and one.version:
                found.setdefault(stage, set()).add(one.version)
    return [
        f"{stage} version={one}" for stage, all_ in found.items() if len(all_) > 1 for one in sorted(all_)
    ]
