"""One experiment from its checked configuration to its scores: run the plan, or say what it would do."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from alpaca_exp.artifacts import Artifact, Stage, find, run
from alpaca_exp.confounds import warning
from alpaca_exp.costs import expected
from alpaca_exp.errors import AlpacaExpError, ConfigError, Stopped
from alpaca_exp.plan import plan
from alpaca_exp.provenance import now
from alpaca_exp.readiness import obstacles, remarks
from alpaca_exp.records import Row, write_json
from alpaca_exp.report.summary import summary
from alpaca_exp.schemas import ExperimentConfig


def perform(
    config: ExperimentConfig, *, folder: Path, choices: Mapping[str, str], overrides: Sequence[str]
) -> dict[str, Artifact]:
    """Run every stage of `config`, write `folder/run.json`, print the scores.

    Returns the artifacts by the names of their parts. Raises what the stages raise, after the
    run's status was written.
    """
    _prepare(config)
    stages = plan(config)
    problems = obstacles(stages, config)
    if problems:
        raise ConfigError(problems)
    for remark in remarks(config):
        print(f"Note: {remark}.", flush=True)
    started, clock = now(), time.monotonic()
    made: list[Stage] = []
    artifacts: dict[str, Artifact] = {}
    error: BaseException | None = None
    watch = _Printer(config.runtime.outputs, made)
    try:
        for name, stage in stages.items():
            artifacts[name] = run(
                stage,
                config.runtime.outputs,
                remake_damaged=config.runtime.remake_damaged,
                watch=watch,
            )
    except BaseException as caught:
        error = caught
        raise
    finally:
        row = _run_row(config, choices, overrides, artifacts, made, error)
        row |= {"started": started, "seconds": round(time.monotonic() - clock, 3)}
        write_json(row, folder / "run.json")
    print(f"\n{summary(row, config.runtime.outputs)}\n")
    print(f"This run: {folder}")
    if "compare" in artifacts:
        print(f"Its answers side by side: {artifacts['compare'] / 'index.html'}")
    return artifacts


def show(config: ExperimentConfig, *, choices: Mapping[str, str], overrides: Sequence[str]) -> None:
    """Print the stages with fingerprint, found or to make, and what making them is expected to cost.

    Then what a comparison with the baseline could not tell apart, and what still stands in the way.
    """
    stages = plan(config)
    outputs = config.runtime.outputs
    print(f"{'part':10} {'stage':10} {'fingerprint':17} {'state':8} expected")
    seen: set[str] = set()
    for name, stage in stages.items():
        state = "found" if find(stage, outputs, remake_damaged=True) else "to make"
        state = "shared" if stage.fingerprint in seen and state == "to make" else state
        seen.add(stage.fingerprint)
        cost = str(expected(stage, outputs)) if state == "to make" else ""
        print(f"{name:10} {stage.name:10} {stage.fingerprint:17} {state:8} {cost}".rstrip())
    mixed = warning(stages, choices.get("dataset_variant", config.name), overrides)
    if mixed:
        print(f"\nMore than one cause: {mixed}.")
    for remark in remarks(config):
        print(f"\nNote: {remark}.")
    problems = obstacles(stages, config)
    if problems:
        print("\nBefore it can run:\n" + "\n".join(f"  - {problem}" for problem in problems))


def _prepare(config: ExperimentConfig) -> None:
    """Environment that libraries read when they are imported."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if config.runtime.offline:
        os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"


def _run_row(
    config: ExperimentConfig,
    choices: Mapping[str, str],
    overrides: Sequence[str],
    artifacts: Mapping[str, Artifact],
    made: Sequence[Stage],
    error: BaseException | None,
) -> Row:
    """What `run.json` holds, but for the times."""
    hidden = ("experiment", "sweep", "preset", "scale", "runtime", "logger")
    labels = {k: v for k, v in choices.items() if "/" not in k and k != "hydra" and k not in hidden}
    stopped = isinstance(error, (Stopped, KeyboardInterrupt))
    paid = [stage.path(config.runtime.outputs) for stage in made]
    return {
        "experiment": config.name,
        "preset": config.preset,
        "scale": config.scale,
        "seed": config.seed,
        "labels": labels,
        "artifacts": {name: artifact.path.name for name, artifact in artifacts.items()},
        "overrides": list(overrides),
        "status": "done" if error is None else "stopped" if stopped else "failed",
        "error": None if error is None else _said(error),
        "usd": sum(float(Artifact(path).record["usage"]["usd"]) for path in paid),
    }


def _said(error: BaseException) -> str:
    known = isinstance(error, AlpacaExpError)
    return str(error) if known else f"{type(error).__name__}: {error}".strip(": ")


class _Printer:
    """One line a stage, as it happens; notes which ones were made here."""

    def __init__(self, outputs: Path, made: list[Stage]) -> None:
        self._outputs, self._made = outputs, made
        self._told: set[str] = set()

    def __call__(self, stage: Stage, event: str, seconds: float) -> None:
        where = stage.path(self._outputs)
        if event == "make" and sys.stdout.isatty():
            print(f"{stage.name:10} ...", flush=True)
        elif event == "made":
            self._made.append(stage)
            print(f"{stage.name:10} made in {seconds:6.1f} s  {where}", flush=True)
        elif event == "found" and stage.fingerprint not in self._told:
            print(f"{stage.name:10} found             {where}", flush=True)
        if event != "make":
            self._told.add(stage.fingerprint)
