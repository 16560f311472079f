"""A study for a page's plots, as plain values: read from its sweep's folder, without its storage.

`overview.json`, written into that folder when a study's process ends and by `sweeps attach`, is an Overview:

    name, study_name, n_trials   of the sweep, of the study in its storage; how many trials it is to have
    objectives      {metric: maximize | minimize}
    counts          {complete | pruned | fail | running | waiting: trials}, those states that occur
    trials          in the order of their ends, then those without one: {number, state, params, values,
                    best, steps, seconds, error, retry_of, folder}. `values` and `best` (the best so far)
                    have a number for each objective; null: none (yet). `params` lacks what did not count in
                    that trial. `steps`: those of the optimizer that were taken; null: it does not train, or
                    never said. `folder`, below the sweep's, has its run.json and job.log; null: it has none
    importances     {metric: {parameter: share}}, the largest first, of each objective; {} of too few trials
    axes            of the parallel coordinates: {name, log, marks: [[place, text], ...]}, places from 0 to 1
    lines           the complete trials across them: {number, places, values}; a place is null where the
                    parameter did not count
    best            numbers: of one objective the best trial, of several the Pareto front
    curves          {number: [[per cent of its steps, loss], ...]} of the trials that reported

No number in it is infinite or NaN: such a one is null.
"""

from __future__ import annotations

import dataclasses
import json
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alpaca_exp.records import Row, write_json
from alpaca_exp.study.results import TRIALS, best_rows, read_trials
from alpaca_exp.sweep_folder import Axis, Line

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

OVERVIEW = "overview.json"
FEWEST = 10
"""Of fewer complete trials no importance is told."""
TOP = 5
"""So many of the best trials, or a tenth of all, are held against the others."""


@dataclass(frozen=True)
class Step:
    """A trial in the order of their ends: what it came to, and the best so far."""

    number: int
    state: str
    params: Mapping[str, Any]
    values: tuple[float | None, ...] | None
    best: tuple[float | None, ...] | None
    steps: int | None
    seconds: float | None
    error: str | None
    retry_of: int | None
    folder: str | None


@dataclass(frozen=True)
class Overview:
    """What the plots of one study show; the module says what each field holds."""

    name: str
    study_name: str
    n_trials: int
    objectives: dict[str, str]
    counts: dict[str, int]
    trials: tuple[Step, ...]
    importances: dict[str, dict[str, float]]
    axes: tuple[Axis, ...]
    lines: tuple[Line, ...]
    best: tuple[int, ...]
    curves: dict[int, tuple[tuple[int, float | None], ...]]


def write_overview(sweep: Path) -> None:
    """Write `overview.json` into a study's folder; nothing where there is no study, or no trial yet."""
    found = overview(sweep)
    if found is not None:
        write_json(dataclasses.asdict(found), sweep / OVERVIEW)


def overview(sweep: Path) -> Overview | None:
    """The study in a sweep's folder; None where it holds none, or one without trials yet."""
    try:
        told = json.loads((sweep / "sweep.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if told.get("kind") != "study" or not (sweep / TRIALS).exists():
        return None
    rows = sorted(read_trials(sweep), key=_end)
    study, done = told["study"], [row for row in rows if row["state"] == "complete"]
    objectives = dict(study["objectives"])
    space = _space(done)
    axes = tuple(_axis(name, one) for name, one in space.items())
    states = [str(row["state"]) for row in rows]
    return Overview(
        name=str(told["name"]),
        study_name=str(study["study_name"]),
        n_trials=int(study["n_trials"]),
        objectives=objectives,
        counts={state: states.count(state) for state in sorted(set(states))},
        trials=tuple(_steps(rows, list(objectives.values()))),
        importances=_importances(done, space, objectives),
        axes=axes,
        lines=tuple(_line(row, space, axes) for row in done),
        best=tuple(int(row["number"]) for row in best_rows(done, list(objectives.values()))),
        curves={int(row["number"]): _curve(row) for row in rows if row["intermediate"]},
    )


def _end(row: Row) -> tuple[bool, str, int]:
    """Those without an end come last."""
    return row["ended"] is None, str(row["ended"]), int(row["number"])


def _steps(rows: Sequence[Row], directions: Sequence[str]) -> list[Step]:
    steps: list[Step] = []
    best: tuple[float, ...] | None = None
    for row in rows:
        if row["values"] is not None:
            now = tuple(map(float, row["values"]))
            best = now if best is None else tuple(map(_better, directions, best, now))
        told = {field.name: row[field.name] for field in dataclasses.fields(Step) if field.name != "best"}
        values = None if row["values"] is None else _finite(row["values"])
        steps.append(Step(**told | {"values": values}, best=None if best is None else _finite(best)))
    return steps


def _better(direction: str, one: float, other: float) -> float:
    return max(one, other) if direction == "maximize" else min(one, other)


def _finite(values: Sequence[float]) -> tuple[float | None, ...]:
    """JSON has no other numbers."""
    return tuple(float(value) if math.isfinite(value) else None for value in values)


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
    return Line(int(row["number"]), places, _finite(row["values"]))


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


def _curve(row: Row) -> tuple[tuple[int, float | None], ...]:
    told = sorted((int(step), float(value)) for step, value in row["intermediate"].items())
    return tuple((step, *_finite([value])) for step, value in told)  # type: ignore[misc]


def _importances(
    done: Sequence[Row], space: Mapping[str, Any], objectives: Mapping[str, str]
) -> dict[str, dict[str, float]]:
    """By PED-ANOVA (Watanabe et al. 2023): how far the best trials' values of a parameter differ from all.

    Parameters that count in some trials only are told of, too.
    """
    if len(done) < FEWEST:
        return {}
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    trials = [_frozen(row) for row in done]
    params = [name for name in space if _varies(name, trials)]
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=max(0.1, TOP / len(done)))
    study = optuna.create_study(directions=["minimize"] * len(objectives))
    study.add_trials(trials)
    found: dict[str, dict[str, float]] = {}
    for place, (metric, direction) in enumerate(objectives.items()):
        if not params or len({trial.values[place] for trial in trials}) < 2:
            continue
        sign = -1 if direction == "maximize" else 1  # it asks what makes a value small
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # says just that
            shares = optuna.importance.get_param_importances(
                study,
                evaluator=evaluator,
                params=params,
                target=lambda trial, place=place, sign=sign: sign * trial.values[place],  # type: ignore[misc]
            )
        found[metric] = {name: round(float(share), 6) for name, share in shares.items()}
    return found


def _varies(name: str, trials: Sequence[FrozenTrial]) -> bool:
    return len({trial.params[name] for trial in trials if name in trial.params}) > 1


def _frozen(row: Row) -> FrozenTrial:
    from optuna.distributions import json_to_distribution
    from optuna.trial import create_trial

    spreads = {name: json_to_distribution(json.dumps(one)) for name, one in row["distributions"].items()}
    return create_trial(values=list(map(float, row["values"])), params=row["params"], distributions=spreads)
