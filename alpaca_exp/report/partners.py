"""Which runs belong on the two sides of a comparison: cells of a recipe, and which of them are alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from alpaca_exp.report.judged import PREFIX
from alpaca_exp.report.metrics import ASSESSED, COUNTS, reading
from alpaca_exp.report.runs import ABSENT, Run
from alpaca_exp.report.settings import same

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


@dataclass(frozen=True)
class Cell:
    """Runs that differ in their seeds alone, and what they share."""

    setting: tuple[tuple[str, str], ...]
    runs: tuple[Run, ...] = field(compare=False)

    @property
    def untuned(self) -> bool:
        """Whether none of its models was tuned."""
        return all(run.label("trainer") == UNTUNED for run in self.runs)


Pair = tuple[Cell, Cell | None]
"""What is subtracted, and from what; None where a number is."""


def cells_of(metric: str, runs: Sequence[Run], outputs: Path) -> list[Cell]:
    """The finished runs that have the metric, by all that they share but for seeds."""
    found: dict[tuple[tuple[str, str], ...], list[Run]] = {}
    for run in runs:
        if run.done and reading(metric, run.artifacts, outputs):
            found.setdefault(tuple(sorted(_setting(metric, run).items())), []).append(run)
    return [Cell(setting, tuple(here)) for setting, here in sorted(found.items())]


def _setting(metric: str, run: Run) -> dict[str, str]:
    """All that was asked for and could tell in the metric, but for seeds."""
    parts = (part.lstrip("+~").partition("=") for part in run.recipe)
    groups = {"judge", "eval_suite"} - measuring(metric)
    groups |= {group for group in LEARNT if group not in ("trainer", "dataset_variant")
               and _void(metric, group) and run.label("trainer") == UNTUNED}  # fmt: skip
    told = {key: value for key, _, value in parts if group_of(key) not in groups}
    if run.label("trainer") != UNTUNED:  # an overlay may have chosen them: no override says so
        drawn = ((key, run.settings.get(key, "null")) for key in DRAWN)
        told |= {key: value for key, value in drawn if value != "null"}
    return told


def measuring(metric: str) -> set[str]:
    """The group that says how it is measured."""
    if metric in COUNTS or metric.startswith("removed."):
        return set()
    if metric == "usd":
        return {"judge", "eval_suite"}
    return {"judge"} if metric == "words" or metric.startswith((PREFIX, ASSESSED)) else {"eval_suite"}


def _void(metric: str, group: str) -> bool:
    """Whether a group is nothing to an untuned model: to the judge the teacher may be its opponent."""
    return group in LEARNT and not (group == "teacher" and metric.startswith(PREFIX))


def group_of(key: str) -> str:
    """`dataset_variant` of `dataset_variant.num_examples`."""
    return key.partition(".")[0]


def partners(metric: str, sides: Sequence[list[Cell]], named: set[str]) -> tuple[list[Pair], str]:
    """The cells that are alike in all that the claim does not name; where there are none, why."""
    if len(sides) == 1:
        return [(one, None) for one in sides[0]], ""
    apart = {(a, b): _differing(metric, a, b, named) for a, b in product(*sides)}
    found: list[Pair] = [pair for pair, differing in apart.items() if not differing]
    nearest = min(apart.values(), key=len)
    said = ", ".join(f"{key} ({ours} against {theirs})" for key, (ours, theirs) in nearest.items())
    return found, f"the two sides differ in {said} too; make runs that do not, or name it in the claim"


def _differing(metric: str, a: Cell, b: Cell, named: set[str]) -> dict[str, tuple[str, str]]:
    """Where two cells stand apart, but for what is named, or follows from it."""
    ours, theirs = dict(a.setting), dict(b.setting)
    groups = {other for axis in named for other in IMPLIED.get(axis, ())}
    if "experiment" in named:  # it names all that its overlay chose
        groups |= {*LEARNT, "base_model"}
    if a.untuned or b.untuned:
        groups |= {group for group in LEARNT if _void(metric, group)}
    free = {*named, *(FROM if "dataset_variant" in named else ())}
    keys = {key for key in ours.keys() | theirs.keys() if key not in free and group_of(key) not in groups}
    told = {key: (ours.get(key, ABSENT), theirs.get(key, ABSENT)) for key in sorted(keys)}
    return {key: pair for key, pair in told.items() if not same(*pair)}


def without_partner(sides: Sequence[list[Cell]], found: Sequence[Pair]) -> Iterator[str]:
    """The cells without a partner."""
    used = {cell for pair in found for cell in pair}
    for here in sides:
        lone = [dict(cell.setting) for cell in here if cell not in used]
        shared = [dict(cell.setting) for cell in here]
        keys = [key for key in shared[0] if len({one.get(key) for one in shared}) > 1] if lone else []
        for one in lone:
            place = ", ".join(f"{key}={one[key]}" for key in keys if key in one)
            yield f"{place or 'one of the settings'} has no partner and is left out"


def varying(pairs: Sequence[Pair]) -> dict[str, list[str]]:
    """The keys in which the pairs differ from one another."""
    settings = [dict(one.setting) for one, _ in pairs]
    keys = sorted({key for one in settings for key in one})
    values = {key: sorted({one.get(key, ABSENT) for one in settings}) for key in keys}
    return {key: found for key, found in values.items() if len(found) > 1}
