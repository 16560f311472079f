"""What an effect may be owed to besides its factor, and what no interval of a sweep counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from alpaca_exp.report.confounds import MOST, confounds
from alpaca_exp.report.design import Design
from alpaca_exp.report.differing import differing
from alpaca_exp.report.runs import Run
from alpaca_exp.statistics.attribution import Factor

STANDS_FOR = {"scale": ("base_model",), "base_model": ("scale",)}
"""Axes that are another name of a factor."""
CODE = "commit"
ONE_PRETRAINING = "One pre-training {each}: what another pre-training would change is in no interval."
ONE_DATA_SET = "One generated data set {each}: what asking the teacher again would change is in no interval."
BASES, DATA = ("scale", "base_model"), ("dataset_variant", "teacher")


def causes(of: Design, outputs: Path) -> list[str]:
    """A sentence for each thing that must be known to read the effects of a design."""
    found = [
        *(_single(name, level) for name, level in of.single),
        *(f"{count:,} runs have no {name} and are left out." for name, count in of.left_out),
        *_constant(of),
        *(text for factor in of.factors for text in _along(factor, of, outputs)),
        *(text for factor in of.factors for text in _data(factor, of, outputs)),
    ]
    return list(dict.fromkeys(found))


def _single(name: str, level: str) -> str:
    return f"{name} is {level} in all of these runs: it has one level, so nothing can be attributed to it."


def _constant(of: Design) -> Iterator[str]:
    """Of what there is one each, however many tuning seeds there are."""
    names = [factor.name for factor in of.factors]
    several = [[run for run in runs if "train" in run.artifacts] for runs in of.runs.values()]
    several = [runs for runs in several if len(runs) > 1]
    bases = [{run.artifacts.get("pretrain", run.label("base_model")) for run in runs} for runs in several]
    if bases and all(len(one) == 1 for one in bases):
        each = "a size" if "scale" in names else "a base model" if "base_model" in names else "for all"
        yield ONE_PRETRAINING.format(each=each)
    drawn = [{run.artifacts["generate"] for run in runs if "generate" in run.artifacts} for runs in several]
    if any(drawn) and all(len(one) <= 1 for one in drawn):
        yield ONE_DATA_SET.format(each="for all" if len(set().union(*drawn)) == 1 else "a variant")


def _along(factor: Factor, of: Design, outputs: Path) -> Iterator[str]:
    """The settings that change with the levels of a factor: their effect is counted as its own.

    That an untuned model has no trainer and no data goes without saying.
    """
    every: Mapping[str, list[Run]] = {level: of.at(factor, level) for level in factor.levels}
    tuned = {level: [run for run in runs if "train" in run.artifacts] for level, runs in every.items()}
    by_level = {level: runs for level, runs in tuned.items() if runs} or every
    names = [one.name for one in of.factors]
    axes = [*names, *(alias for name in names for alias in STANDS_FOR.get(name, ()))]
    lines = [line for line in differing(by_level, axes, outputs) if not line.startswith(CODE)]
    for line in lines:
        yield f"With {factor.name} also changes {line}."


def _data(factor: Factor, of: Design, outputs: Path) -> Iterator[str]:
    """Levels whose data differs in more than one thing, told at equal levels of the other factors."""
    place = of.factors.index(factor)
    others: dict[tuple[str, ...], list[Run]] = {}
    for cell, runs in of.runs.items():
        others.setdefault((*cell[:place], *cell[place + 1 :]), []).extend(runs)
    said = dict.fromkeys(
        text for runs in others.values() for text in confounds(runs, [factor.name], factor.levels[0], outputs)
    )
    yield from list(said)[:MOST]
