"""What the runs say of a claim: its contrast as evidence, or why they cannot say anything."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from pathlib import Path

from alpaca_exp.lineage import Lineage, differences, listed
from alpaca_exp.report.causes import ONE_DATA_SET, ONE_PRETRAINING
from alpaca_exp.report.evidence import Evidence, contrast, evidence
from alpaca_exp.report.judged import PREFIX
from alpaca_exp.report.likeness import unlike
from alpaca_exp.report.metrics import ASSESSED, COUNTS, reading
from alpaca_exp.report.missing import command
from alpaca_exp.report.runs import ABSENT, Run
from alpaca_exp.report.settings import same
from alpaca_exp.schemas.claims import Claim, Selection, told

UNTUNED = "none"
DATA = ("dataset_variant", "critic", "rater", "teacher")
LEARNT = (*DATA, "trainer")
"""Groups that an untuned model knows nothing of."""
DRAWN = tuple(f"dataset_variant.{name}" for name in ("num_examples", "num_tasks", "min_instances"))
"""Fields that say how many of the rows there are."""
FROM = tuple(
    f"dataset_variant.{name}"
    for name in ("source", "hub", "revision", "split", "hub_config", "published", "columns")
)
"""Fields that say where a variant's rows are from: its lineage tells whether that is one difference."""
IMPLIED = {"scale": ("base_model",), "base_model": ("scale",), "dataset_variant": ("critic", "rater")}
"""What differs where an axis does: no cause of its own."""
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


@dataclass(frozen=True)
class _Cell:
    """Runs that differ in their seeds alone, and what they share."""

    setting: tuple[tuple[str, str], ...]
    runs: tuple[Run, ...] = field(compare=False)

    @property
    def untuned(self) -> bool:
        return all(run.label("trainer") == UNTUNED for run in self.runs)


_Pair = tuple[_Cell, _Cell | None]
"""What is subtracted, and from what; None where a number is."""


def contrasted(claim: Claim, runs: Sequence[Run], outputs: Path) -> Contrast | Untestable:
    """The claim's left minus its right side, the right one's number left out.

    Runs are paired that are alike in all but what the claim names: the same size, recipe, suite and judge.
    Where several such pairs are (two sizes, say) it is their mean, each counting the same. Nothing is
    averaged over presets, worlds, suites or judges, nor compared where it was asked otherwise, or where
    the data differs in more than one thing that the claim does not name as harmless.
    """
    here = [run for run in runs if stands(run, claim.where)]
    weights: dict[_Cell, float] = {}
    pairs: list[_Pair] = []
    notes: list[str] = []
    for weight, plus, minus in _comparisons(claim):
        sides = [_cells(claim.metric, [run for run in here if stands(run, one)], outputs)
                 for one in (plus, minus) if one is not None]  # fmt: skip
        for selection, cells in zip((plus, minus), sides, strict=False):
            if not cells and selection is not None:
                return _missing(claim, selection, here)
        found, why = _pairs(claim.metric, sides, {*plus, *(minus or {})})
        if not found:
            return Untestable(why)
        notes += _alone(sides, found)
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


def _cells(metric: str, runs: Sequence[Run], outputs: Path) -> list[_Cell]:
    """The finished runs that have the metric, by all that they share but for seeds."""
    found: dict[tuple[tuple[str, str], ...], list[Run]] = {}
    for run in runs:
        if run.done and reading(metric, run.artifacts, outputs):
            found.setdefault(tuple(sorted(_setting(metric, run).items())), []).append(run)
    return [_Cell(setting, tuple(here)) for setting, here in sorted(found.items())]


def _setting(metric: str, run: Run) -> dict[str, str]:
    """All that was asked for and could tell in the metric, but for seeds."""
    parts = (part.lstrip("+~").partition("=") for part in run.recipe)
    groups = {"judge", "eval_suite"} - _measuring(metric)
    groups |= {group for group in LEARNT if group not in ("trainer", "dataset_variant")
               and _void(metric, group) and run.label("trainer") == UNTUNED}  # fmt: skip
    told = {key: value for key, _, value in parts if _group(key) not in groups}
    if run.label("trainer") != UNTUNED:  # an overlay may have chosen them: no override says so
        drawn = ((key, run.settings.get(key, "null")) for key in DRAWN)
        told |= {key: value for key, value in drawn if value != "null"}
    return told


def _measuring(metric: str) -> set[str]:
    """The group that says how it is measured."""
    if metric in COUNTS or metric.startswith("removed."):
        return set()
    if metric == "usd":
        return {"judge", "eval_suite"}
    return {"judge"} if metric == "words" or metric.startswith((PREFIX, ASSESSED)) else {"eval_suite"}


def _void(metric: str, group: str) -> bool:
    """Whether a group is nothing to an untuned model: to the judge the teacher may be its opponent."""
    return group in LEARNT and not (group == "teacher" and metric.startswith(PREFIX))


def _group(key: str) -> str:
    return key.partition(".")[0]


def _pairs(metric: str, sides: Sequence[list[_Cell]], named: set[str]) -> tuple[list[_Pair], str]:
    """The cells that are alike in all that the claim does not name; where there are none, why."""
    if len(sides) == 1:
        return [(one, None) for one in sides[0]], ""
    apart = {(a, b): _differing(metric, a, b, named) for a, b in product(*sides)}
    found: list[_Pair] = [pair for pair, differing in apart.items() if not differing]
    nearest = min(apart.values(), key=len)
    said = ", ".join(f"{key} ({ours} against {theirs})" for key, (ours, theirs) in nearest.items())
    return found, f"the two sides differ in {said} too; make runs that do not, or name it in the claim"


def _differing(metric: str, a: _Cell, b: _Cell, named: set[str]) -> dict[str, tuple[str, str]]:
    """Where two cells stand apart, but for what is named, or follows from it."""
    ours, theirs = dict(a.setting), dict(b.setting)
    groups = {other for axis in named for other in IMPLIED.get(axis, ())}
    if "experiment" in named:  # it names all that its overlay chose
        groups |= {*LEARNT, "base_model"}
    if a.untuned or b.untuned:
        groups |= {group for group in LEARNT if _void(metric, group)}
    free = {*named, *(FROM if "dataset_variant" in named else ())}
    keys = {key for key in ours.keys() | theirs.keys() if key not in free and _group(key) not in groups}
    told = {key: (ours.get(key, ABSENT), theirs.get(key, ABSENT)) for key in sorted(keys)}
    return {key: pair for key, pair in told.items() if not same(*pair)}


def _alone(sides: Sequence[list[_Cell]], found: Sequence[_Pair]) -> Iterator[str]:
    """The cells without a partner."""
    used = {cell for pair in found for cell in pair}
    for here in sides:
        lone = [dict(cell.setting) for cell in here if cell not in used]
        shared = [dict(cell.setting) for cell in here]
        keys = [key for key in shared[0] if len({one.get(key) for one in shared}) > 1] if lone else []
        for one in lone:
            place = ", ".join(f"{key}={one[key]}" for key in keys if key in one)
            yield f"{place} has no partner and is left out"


def _incomparable(claim: Claim, pairs: Sequence[_Pair], outputs: Path) -> Untestable | None:
    mixed = {
        key: values
        for key, values in _varying(pairs).items()
        if _group(key) in {*_measuring(claim.metric), *PLACES}
    }
    for key, values in mixed.items():
        told_ = f"{key} ({', '.join(values)})"
        return Untestable(f"runs of several {told_} would be averaged; choose one: --where {key}={values[0]}")
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


def _varying(pairs: Sequence[_Pair]) -> dict[str, list[str]]:
    """The keys in which the pairs differ from one another."""
    settings = [dict(one.setting) for one, _ in pairs]
    keys = sorted({key for one in settings for key in one})
    values = {key: sorted({one.get(key, ABSENT) for one in settings}) for key in keys}
    return {key: found for key, found in values.items() if len(found) > 1}


def _over(metric: str, pairs: Sequence[_Pair], claim: Claim) -> Iterator[str]:
    named = {axis for side in (claim.left, claim.right) for one in side.selections for axis in one}
    varying = _varying(pairs)
    for key, values in varying.items():
        follows = any(key in IMPLIED.get(axis, ()) and axis in {*varying, *named} for axis in IMPLIED)
        if key not in named and not (follows and key == "base_model"):
            yield f"{key} ({', '.join(values)})"


def _confounded(claim: Claim, one: _Cell, other: _Cell, outputs: Path) -> str:
    """The sentence on data that differs in more than one thing; "" where it does not."""
    ours, theirs = _lineage(one, outputs), _lineage(other, outputs)
    if ours is None or theirs is None:
        return ""
    causes = tuple(cause for cause in differences(ours, theirs).causes if cause not in claim.despite)
    if len(causes) < 2:
        return ""
    return f"the data of the two sides differs in {listed(causes)}: which of them it is cannot be told"


def _single(cells: Sequence[_Cell]) -> Iterator[str]:
    """Of what there is one only, however many seeds there are: in no interval."""
    several = [cell.runs for cell in cells if len(cell.runs) > 1 and not cell.untuned]
    of = (("pretrain", ONE_PRETRAINING, "a base model"), ("generate", ONE_DATA_SET, "a variant"))
    for part, told_, name in of:
        made = [{run.artifacts[part] for run in runs if part in run.artifacts} for runs in several]
        if any(made) and all(len(one) <= 1 for one in made):
            each = "for all" if len(set().union(*made)) == 1 else name
            yield told_.format(each=each).removesuffix(".")


def _unknown(pair: _Pair, outputs: Path) -> str:
    """What is not known of where the data of a pair is from."""
    known = [_lineage(cell, outputs) for cell in pair if cell is not None and not cell.untuned]
    if None in known:
        return "where its data is from is not known, so neither is whether it differs in one thing alone"
    return ""


def _lineage(cell: _Cell, outputs: Path) -> Lineage | None:
    """Of the data that its runs learnt from, but for the seed; None where there is none, or nobody says."""
    name = cell.runs[0].artifacts.get("curate")
    if name is None or cell.untuned:
        return None
    try:
        card = json.loads((outputs / "curate" / name / "card.json").read_text(encoding="utf-8"))
        return replace(Lineage.of_row(card["lineage"]), seed=None)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _evidence(metric: str, cell: _Cell, outputs: Path) -> Evidence:
    found = evidence(metric, cell.runs, outputs)
    assert found is not None, "the runs of a cell have the metric"
    return found


def _missing(claim: Claim, selection: Selection, here: Sequence[Run]) -> Untestable:
    """Why no run stands on a side."""
    place = {**claim.where, **selection}
    wanted, chosen = told(place), [run for run in here if stands(run, selection)]
    partners = [run for run in here if run.done and any(stands(run, one) for one in claim.selections[:-1])]
    asked = command(place, partners)
    ended = [run for run in chosen if not run.done]
    if chosen and len(ended) == len(chosen):
        words = "stopped" if all(run.stopped for run in ended) else "failed or were stopped"
        return Untestable(f"all {len(ended)} runs of {wanted} {words}", asked)
    if chosen:
        return Untestable(f"no run of {wanted} has {claim.metric}", asked)
    return Untestable(f"there is no run of {wanted}", asked)
