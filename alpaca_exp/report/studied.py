"""A study as its page shows it: what `overview.json` in its folder tells, and its trials one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alpaca_exp.errors import InputError
from alpaca_exp.report.cells import cell, sample
from alpaca_exp.report.metrics import known, shown
from alpaca_exp.report.runs import ABSENT, Run
from alpaca_exp.report.texts import estimate_text
from alpaca_exp.report.traces import Behind, of_cell
from alpaca_exp.sweep_folder import Axis, Line

OVERVIEW = "overview.json"
COMPLETE = "complete"


@dataclass(frozen=True)
class Step:
    """A trial, in the order of their ends."""

    number: int
    state: str
    """complete, pruned, fail, running, waiting; retried: it failed, and another one took up its point."""
    params: Mapping[str, Any]
    values: tuple[float | None, ...]
    """One for each objective; none where it has not come to any."""
    best: tuple[float | None, ...]
    """The best so far, of each objective by itself."""
    steps: int | None
    """Of the optimizer."""
    seconds: float | None
    error: str
    folder: str
    """Below the sweep's; empty where it has none."""


@dataclass(frozen=True)
class Study:
    """What a study has come to."""

    name: str
    objectives: Mapping[str, str]
    """Metric -> maximize or minimize."""
    n_trials: int
    steps: tuple[Step, ...]
    importances: Mapping[str, Mapping[str, float]]
    axes: tuple[Axis, ...]
    lines: tuple[Line, ...]
    best: tuple[int, ...]
    """Of one objective the best trial, of several the Pareto front."""
    curves: Mapping[int, tuple[tuple[float, float], ...]]
    """Of each trial that reported: per cent of its steps, and the loss there."""

    @property
    def complete(self) -> list[Step]:
        """The trials that have values."""
        return [one for one in self.steps if one.state == COMPLETE and one.values]

    @property
    def params(self) -> list[str]:
        """The names of all that was searched and differs between trials."""
        names = dict.fromkeys(name for one in self.steps for name in one.params)
        alike = self.alike
        return [name for name in names if name not in alike]

    @property
    def alike(self) -> dict[str, object]:
        """What every trial has the same value of."""
        first, *others = [one.params for one in self.steps if one.params] or [{}]
        return {
            name: value
            for name, value in first.items()
            if others and all(name in one and one[name] == value for one in others)
        }

    def behind(self, *numbers: int, name: str = "") -> Behind:
        """What numbers of these trials rest on."""
        folders = {one.number: one.folder for one in self.steps}
        runs = (f"sweeps/{self.name}/{folders[n]}" for n in numbers if folders.get(n))
        return Behind(name or f"trial {numbers[0]}", (), tuple(runs))


@dataclass(frozen=True)
class Trial:
    """A line of the table of trials: texts, with what to sort by and what each rests on."""

    number: int
    state: str
    params: tuple[str, ...]
    values: tuple[tuple[str, float | None, Behind | None], ...]
    """Of each objective: as text, as a number, and where it is from."""
    best: bool
    seconds: float | None
    steps: int | None
    error: str
    log: str
    """Below the outputs folder; empty where there is none."""


def study_of(sweep: Path) -> Study | None:
    """The study in a sweep's folder; None where it has told nothing yet.

    Raises InputError where what it told cannot be read.
    """
    file = sweep / OVERVIEW
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return _study(told, sweep.name)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            f"{file} cannot be read; delete it, and give the study's command again: it writes it anew"
        ) from None


def trials_of(study: Study, runs: Sequence[Run], outputs: Path) -> Iterator[Trial]:
    """Every trial, its objectives with their intervals where its run is there."""
    by_name = {run.name: run for run in runs}
    there = set(known([run.artifacts for run in runs], outputs))
    params = study.params
    for one in study.steps:
        run = by_name.get(f"sweeps/{study.name}/{one.folder}")
        log = f"sweeps/{study.name}/{one.folder}/job.log" if one.folder else ""
        yield Trial(
            number=one.number,
            state=one.state,
            params=tuple(param_text(one.params.get(name)) for name in params),
            values=tuple(
                _value(study, one, place, metric, run if metric in there else None, outputs)
                for place, metric in enumerate(study.objectives)
            ),
            best=one.number in study.best,
            seconds=one.seconds,
            steps=one.steps,
            error=one.error,
            log=log if log and (outputs / log).exists() else "",
        )


def param_text(value: object) -> str:
    """What a parameter was set to, in as few digits as tell it."""
    return ABSENT if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def value_text(metric: str, values: Sequence[float | None], place: int) -> str:
    """One of a trial's objectives."""
    value = values[place] if values else None
    return ABSENT if value is None else shown(metric, value)


def _value(
    study: Study, one: Step, place: int, metric: str, run: Run | None, outputs: Path
) -> tuple[str, float | None, Behind | None]:
    value = one.values[place] if one.values else None
    if value is None:
        return ABSENT, None, None
    name = f"trial {one.number}"
    if run is not None and run.done:
        found = cell(sample(metric, [run], outputs), None, outputs)
        if found.estimate:
            return estimate_text(found), value, of_cell(found, name)
    return shown(metric, value), value, study.behind(one.number)


def _study(told: Mapping[str, Any], name: str) -> Study:
    return Study(
        name=name,
        objectives={str(metric): str(way) for metric, way in told["objectives"].items()},
        n_trials=int(told["n_trials"]),
        steps=tuple(_steps(told["trials"])),
        importances={
            str(metric): {str(one): float(share) for one, share in shares.items()}
            for metric, shares in told["importances"].items()
        },
        axes=tuple(
            Axis(
                str(one["name"]), bool(one["log"]), tuple((float(at), str(text)) for at, text in one["marks"])
            )
            for one in told["axes"]
        ),
        lines=tuple(
            Line(int(one["number"]), tuple(one["places"]), tuple(one["values"])) for one in told["lines"]
        ),
        best=tuple(map(int, told["best"])),
        curves={
            int(number): tuple((float(at), float(loss)) for at, loss in points if loss is not None)
            for number, points in told["curves"].items()
        },
    )


def _steps(told: Sequence[Mapping[str, Any]]) -> Iterator[Step]:
    """Each trial; of one whose point was taken up by another, which one that is."""
    again = {one["retry_of"]: one["number"] for one in told if one["state"] != "waiting"}
    for step in map(_step, told):
        if step.state == "fail" and step.number in again:
            why = f"{step.error.partition(chr(10))[0]}; tried again as trial {again[step.number]}"
            step = replace(step, state="retried", error=why)
        yield step


def _step(told: Mapping[str, Any]) -> Step:
    return Step(
        number=int(told["number"]),
        state=str(told["state"]),
        params=dict(told["params"]),
        values=tuple(told["values"] or ()),
        best=tuple(told["best"] or ()),
        steps=told["steps"],
        seconds=told["seconds"],
        error=str(told["error"] or ""),
        folder=str(told["folder"] or ""),
    )
