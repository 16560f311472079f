"""What a study makes large or small: metrics that the report knows, read from what a job left."""

from __future__ import annotations

import csv
import difflib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.harness.foretold import measured
from alpaca_exp.plan import Plan
from alpaca_exp.report import judged
from alpaca_exp.report.metrics import ASSESSED, CARD, USUAL, known, reading
from alpaca_exp.schemas import ApiModelConfig, ExperimentConfig
from alpaca_exp.scoreboard import SUITE

DIRECTIONS = ("maximize", "minimize")


def values(objectives: Sequence[str], run: Path, outputs: Path) -> list[float]:
    """Each objective's value in the run of that folder.

    Raises InputError where one is absent, or no number.
    """
    try:
        artifacts = dict(json.loads((run / "run.json").read_text(encoding="utf-8"))["artifacts"])
    except (OSError, ValueError, KeyError):
        raise InputError(f"{run / 'run.json'} cannot be read") from None
    found = []
    for metric in objectives:
        read = reading(metric, artifacts, outputs)
        if read is None:
            raise InputError(f"it has no {metric}{_near(metric, known([artifacts], outputs))}")
        if math.isnan(read.value):
            raise InputError(f"its {metric} is no number (NaN)")
        found.append(float(read.value))
    return found


def steps(run: Path, outputs: Path) -> int | None:
    """The optimizer's steps of the training in the run of that folder; None where it has none."""
    try:
        artifact = json.loads((run / "run.json").read_text(encoding="utf-8"))["artifacts"]["train"]
        with (outputs / "train" / artifact / "metrics.csv").open(encoding="utf-8") as file:
            *_, last = csv.DictReader(file)
        return int(last["step"])
    except (OSError, ValueError, KeyError):
        return None


def objective_problems(objectives: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the objectives as they are written."""
    if not objectives:
        yield "a study needs an objective: hydra.sweeper.objectives={truthfulness: maximize}"
    for metric, direction in objectives.items():
        if direction not in DIRECTIONS:
            yield (
                f"hydra.sweeper.objectives says {metric}: {direction}; it must be {' or '.join(DIRECTIONS)}"
            )


def unmeasured(objectives: Sequence[str], config: ExperimentConfig, stages: Plan) -> Iterator[str]:
    """One sentence for each objective that a run of `config` would not leave."""
    for metric in objectives:
        why = _why_absent(metric, config, stages)
        if why:
            yield f"the objective {metric} cannot be read of a run: {why}"


def _why_absent(metric: str, config: ExperimentConfig, stages: Plan) -> str | None:
    if metric == "usd":
        return None
    if metric in CARD or metric.startswith("removed."):
        return None if "curate" in stages else "it makes no data set"
    if metric == "words" or metric.startswith(judged.PREFIX):
        name = judged.name_of(metric)
        if metric != "words" and name.partition("/")[0] not in judged.RANGES:
            return f"the judge has no such score{_near(metric, [f'judge.{one}' for one in judged.RANGES])}"
        return None if "judge" in stages else "nobody judges its answers (judge=none)"
    if "." not in metric and metric not in SUITE:
        return f"there is no such metric{_near(metric, [*USUAL, *CARD])}"
    if "evaluate" not in stages:
        return "nothing is evaluated (eval_suite=none)"
    suite = config.eval_suite
    if metric in SUITE:
        named = getattr(suite, metric, [])
        return None if named else f"eval_suite.{metric} names no tasks"
    known_metrics = measured(suite)
    if known_metrics is None or metric.startswith(ASSESSED) or isinstance(config.base_model, ApiModelConfig):
        return None  # only the run itself will know
    names = [f"{task}.{name}" for task, own in known_metrics.items() for name in own]
    there = metric.partition("/")[0] in names
    return None if there else f"there is no such metric{_near(metric, [*USUAL, *CARD, *names])}"


def _near(metric: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(metric, names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(names)}"
