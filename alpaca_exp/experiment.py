"""One experiment from its checked configuration to its scores."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from alpaca_exp import prefetched
from alpaca_exp.artifacts import RECORD, Artifact, Stage, Watch, run
from alpaca_exp.errors import AlpacaExpError, ConfigError, InputError, Stopped
from alpaca_exp.following import follow
from alpaca_exp.harness.fitting import check_fit
from alpaca_exp.ledger import consumed
from alpaca_exp.libraries import go_offline, hush
from alpaca_exp.money import money
from alpaca_exp.plan import plan, untuned
from alpaca_exp.prefetch import with_documents
from alpaca_exp.progress import show_as
from alpaca_exp.provenance import now
from alpaca_exp.readiness import obstacles, remarks
from alpaca_exp.records import Row, write_json
from alpaca_exp.report.summary import summary
from alpaca_exp.schemas import ApiModelConfig, ExperimentConfig
from alpaca_exp.server_readiness import other_servers, server_obstacles
from alpaca_exp.stages.pretrain import untrained
from alpaca_exp.tuning.ranks import node


def perform(
    config: ExperimentConfig,
    *,
    folder: Path,
    choices: Mapping[str, str],
    overrides: Sequence[str],
    watch: Watch | None = None,
    paid_before: float = 0.0,
) -> dict[str, Artifact]:
    """Run every stage of `config`, write `folder/run.json`, print the scores.

    `watch` is told of each stage; `paid_before` are dollars paid for this run before it began, by a sweep
    that made what its jobs share. Returns the artifacts by the names of their parts; none on a machine that
    only helps the first one train. Raises what the stages raise, after the run's status was written.
    """
    prepare(config)
    stages = plan(config)
    problems = obstacles(stages, config)
    if problems:
        raise ConfigError(problems)
    stages = with_documents(stages, config)
    costs = money(stages, config.runtime.outputs, overrides)
    for remark in (*remarks(config), *costs, *other_servers(stages, config.runtime)):
        print(f"Note: {remark}.", flush=True)
    if config.runtime.num_nodes > 1 and node():
        follow(stages, config.runtime.outputs)
        return {}
    try_servers(stages, config)
    started, clock = now(), time.monotonic()
    begun: dict[Path, float] = {}
    artifacts: dict[str, Artifact] = {}
    error: BaseException | None = None
    printer = _Printer(stages, config.runtime.outputs, begun, watch)
    try:
        check_fit(stages, config, untrained)
        for name, stage in stages.items():
            artifacts[name] = run(
                stage,
                config.runtime.outputs,
                remake_damaged=config.runtime.remake_damaged,
                watch=printer,
            )
    except BaseException as caught:
        error = caught
        raise
    finally:
        row = _run_row(config, choices, overrides, artifacts, paid_before + _paid(begun), error)
        row |= {"started": started, "seconds": round(time.monotonic() - clock, 3)}
        write_json(row, folder / "run.json")
        if row["usd"]:
            print(f"Paid in this run: ${row['usd']:.4f}", file=sys.stderr, flush=True)
        if error is not None and "evaluate" in artifacts:  # what is known of a run that ended early
            print(f"\n{summary(row, config.runtime.outputs)}\n", file=sys.stderr, flush=True)
    print(f"\n{summary(row, config.runtime.outputs)}\n")
    print(f"This run: {folder}")
    if list(stages)[-1] in ("curate", "train"):
        print(f"What it made: {artifacts[list(stages)[-1]].path}")
    if "compare" in artifacts:
        print(f"Its answers side by side: {artifacts['compare'] / 'index.html'}")
    return artifacts


def try_servers(stages: Mapping[str, Stage], config: ExperimentConfig) -> None:
    """Raises ConfigError where a server will not answer, though a stage hours away is the first to ask it."""
    wrong, doubtful = server_obstacles(stages, config.runtime)
    if wrong:
        raise ConfigError(wrong)
    for sentence in doubtful:
        print(f"Note: what its journal does not answer cannot be asked: {sentence}.", flush=True)


def prepare(config: ExperimentConfig) -> None:
    """What libraries read when they are imported: where things are, and whether there is a network."""
    hush()
    prefetched.use(config.runtime.prefetched)
    if config.runtime.offline:
        go_offline()


def labels(config: ExperimentConfig, choices: Mapping[str, str]) -> dict[str, str]:
    """Where a run stands in a table: the option of each group, by its name."""
    hidden = ("experiment", "sweep", "preset", "scale", "runtime", "logger", "claims")
    found = {k: v for k, v in choices.items() if "/" not in k and k != "hydra" and k not in hidden}
    if untuned(config):  # whatever was chosen, nothing was learnt
        found |= {"dataset_variant": "none", "trainer": "none"}
    if isinstance(config.base_model, ApiModelConfig):  # one option, many models
        found["base_model"] = config.base_model.model
    return found


def _run_row(
    config: ExperimentConfig,
    choices: Mapping[str, str],
    overrides: Sequence[str],
    artifacts: Mapping[str, Artifact],
    paid: float,
    error: BaseException | None,
) -> Row:
    """What `run.json` holds, but for the times."""
    stopped = isinstance(error, (Stopped, KeyboardInterrupt))
    return {
        "experiment": config.name,
        "preset": config.preset,
        "scale": config.scale,
        "seed": config.seed,
        "labels": labels(config, choices),
        "artifacts": {name: artifact.path.name for name, artifact in artifacts.items()},
        "overrides": list(overrides),
        "status": "done" if error is None else "stopped" if stopped else "failed",
        "error": None if error is None else said(error),
        "usd": paid,
        **({"refused": True} if isinstance(error, (ConfigError, InputError)) else {}),
    }


def _paid(begun: Mapping[Path, float]) -> float:
    """Dollars that this run paid, unfinished stages too; `begun`: what earlier attempts had paid."""
    return sum(max(0.0, _spent(path) - before) for path, before in begun.items())


def _spent(path: Path) -> float:
    """Dollars that all attempts at the stage in this folder paid."""
    finished = (path / RECORD).exists()
    return float(Artifact(path).record["usage"]["usd"]) if finished else consumed(path).usd


def said(error: BaseException) -> str:
    """An error in one sentence: its own where it is one of ours, else with its kind."""
    known = isinstance(error, AlpacaExpError)
    return str(error) if known else f"{type(error).__name__}: {error}".strip(": ")


class _Printer:
    """One line a stage, under its name in the plan, as it happens.

    Notes which ones were begun here, with what earlier attempts at them had paid.
    """

    def __init__(
        self, stages: Mapping[str, Stage], outputs: Path, begun: dict[Path, float], watch: Watch | None
    ) -> None:
        self._watch = watch
        self._names = {stage.fingerprint: name for name, stage in [*stages.items()][::-1]}
        self._outputs, self._begun = outputs, begun
        self._told: set[str] = set()

    def __call__(self, stage: Stage, event: str, seconds: float) -> None:
        name, where = self._names.get(stage.fingerprint, stage.name), stage.path(self._outputs)
        if self._watch is not None:
            self._watch(stage, event, seconds)
        if event == "make":
            self._begun[where] = _spent(where)
            show_as(stage.name, name)
            if sys.stdout.isatty():
                print(f"{name:10} ...", flush=True)
            return
        if event == "made":
            print(f"{name:10} made in {seconds:6.1f} s  {where}", flush=True)
        elif stage.fingerprint not in self._told:
            print(f"{name:10} found             {where}", flush=True)
        self._told.add(stage.fingerprint)
