"""Which factor did how much to each metric: effects, interactions and Shapley values, with their doubt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import product
from pathlib import Path

from alpaca_exp.report.causes import causes
from alpaca_exp.report.design import Design, Standing, design, standing, told
from alpaca_exp.report.doubt import independent, interval
from alpaca_exp.report.evidence import Evidence, contrast
from alpaca_exp.report.likeness import unlike
from alpaca_exp.report.metrics import counted, known
from alpaca_exp.report.runs import Run, check
from alpaca_exp.statistics.attribution import Cell, Effect, Shapley, Weights, effects, shapley
from alpaca_exp.statistics.intervals import Interval
from alpaca_exp.statistics.ratio import Share, share
from alpaca_exp.statistics.significance import holm, p_value

METRICS = ("understanding", "truthfulness")
MOST_WAYS = 6
"""So many ways from the baseline are shared out, unless one is named."""
MEASURED_BY = ("eval_suite", "judge")
"""Groups that say how a model is measured: as factors they are meant to differ."""


class Kind(Enum):
    """What a line tells."""

    effect = "effect"
    interaction = "interaction"
    total = "total"
    shapley = "shapley"


@dataclass(frozen=True)
class Asked:
    """What is to be attributed to what."""

    factors: tuple[str, ...]
    metrics: tuple[str, ...] = METRICS
    baseline: Mapping[str, str] = field(default_factory=dict)
    """The level that a factor's others are compared with."""
    to: Mapping[str, str] = field(default_factory=dict)
    """The end of the way that Shapley values share out; empty: every cell in which all factors differ."""


@dataclass(frozen=True)
class Line:
    """One number with its doubt: an effect, an interaction, or a factor's part of the way to a cell."""

    metric: str
    kind: Kind
    name: str
    """`scale=large`; `scale=large x dataset_variant=cleaned`; of a Shapley value the factor."""
    start: str = ""
    end: str = ""
    """The two cells, of a total and its Shapley values."""
    estimate: Interval | None = None
    """In points of the metric; None where it is not identified, which `note` explains."""
    documents: int = 0
    """Over how many it was taken pair by pair; 0: over seeds alone."""
    p: float | None = None
    p_adjusted: float | None = None
    """After Holm, over the effects and interactions of its metric."""
    share: Share | None = None
    """Of the total; only where the total's interval excludes 0."""
    note: str = ""
    """What it does not hold for, or why there is none."""


@dataclass(frozen=True)
class Part:
    """What there is to say of one metric."""

    metric: str
    lines: tuple[Line, ...]
    standing: Standing
    refused: str = ""
    """Why there are no lines: what was asked otherwise in some cells."""


@dataclass(frozen=True)
class Attribution:
    """The design, and what it says of each metric."""

    design: Design
    parts: tuple[Part, ...]
    causes: tuple[str, ...]
    """What changes along with the factors, and what no interval counts, a sentence each."""
    command: str

    @property
    def lines(self) -> list[Line]:
        """Of all metrics."""
        return [line for part in self.parts for line in part.lines]


def attribution(runs: Sequence[Run], asked: Asked, outputs: Path, command: str = "") -> Attribution:
    """What each factor did to each metric, as far as these runs tell it."""
    there = known([run.artifacts for run in runs], outputs)
    for metric in asked.metrics:
        check("metric", metric, there)
    of = design(runs, asked.factors, asked.baseline)
    ends, more = _ends(of, asked.to)
    parts = tuple(_part(metric, of, ends, outputs) for metric in asked.metrics)
    return Attribution(of, parts, (*causes(of, outputs), *more), command)


def _part(metric: str, of: Design, ends: Sequence[Cell], outputs: Path) -> Part:
    at = standing(metric, of, outputs)
    asked_otherwise = _asked_otherwise(metric, of, at, outputs)
    if asked_otherwise:
        return Part(
            metric, (), at, f"{metric} was not asked alike in all cells: {', '.join(asked_otherwise)}"
        )
    start = tuple(factor.levels[0] for factor in of.factors)
    found = _adjusted([_effect(metric, one, at) for one in effects(of.factors, at.samples)])
    ways = (_way(metric, shapley(of.factors, at.samples, start, end), at) for end in ends)
    return Part(metric, (*found, *(line for way in ways for line in way)), at)


def _asked_otherwise(metric: str, of: Design, at: Standing, outputs: Path) -> list[str]:
    """What no contrast of cells can be taken over; a factor of the measuring itself may differ."""
    if any(factor.name.partition(".")[0] in MEASURED_BY for factor in of.factors):
        return []
    runs = [run for one in at.samples.values() for run in one.done]
    return unlike(metric, runs[:1], runs[1:], outputs)


def _effect(metric: str, one: Effect, at: Standing) -> Line:
    kind = Kind.effect if len(one.terms) == 1 else Kind.interaction
    line = Line(metric, kind, " x ".join(f"{name}={level}" for name, level in one.terms))
    if not one.weights:
        return replace(line, note=_unidentified(one, at))
    limits = ""
    if one.additive:
        limits = "only if the factors do not interact: no place has both levels"
    elif one.places < one.all_places:
        limits = f"over {one.places} of {one.all_places} places: {_without(one.missing, at)}"
    return _measured(replace(line, note=limits), _contrast(one.weights, one.weights, at))


def _way(metric: str, found: Shapley, at: Standing) -> Iterator[Line]:
    """The total, then each factor's part; all over the same seeds, so that the parts add up to it."""
    line = Line(metric, Kind.total, "all", told(found.start), told(found.end))
    if not found.total:
        yield replace(line, note=f"not identified: {_without(found.missing, at)}")
        return
    needed = list(dict.fromkeys(cell for weights in found.values.values() for cell in weights))
    whole = _contrast(found.total, needed, at)
    yield _measured(line, whole)
    for name, weights in found.values.items():
        part = _contrast(weights, needed, at)
        part_of = None
        if isinstance(part, Evidence) and isinstance(whole, Evidence):
            part_of = share(independent(part).values, independent(whole).values, part.clusters)
        yield replace(_measured(replace(line, kind=Kind.shapley, name=name), part), p=None, share=part_of)


def _contrast(weights: Weights, needed: Sequence[Cell] | Weights, at: Standing) -> Evidence | str:
    """The weighted cells, over the seeds that all needed cells have."""
    evidence = {cell: at.samples[cell].evidence for cell in needed}
    return contrast([(weights.get(cell, 0.0), one) for cell, one in evidence.items() if one is not None])


def _measured(line: Line, found: Evidence | str) -> Line:
    if isinstance(found, str):
        return replace(line, note=f"not identified: {found}")
    estimate = interval(found)
    p = None if counted(line.metric) else p_value(estimate)
    return replace(line, estimate=estimate, documents=len(found.documents), p=p)


def _adjusted(lines: Sequence[Line]) -> list[Line]:
    tested = [at for at, line in enumerate(lines) if line.p is not None]
    adjusted = dict(zip(tested, holm([lines[at].p or 0.0 for at in tested]), strict=True))
    return [replace(line, p_adjusted=adjusted.get(at)) for at, line in enumerate(lines)]


def _unidentified(one: Effect, at: Standing) -> str:
    if one.aliases:
        along = " and ".join(f"{name}={level}" for name, level in one.aliases)
        return f"not identified: changes along with {along}; {_without(one.missing, at)}"
    return f"not identified: {_without(one.missing, at)}"


def _without(missing: Sequence[Cell], at: Standing) -> str:
    """`no run at small, cleaned`: the cells that lack, by the reason."""
    reasons: dict[str, list[str]] = {}
    for cell in missing:
        reasons.setdefault(at.lacking[cell], []).append(told(cell))
    return "; ".join(f"{why} at {' and at '.join(where)}" for why, where in reasons.items())


def _ends(of: Design, to: Mapping[str, str]) -> tuple[list[Cell], list[str]]:
    """The cells that ways lead to, from the baseline of every factor."""
    names = [factor.name for factor in of.factors]
    for name, level in to.items():
        check("factor", name, names)
        check(f"level of {name}", level, of.factors[names.index(name)].levels)
    if len(names) == 1:
        return [], []  # its effects say it all
    if to:
        return [tuple(to.get(factor.name, factor.levels[0]) for factor in of.factors)], []
    found = list(product(*(factor.levels[1:] for factor in of.factors)))
    left = len(found) - MOST_WAYS
    return found[:MOST_WAYS], [f"{left} more ways lead from the baseline to other cells; --to names one."] * (
        left > 0
    )
