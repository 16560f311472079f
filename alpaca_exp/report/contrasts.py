"""What the runs say of a claim: its contrast as evidence, or why they cannot say anything."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from alpaca_exp.lineage import Lineage, differences, listed
from alpaca_exp.report.causes import ONE_DATA_SET, ONE_PRETRAINING
from alpaca_exp.report.cells import versions_among
from alpaca_exp.report.evidence import Evidence, contrast, evidence
from alpaca_exp.report.likeness import unlike
from alpaca_exp.report.missing import command
from alpaca_exp.report.partners import (
    IMPLIED,
    Cell,
    Pair,
    cells_of,
    group_of,
    measuring,
    partners,
    varying,
    without_partner,
)
from alpaca_exp.report.runs import Run
from alpaca_exp.report.settings import same
from alpaca_exp.report.texts import together
from alpaca_exp.schemas.claims import Claim, Selection, told

PLACES = ("preset", "world")
"""Where nothing is averaged over: other documents, other facts."""


@dataclass(frozen=True)
class Contrast:
    """Left minus right, and what must be known of it."""

    evidence: Evidence
    fixed: bool
    """Whether its models are given, not made: then no other seed could make others."""
    over: tuple[str, ...]
    """What it is the mean over: `scale (large, small)`."""
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Untestable:
    """Why runs do not speak of a claim, and the command that makes those that would."""

    why: str
    command: str = ""


def contrasted(claim: Claim, runs: Sequence[Run], outputs: Path) -> Contrast | Untestable:
    """The claim's left minus its right side, the right one's number left out.

    Runs are paired that are alike in all but what the claim names: the same size, recipe, suite and judge.
    Where several such pairs are (two sizes, say) it is their mean, each counting the same. Nothing is
    averaged over presets, worlds, suites or judges, nor compared where it was asked otherwise, or where
    the data differs in more than one thing that the claim does not name as harmless.
    """
    here = [run for run in runs if stands(run, claim.where)]
    weights: dict[Cell, float] = {}
    pairs: list[Pair] = []
    notes: list[str] = []
    for weight, plus, minus in _comparisons(claim):
        sides = [cells_of(claim.metric, [run for run in here if stands(run, one)], outputs)
                 for one in (plus, minus) if one is not None]  # fmt: skip
        for selection, found_there in zip((plus, minus), sides, strict=False):
            if not found_there and selection is not None:
                return _missing(claim, selection, here, outputs)
        found, why = partners(claim.metric, sides, {*plus, *(minus or {})})
        if not found:
            return Untestable(why)
        notes += without_partner(sides, found)
        for pair in found:
            for cell, sign in zip(pair, (1, -1), strict=True):
                if cell is not None:
                    weights[cell] = weights.get(cell, 0.0) + sign * weight / len(found)
        pairs += found
    if refused := _incomparable(claim, pairs, outputs):
        return refused
    kept = [(weight, cell) for cell, weight in weights.items() if weight]
    if not kept:
        return Untestable("both sides are the same runs")
    parts = [(weight, _evidence(claim.metric, cell, outputs)) for weight, cell in kept]
    made = contrast(parts)
    if isinstance(made, str):
        return Untestable(f"the two sides cannot be paired: {made}")
    notes += [text for pair in pairs if (text := _unknown(pair, outputs))]
    notes += _single([cell for _, cell in kept])
    given = not made.tuned and not any("pretrain" in run.artifacts for _, cell in kept for run in cell.runs)
    return Contrast(made, given, tuple(_over(claim.metric, pairs, claim)), tuple(dict.fromkeys(notes)))


def stands(run: Run, selection: Selection) -> bool:
    """Whether the run stands at one of the values of each axis."""
    return all(any(same(run.label(axis), value) for value in values) for axis, values in selection.items())


def _comparisons(claim: Claim) -> Iterator[tuple[float, Selection, Selection | None]]:
    """What is subtracted from what, with its sign."""
    left, right = claim.left, claim.right
    assert left.runs is not None, "a claim's left side selects runs"
    if left.above is None:
        yield 1.0, left.runs, right.runs
        return
    for sign, side in ((1.0, left), (-1.0, right)):
        if side.runs is not None:
            yield sign, side.runs, side.above


def _incomparable(claim: Claim, pairs: Sequence[Pair], outputs: Path) -> Untestable | None:
    mixed = {
        key: values
        for key, values in varying(pairs).items()
        if group_of(key) in {*measuring(claim.metric), *PLACES}
    }
    for key, values in mixed.items():
        told_ = f"{key} ({', '.join(values)})"
        return Untestable(f"runs of several {told_} would be averaged; choose one: --where {key}={values[0]}")
    for cell in (cell for pair in pairs for cell in pair if cell):
        if versions := versions_among(claim.metric, cell.runs, outputs):
            told_ = together(versions)
            return Untestable(
                f"runs that other code made would be averaged: {told_}; make the older ones again"
            )
    for one, other in pairs:
        if other and (said := unlike(claim.metric, one.runs, other.runs, outputs)):
            return Untestable(f"the two sides were asked otherwise: {', '.join(said)}")
        if other and (said_ := _confounded(claim, one, other, outputs)):
            return Untestable(said_)
    firsts = [one.runs[:1] for one, _ in pairs]
    for first, second in combinations(firsts, 2):
        if said := unlike(claim.metric, first, second, outputs):
            return Untestable(f"runs that were asked otherwise would be averaged: {', '.join(said)}")
    return None


def _over(metric: str, pairs: Sequence[Pair], claim: Claim) -> Iterator[str]:
    named = {axis for side in (claim.left, claim.right) for one in side.selections for axis in one}
    several = varying(pairs)
    for key, values in several.items():
        follows = any(key in IMPLIED.get(axis, ()) and axis in {*several, *named} for axis in IMPLIED)
        if key not in named and not (follows and key == "base_model"):
            yield f"{key} ({', '.join(values)})"


def _confounded(claim: Claim, one: Cell, other: Cell, outputs: Path) -> str:
    """The sentence on data that differs in more than one thing; "" where it does not."""
    ours, theirs = _lineage(one, outputs), _lineage(other, outputs)
    if ours is None or theirs is None:
        return ""
    causes = tuple(cause for cause in differences(ours, theirs).causes if cause not in claim.despite)
    if len(causes) < 2:
        return ""
    return f"the data of the two sides differs in {listed(causes)}: which of them it is cannot be told"


def _single(cells: Sequence[Cell]) -> Iterator[str]:
    """Of what there is one only, however many seeds there are: in no interval."""
    several = [cell.runs for cell in cells if len(cell.runs) > 1 and not cell.untuned]
    of = (("pretrain", ONE_PRETRAINING, "a base model"), ("generate", ONE_DATA_SET, "a variant"))
    for part, told_, name in of:
        made = [{run.artifacts[part] for run in runs if part in run.artifacts} for runs in several]
        if any(made) and all(len(one) <= 1 for one in made):
            each = "for all" if len(set().union(*made)) == 1 else name
            yield told_.format(each=each).removesuffix(".")


def _unknown(pair: Pair, outputs: Path) -> str:
    """What is not known of where the data of a pair is from."""
    known = [_lineage(cell, outputs) for cell in pair if cell is not None and not cell.untuned]
    if None in known:
        return "where its data is from is not known, so neither is whether it differs in one thing alone"
    return ""


def _lineage(cell: Cell, outputs: Path) -> Lineage | None:
    """Of the data that its runs learnt from, but for the seed; None where there is none, or nobody says."""
    name = cell.runs[0].artifacts.get("curate")
    if name is None or cell.untuned:
        return None
    try:
        card = json.loads((outputs / "curate" / name / "card.json").read_text(encoding="utf-8"))
        return replace(Lineage.of_row(card["lineage"]), seed=None)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _evidence(metric: str, cell: Cell, outputs: Path) -> Evidence:
    found = evidence(metric, cell.runs, outputs)
    assert found is not None, "the runs of a cell have the metric"
    return found


def _missing(claim: Claim, selection: Selection, here: Sequence[Run], outputs: Path) -> Untestable:
    """Why no run stands on a side."""
    place = {**claim.where, **selection}
    wanted, chosen = told(place), [run for run in here if stands(run, selection)]
    beside = [run for run in here if run.done and any(stands(run, one) for one in claim.selections[:-1])]
    asked = command(place, beside, outputs)
    ended = [run for run in chosen if not run.done]
    if chosen and len(ended) == len(chosen):
        words = "stopped" if all(run.stopped for run in ended) else "failed or were stopped"
        return Untestable(f"all {len(ended)} runs of {wanted} {words}", asked)
    if chosen:
        return Untestable(f"no run of {wanted} has {claim.metric}", asked)
    return Untestable(f"there is no run of {wanted}", asked)
