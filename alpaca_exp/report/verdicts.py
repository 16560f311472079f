"""Claims judged by runs: supported, contradicted, undecided, or not testable, each with its numbers.

A claim is about what is made, not about the models that happen to be here: it rests on an interval over
seeds and documents (`statistics.crossed`), paired by both. All tests are two-sided at 5 %, Holm's adjustment
over the claims that are judged together: a claim is supported where its adjusted p value is at most .05 and
the estimate lies on its side, contradicted where it lies on the other. Equality within a margin is supported
by two one-sided tests of 2.5 % each, so that a single claim's verdict can be read off its 95 % interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alpaca_exp.report.contrasts import Contrast, Untestable, contrasted, stands
from alpaca_exp.report.deciding import remedy
from alpaca_exp.report.doubt import interval
from alpaca_exp.report.judged import PREFIX, name_of
from alpaca_exp.report.metrics import counted, limits
from alpaca_exp.report.runs import Run
from alpaca_exp.schemas.claims import Claim, Relation
from alpaca_exp.statistics.intervals import Interval, Limits
from alpaca_exp.statistics.significance import equivalence, holm, p_value

ALPHA = 0.05
SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
NOT_TESTABLE = "not testable"
SIGNS = {Relation.greater: ">", Relation.less: "<", Relation.equal_within: "=", Relation.at_least: ">="}


@dataclass(frozen=True)
class Verdict:
    """What the runs say of one claim, at one place."""

    claim: str
    statement: str
    source: str
    """Where it was claimed."""
    place: str
    """`scale=small`, of a claim over each size; "" where it is pooled."""
    metric: str
    said: str
    """The claim as an inequality."""
    verdict: str
    """supported, contradicted, undecided, or not testable."""
    estimate: float | None
    """Left minus right, in `unit`; with its 95 % interval."""
    low: float | None
    high: float | None
    unit: str
    """points (hundredths of a share; per cent of the judge's), words, dollars, ..."""
    threshold: float
    """With what the estimate is compared, in `unit`: 0, or the margin."""
    p: float | None
    """Two-sided."""
    p_holm: float | None
    """Adjusted for all claims that were judged together."""
    seeds: int
    documents: int
    """0 where the metric is no mean over documents."""
    over: tuple[str, ...]
    """What it is the mean over."""
    why: str
    """What stands in the way of a verdict, in a sentence; "" where nothing does."""
    remedy: str
    """What would decide it: more seeds, more documents, or a command; "" where it is decided."""
    notes: tuple[str, ...]
    sources: tuple[str, ...]
    """The artifacts that it rests on."""


@dataclass(frozen=True)
class _Tested:
    """A claim at a place, before its neighbours are known."""

    claim: Claim
    place: str
    contrast: Contrast | Untestable
    interval: Interval | None = None
    """Of the claim's left minus its right side, in the metric's own numbers."""
    p: float | None = None

    @property
    def counts(self) -> bool:
        """Whether its interval may decide: one seed says nothing of others, where there could be others."""
        fixed = isinstance(self.contrast, Contrast) and self.contrast.fixed
        return self.p is not None and self.interval is not None and (self.interval.n > 1 or fixed)


def judged(claims: Sequence[Claim], runs: Sequence[Run], outputs: Path) -> list[Verdict]:
    """A verdict for each claim, for each place of one that is claimed over an axis, in their order.

    Names that no run knows are for `check_claims` to find; here they are runs that are missing.
    """
    asked = [place for claim in claims for place in _places(claim, runs)]
    return decided([(claim, place, contrasted(claim, runs, outputs)) for claim, place in asked])


def decided(found: Sequence[tuple[Claim, str, Contrast | Untestable]]) -> list[Verdict]:
    """The verdicts on claims at places, from what the runs say of each: the statistics alone."""
    tested = [_tested(*one) for one in found]
    p_values = [one.p for one in tested if one.counts and one.p is not None]
    adjusted = iter(holm(p_values))
    tests = max(len(p_values), 1)
    return [_verdict(one, next(adjusted) if one.counts else None, tests) for one in tested]


def _places(claim: Claim, runs: Sequence[Run]) -> Iterator[tuple[Claim, str]]:
    """The claim at each value of its axis that some run has, or as it is."""
    if claim.over is None:
        yield claim, ""
        return
    here = [
        run for run in runs if stands(run, claim.where) and any(stands(run, s) for s in claim.selections[:-1])
    ]
    for value in sorted({run.label(claim.over) for run in here}) or [""]:
        where = {**claim.where, **({claim.over: (value,)} if value else {})}
        yield replace(claim, where=where), f"{claim.over}={value}" if value else ""


def _tested(claim: Claim, place: str, found: Contrast | Untestable) -> _Tested:
    if isinstance(found, Untestable):
        return _Tested(claim, place, found)
    number = claim.right.number if claim.right.runs is None else 0.0
    own = _moved(interval(found.evidence, _within(claim, found)), number / points(claim.metric)[0])
    return _Tested(claim, place, found, own, _p(claim, own))


def _within(claim: Claim, found: Contrast) -> Limits | None:
    """What a side that is compared with a number cannot lie beyond; a difference has no such ends.

    As in a table, the interval of a share near its end is then not symmetric, and no rate below 0 is in it.
    """
    alone = claim.right.runs is None and claim.left.above is None
    return found.evidence.limits if alone else None


def points(metric: str) -> tuple[float, str]:
    """By what a metric's numbers are multiplied to be points, and what these are called."""
    name = name_of(metric) if metric.startswith(PREFIX) else metric.rpartition(".")[2]
    if metric.startswith(PREFIX):
        own = {"score", "opponent_score", "difference", "difference_lc", "retest_difference"}
        return 1.0, "points of ten" if name in own else "points"
    if limits(metric) == (0.0, 1.0):
        return 100.0, "points"
    units = {"words": "words", "usd": "dollars", "gpu_hours": "GPU hours"}
    return 1.0, units.get(metric, "rows" if counted(metric) else "")


def inequality(claim: Claim) -> str:
    """`dataset_variant=cleaned > dataset_variant=original`; a margin stands behind."""
    unit = points(claim.metric)[1].removesuffix("s" if claim.margin == 1 else "")
    margin = f"{claim.margin:g}{f' {unit}' if unit else ''}"
    sides = (str(claim.left), str(claim.right))
    if claim.relation is Relation.equal_within:
        return f"{sides[0]} = {sides[1]} within {margin}"
    more = f" + {margin}" if claim.relation is Relation.at_least else ""
    return f"{sides[0]} {SIGNS[claim.relation]} {sides[1]}{more}"


def _moved(one: Interval, number: float) -> Interval:
    """An interval less a number."""
    low, high = (None if bound is None else bound - number for bound in (one.low, one.high))
    limits = None if one.limits is None else (one.limits[0] - number, one.limits[1] - number)
    return replace(one, mean=one.mean - number, low=low, high=high, limits=limits)


def _thresholds(claim: Claim) -> tuple[float, ...]:
    """What the estimate is compared with, in the metric's own numbers."""
    margin = claim.margin / points(claim.metric)[0]
    return (-margin, margin) if claim.relation is Relation.equal_within else (margin,)


def _p(claim: Claim, one: Interval) -> float | None:
    """The two-sided p value that decides; None where nothing tells how far the estimate may be off.

    Of an equality, between its bounds, both must be ruled out; beyond them the nearer.
    """
    if not one.stderr and one.limits is None:
        return None
    if claim.relation is Relation.equal_within and _holds(claim, one.mean):
        shown = equivalence(one, _thresholds(claim)[1])
        return None if shown is None else 2 * shown  # one-sided each
    found = [p_value(one, threshold) for threshold in _thresholds(claim)]
    known = [p for p in found if p is not None]
    return max(known) if len(known) == len(found) else None


def _holds(claim: Claim, estimate: float) -> bool:
    """Whether the estimate lies on the claim's side, whatever its doubt."""
    thresholds = _thresholds(claim)
    if claim.relation is Relation.equal_within:
        return thresholds[0] < estimate < thresholds[1]
    return estimate < thresholds[0] if claim.relation is Relation.less else estimate > thresholds[0]


def _verdict(one: _Tested, p_holm: float | None, tests: int) -> Verdict:
    claim, found = one.claim, one.contrast
    scale, unit = points(claim.metric)
    bare = Verdict(
        claim=claim.name, statement=claim.statement, source=claim.source, place=one.place,
        metric=claim.metric, said=inequality(claim), verdict=NOT_TESTABLE, estimate=None, low=None, high=None,
        unit=unit, threshold=claim.margin, p=one.p, p_holm=p_holm, seeds=0, documents=0, over=(), why="",
        remedy="", notes=(), sources=(),
    )  # fmt: skip
    if isinstance(found, Untestable):
        return replace(bare, why=found.why, remedy=found.command)
    assert one.interval is not None, "what can be measured has an interval"
    bounds = (one.interval.mean, one.interval.low, one.interval.high)
    mean, low, high = (None if bound is None else scale * bound for bound in bounds)
    made = found.evidence
    told = replace(
        bare, estimate=mean, low=low, high=high, seeds=one.interval.n, documents=len(made.documents),
        over=found.over, notes=found.notes, sources=made.sources,
    )  # fmt: skip
    holds = _holds(claim, one.interval.mean)
    if p_holm is not None and p_holm <= ALPHA:
        return replace(told, verdict=SUPPORTED if holds else CONTRADICTED)
    return replace(told, verdict=UNDECIDED, why=_why(one, holds), remedy=_remedy(one, tests))


def _why(one: _Tested, holds: bool) -> str:
    """Why an estimate decides nothing."""
    found = one.interval
    if one.p is None or found is None:
        return "nothing tells how far it may be off"
    if one.counts:
        return (
            "its interval leaves both open"
            if one.p > ALPHA
            else "alone it would be decided, not among so many"
        )
    if one.p > ALPHA:
        return "one seed only, and even of these checkpoints it is open"
    return f"one seed only: of these checkpoints it is {'supported' if holds else 'contradicted'}"


def _remedy(one: _Tested, tests: int) -> str:
    """How many more seeds or documents would decide it, should the estimate stay what it is."""
    if one.interval is None or not isinstance(one.contrast, Contrast):
        return ""
    if one.interval.n < 2 and not one.contrast.fixed:
        return "more seeds: three at least tell what another one would do"
    distance = min(abs(one.interval.mean - threshold) for threshold in _thresholds(one.claim))
    documents = len(one.contrast.evidence.documents)
    return remedy(one.interval, distance, documents, ALPHA / tests, fixed=one.contrast.fixed)
