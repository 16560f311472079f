"""Jobs that a Hydra launcher runs: in other processes, or on other machines.

The launcher is told overrides, and composes each job where it runs; how that ended stands in the sweep's
folder. So what the launcher itself returns, or raises for a job that was killed, costs no other its result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from alpaca_exp.config import load, register_schemas
from alpaca_exp.experiment import prepare
from alpaca_exp.plan import plan
from alpaca_exp.prefetch import with_documents
from alpaca_exp.sweeping.agenda import Unit
from alpaca_exp.sweeping.attempt import BY_SIGNAL, Outcome, attempt
from alpaca_exp.sweeping.board import Board
from alpaca_exp.sweeping.history import LOG, append, is_claimed, read, row
from alpaca_exp.sweeping.jobs import Job, job

Launch = Callable[[Sequence[Sequence[str]]], object]
"""Runs jobs, each told by its overrides, to their ends."""
LONGEST = 300
"""Characters of what a launcher raised."""


class Task:
    """What the launcher is to call with each composed job. Another process can be sent it."""

    def __call__(self, composed: DictConfig) -> str:
        """Run the job in its folder. Returns how it ended: done, failed, stopped, found or busy."""
        hydra = HydraConfig.get()
        folder = Path(hydra.runtime.output_dir)
        overrides: list[str] = OmegaConf.to_container(hydra.overrides.task, resolve=False)  # type: ignore[assignment]
        config = load(composed, overrides)
        prepare(config)
        stages = with_documents(plan(config), config)
        choices = {name: str(choice) for name, choice in hydra.runtime.choices.items()}
        made = job(config, stages, overrides=overrides, choices=choices)
        known = read(folder.parent).get(int(folder.name), {})
        numbered = {"number": int(folder.name), "label": str(known.get("label", ""))}
        return attempt(Job(**{**vars(made), **numbered}), folder.parent, lambda part: None).status

    def __reduce__(self) -> tuple[object, ...]:
        return _task, ()


def launched(jobs: Sequence[Job], sweep: Path, outputs: Path, launch: Launch) -> dict[int, Outcome]:
    """Hand all jobs to the launcher. Returns what became of each, by its number."""
    quoted = str(sweep).replace("'", "\\'")
    where = f"hydra.sweep.dir='{quoted}'"
    told = [[*job.overrides, *_trial(job), where, f"hydra.sweep.subdir='{job.number}'"] for job in jobs]
    reason = "its launcher ended without a word of it; see the launcher's own logs"
    try:
        launch(told)
    except Exception as error:  # of one job that was killed, say: the others have their results
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:LONGEST]}".strip(": ")
    rows = read(sweep)
    return {job.number: _outcome(job, rows.get(job.number, {}), sweep, outputs, reason) for job in jobs}


def _trial(job: Job) -> list[str]:
    """Which trial of a study it is, as a word of the command line."""
    trial = job.config.runtime.trial
    quoted = str(trial).replace("'", "\\'")
    return [f"runtime.trial='{quoted}'"] if trial else []


class Batches:
    """A crew that hands a launcher as many jobs as may run side by side, and waits until all have ended."""

    def __init__(self, size: int, sweep: Path, outputs: Path, launch: Launch, board: Board) -> None:
        self._size, self._sweep, self._outputs, self._launch = size, sweep, outputs, launch
        self._board = board
        self._units: list[Unit] = []

    @property
    def free(self) -> bool:
        """Whether there is room in the batch."""
        return len(self._units) < self._size

    @property
    def idle(self) -> bool:
        """Whether the batch is empty."""
        return not self._units

    def start(self, unit: Unit) -> None:
        """Put it into the batch."""
        self._board.begin(unit)
        self._units.append(unit)

    def finished(self) -> list[tuple[Unit, Outcome]]:
        """Launch the batch. Returns how all of it ended."""
        outcomes = launched([unit.job for unit in self._units], self._sweep, self._outputs, self._launch)
        units, self._units = self._units, []
        return [(unit, outcomes[unit.job.number]) for unit in units]

    def stop(self) -> list[tuple[Unit, Outcome]]:
        """Whoever interrupted us has interrupted the launcher."""
        units, self._units = self._units, []
        return [(unit, Outcome("stopped", error=BY_SIGNAL)) for unit in units]

    def close(self) -> None:
        """Nobody is kept."""


def _outcome(job: Job, known: dict[str, object], sweep: Path, outputs: Path, reason: str) -> Outcome:
    status, seconds = str(known.get("status")), float(str(known.get("seconds") or 0.0))
    if job.has_result(sweep, outputs):
        return Outcome("done", seconds)
    if status in ("failed", "stopped", "pruned"):
        return Outcome(status, seconds, str(known.get("error")), f"{job.number}/{LOG}")
    if is_claimed(sweep, job.number):
        return Outcome("running", error="another process, or the launcher, still runs it")
    append(sweep, [row(job, "failed", error=reason)])
    return Outcome("failed", seconds, reason, f"{job.number}/{LOG}")


def _task() -> Task:
    register_schemas()
    return Task()
