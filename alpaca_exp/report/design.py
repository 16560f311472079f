"""The design of some runs: what was varied, which cells there are, and what stands in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.report.cells import Sample, sample
from alpaca_exp.report.lacking import choice, why_not
from alpaca_exp.report.runs import ABSENT, Run, check, check_axis
from alpaca_exp.report.settings import same
from alpaca_exp.report.tables import by_size
from alpaca_exp.report.texts import together
from alpaca_exp.statistics.attribution import Cell, Factor, cells

BASELINES = ("none", "small", "original")
"""The levels that others are compared with, unless told otherwise; else a factor's first one."""
NO_FACTORS = ("preset", "experiment", "seed")
"""What tells runs apart without being a cause, or is chance."""


@dataclass(frozen=True)
class Design:
    """A full factorial, as far as there are runs."""

    factors: tuple[Factor, ...]
    """Those with two or more levels; the baseline is the first."""
    runs: Mapping[Cell, tuple[Run, ...]]
    """By cell; only those that hold a run."""
    single: tuple[tuple[str, str], ...]
    """Factors of which all runs stand at one level."""
    left_out: tuple[tuple[str, int], ...]
    """How many runs have no such factor at all."""

    @property
    def cells(self) -> list[Cell]:
        """Every place of the full factorial."""
        return cells(self.factors)

    def at(self, factor: Factor, level: str) -> list[Run]:
        """The runs at a level of a factor."""
        place = self.factors.index(factor)
        return [run for cell, runs in self.runs.items() if cell[place] == level for run in runs]


@dataclass(frozen=True)
class Standing:
    """What the cells of a design hold of one metric."""

    samples: Mapping[Cell, Sample]
    """Those that can be counted with."""
    lacking: Mapping[Cell, str]
    """Why the others cannot, a phrase each."""
    choices: tuple[str, ...] = ()
    """What takes one of several settings that the runs of such cells differ in: `--where world=tiny`."""


def design(runs: Sequence[Run], names: Sequence[str], baseline: Mapping[str, str]) -> Design:
    """The runs arranged by the axes `names`. Raises InputError for an unknown one, and if nothing varies."""
    check_factors(runs, names)
    for name in baseline:
        check("factor", name, names)
    inside = [run for run in runs if all(run.label(name) != ABSENT for name in names)]
    lacking = ((name, sum(run.label(name) == ABSENT for run in runs)) for name in names)
    levels = {name: _levels(inside, name, baseline.get(name)) for name in names}
    varied = tuple(Factor(name, found) for name, found in levels.items() if len(found) > 1)
    if not varied:
        told = ", ".join(
            f"{name} is {found[0]}" if found else f"no run has {name}" for name, found in levels.items()
        )
        raise InputError(
            f"nothing is varied among these runs: {told}; run a sweep over a factor, or name another"
        )
    placed: dict[Cell, list[Run]] = {}
    for run in inside:
        placed.setdefault(tuple(run.label(factor.name) for factor in varied), []).append(run)
    return Design(
        factors=varied,
        runs={cell: tuple(placed[cell]) for cell in cells(varied) if cell in placed},
        single=tuple((name, found[0]) for name, found in levels.items() if len(found) == 1),
        left_out=tuple((name, count) for name, count in lacking if count),
    )


def varied(runs: Sequence[Run]) -> list[str]:
    """The axes on which these runs differ: groups, scale, and fields that their commands set.

    An axis whose level follows from that of an earlier one is left out: a scale has its base model.
    """
    labels = sorted({label for run in runs for label in run.row["labels"]})
    parts = (part.lstrip("+~").partition("=")[0] for run in runs for part in run.recipe)
    fields = sorted({key for key in parts if "." in key})
    found: dict[str, list[str]] = {}
    for axis in ("scale", *labels, *fields):
        levels = [run.label(axis) for run in runs]
        follows = any(
            len(set(zip(other, levels, strict=True))) == len(set(other)) for other in found.values()
        )
        if axis not in NO_FACTORS and len(set(levels)) > 1 and not follows:
            found[axis] = levels
    return list(found)


def standing(metric: str, of: Design, outputs: Path) -> Standing:
    """What each cell says of the metric, or why it says nothing that can be counted with.

    Raises InputError where every cell is a mixture.
    """
    samples = {cell: sample(metric, runs, outputs) for cell, runs in of.runs.items()}
    if samples and all(one.mixed for one in samples.values()):
        cell, first = next(iter(samples.items()))
        raise InputError(
            f"the runs at {told(cell)} differ in more than their seeds: {together(first.mixed)}; name what "
            "was varied on purpose in --factors, and choose among the rest with "
            f"{choice(first) or '--where AXIS=VALUE'}"
        )
    lacking = {cell: why_not(samples.get(cell)) for cell in of.cells}
    return Standing(
        {cell: one for cell, one in samples.items() if not lacking[cell]},
        {cell: why for cell, why in lacking.items() if why},
        tuple(dict.fromkeys(filter(None, map(choice, samples.values())))),
    )


def check_factors(runs: Sequence[Run], names: Sequence[str]) -> None:
    """Raise InputError, naming the nearest, for a name that can be no factor of these runs."""
    for number, name in enumerate(names):
        check_axis(name, runs)
        if name in names[:number]:
            raise InputError(f"--factors names {name} twice; leave one out")
        if name == "seed" or name.endswith(".seed"):
            raise InputError(f"{name} is no factor: intervals are over seeds; leave it out of --factors")


def told(cell: Cell) -> str:
    """`small, original`."""
    return ", ".join(cell)


def _levels(runs: Sequence[Run], name: str, baseline: str | None) -> tuple[str, ...]:
    """Its levels in their order, the baseline first."""
    found = sorted({run.label(name) for run in runs}, key=by_size)
    if baseline is None:
        first = next((level for level in BASELINES if level in found), found[0] if found else "")
    else:
        first = next((level for level in found if same(level, baseline)), "") or check(
            f"level of {name}", baseline, found
        )
    return tuple(sorted(found, key=lambda level: level != first))
