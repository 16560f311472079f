"""A study for a page's plots, as plain values: read from its sweep's folder, without its storage."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alpaca_exp.records import Row
from alpaca_exp.study.results import TRIALS, best_rows, read_trials

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

FEWEST = 4
"""Of fewer complete trials no importance is told."""


@dataclass(frozen=True)
class Step:
    """A trial in the order of their ends: its value, and the best so far."""

    number: int
    value: float
    best: float


@dataclass(frozen=True)
class Axis:
    """A parameter of the parallel coordinates: where its values lie between 0 and 1, and its marks."""

    name: str
    log: bool
    marks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Line:
    """A complete trial across the axes; None where a parameter did not count in it."""

    number: int
    places: tuple[float | None, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Overview:
    """What the plots of one study show."""

    name: str
    objectives: dict[str, str]
    """Metric -> maximize or minimize."""
    n_trials: int
    counts: dict[str, int]
    """Trials by state: complete, pruned, fail, running, waiting."""
    history: dict[str, tuple[Step, ...]]
    """By metric."""
    importances: dict[str, dict[str, float]]
    """By metric, each parameter's share of the variance (fANOVA); empty where too few trials tell."""
    axes: tuple[Axis, ...]
    lines: tuple[Line, ...]
    best: tuple[int, ...]
    """Of one objective the best trial; of several the Pareto front."""
    curves: dict[int, tuple[tuple[int, float], ...]]
    """Of each trial that reported: what it reported, by per cent of its steps."""
    rows: tuple[Row, ...]
    """All trials, as trials.jsonl has them."""


def overview(sweep: Path) -> Overview | None:
    """The study in a sweep's folder; None where it holds none, or one without trials yet."""
    try:
        told = json.loads((sweep / "sweep.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if told.get("kind") != "study" or not (sweep / TRIALS).exists():
        return None
    rows = read_trials(sweep)
    study = told["study"]
    objectives = dict(study["objectives"])
    done = sorted((row for row in rows if row["state"] == "complete"), key=_end)
    counts = {
        state: sum(row["state"] == state for row in rows) for state in sorted({r["state"] for r in rows})
    }
    space = _space(done)
    axes = tuple(_axis(name, one) for name, one in space.items())
    return Overview(
        name=str(told["name"]),
        objectives=objectives,
        n_trials=int(study["n_trials"]),
        counts=counts,
        history={
            metric: _history(done, place, objectives[metric]) for place, metric in enumerate(objectives)
        },
        importances=_importances(done, space, list(objectives)),
        axes=axes,
        lines=tuple(_line(row, space, axes) for row in done),
        best=tuple(int(row["number"]) for row in best_rows(done, list(objectives.values()))),
        curves={int(row["number"]): _curve(row) for row in rows if row.get("intermediate")},
        rows=tuple(rows),
    )


def _end(row: Row) -> tuple[str, int]:
    return str(row.get("started") or ""), int(row["number"])


def _history(done: Sequence[Row], place: int, direction: str) -> tuple[Step, ...]:
    better = max if direction == "maximize" else min
    steps: list[Step] = []
    for row in done:
        value = float(row["values"][place])
        steps.append(Step(int(row["number"]), value, better(value, steps[-1].best) if steps else value))
    return tuple(steps)


def _space(done: Sequence[Row]) -> dict[str, Mapping[str, Any]]:
    """Where the values of each parameter were drawn from."""
    return {name: one["attributes"] for row in done for name, one in row["distributions"].items()}


def _axis(name: str, spread: Mapping[str, Any]) -> Axis:
    if "choices" in spread:
        last = len(spread["choices"]) - 1
        marks = ((_place(index, 0, last), str(one)) for index, one in enumerate(spread["choices"]))
        return Axis(name, False, tuple(marks))
    low, high = float(spread["low"]), float(spread["high"])
    ends = ((0.0, f"{low:.4g}"), (1.0, f"{high:.4g}")) if high > low else ((0.5, f"{low:.4g}"),)
    return Axis(name, bool(spread["log"]), ends)


def _line(row: Row, space: Mapping[str, Any], axes: Sequence[Axis]) -> Line:
    places = tuple(_where(row["params"], axis.name, space[axis.name]) for axis in axes)
    return Line(int(row["number"]), places, tuple(map(float, row["values"])))


def _where(params: Mapping[str, Any], name: str, spread: Mapping[str, Any]) -> float | None:
    """Where on its axis a trial's value lies."""
    if name not in params:
        return None
    if "choices" in spread:
        choices = spread["choices"]
        return _place(choices.index(params[name]), 0, len(choices) - 1) if params[name] in choices else None
    low, high, value = float(spread["low"]), float(spread["high"]), float(params[name])
    if spread.get("log"):
        low, high, value = math.log(low), math.log(high), math.log(value)
    return _place(value, low, high)


def _place(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


def _curve(row: Row) -> tuple[tuple[int, float], ...]:
    return tuple(sorted((int(step), float(value)) for step, value in row["intermediate"].items()))


def _importances(
    done: Sequence[Row], space: Mapping[str, Any], metrics: Sequence[str]
) -> dict[str, dict[str, float]]:
    """By fANOVA (Hutter et al. 2014), over the parameters that count in every trial: of others few tell."""
    if len(done) < FEWEST:
        return {}
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trials = [_frozen(row) for row in done]
    common = [
        name for name in space if all(name in trial.params for trial in trials) and _varies(name, trials)
    ]
    found: dict[str, dict[str, float]] = {}
    for place, metric in enumerate(metrics):
        if not common or len({trial.values[place] for trial in trials}) < 2:
            continue
        study = optuna.create_study(directions=["minimize"] * len(metrics))
        study.add_trials(trials)
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        shares = optuna.importance.get_param_importances(
            study,
            evaluator=evaluator,
            params=common,
            target=lambda trial, place=place: trial.values[place],  # type: ignore[misc]
        )
        found[metric] = {name: round(float(share), 6) for name, share in shares.items()}
    return found


def _varies(name: str, trials: Sequence[Any]) -> bool:
    return len({trial.params[name] for trial in trials}) > 1


def _frozen(row: Row) -> FrozenTrial:
    from optuna.distributions import json_to_distribution
    from optuna.trial import create_trial

    spreads = {name: json_to_distribution(json.dumps(one)) for name, one in row["distributions"].items()}
    return create_trial(values=list(map(float, row["values"])), params=row["params"], distributions=spreads)
