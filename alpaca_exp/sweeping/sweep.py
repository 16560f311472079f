"""A sweep: its jobs are checked, those without a result run, and what became of all is told.

Whoever starts the same sweep again, now or later, here or on another machine that shares the folder, runs
what has no result and nobody else is at. A job is known by what it makes, not by its number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from alpaca_exp.errors import ConfigError, InputError
from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.sweep_folder import Entry
from alpaca_exp.sweeping import clustered, history, reporting
from alpaca_exp.sweeping.agenda import Agenda
from alpaca_exp.sweeping.agents import NOBODY
from alpaca_exp.sweeping.attempt import Outcome
from alpaca_exp.sweeping.board import Board
from alpaca_exp.sweeping.checking import checked
from alpaca_exp.sweeping.composing import Composer
from alpaca_exp.sweeping.conducting import conduct, hire
from alpaca_exp.sweeping.grid import Grid, expand
from alpaca_exp.sweeping.jobs import Job
from alpaca_exp.sweeping.launched import Launch, launched
from alpaca_exp.sweeping.status import left_to_itself, raise_for
from alpaca_exp.sweeping.submitting import Slurm, check
from alpaca_exp.sweeping.table import table


@dataclass(frozen=True)
class Asked:
    """What a sweep is asked for."""

    params: Mapping[str, object]
    """The sweep file's keys with their values."""
    arguments: Sequence[str]
    """The command line's overrides."""
    master: DictConfig
    """What Hydra composed of both, without what differs between jobs."""
    loader: ConfigLoader
    launch: Launch | Slurm | None
    """Hands jobs to a launcher that was chosen, or asks SLURM; None: they run here."""


def sweep(asked: Asked) -> list[Entry]:
    """Run the jobs of a grid that have no result yet. Prints how it goes and a table of all; returns it too.

    Raises InputError before the first job where one of them cannot run, JobsFailed at the end where some
    failed, Stopped where some were stopped by a budget, and what interrupts it, after the table.
    """
    grid = expand(asked.params, asked.arguments, asked.loader)
    folder = Path(str(asked.master.hydra.sweep.dir))
    print(f"{folder.name}: {grid.shape}", flush=True)
    composer = Composer(asked.loader, asked.master)
    jobs = checked(grid.jobs, grid.label, composer, elsewhere=asked.launch is not None)
    if isinstance(asked.launch, Slurm):
        check(asked.launch, jobs[0].config.runtime)
    elif jobs[0].config.runtime.detach:
        raise ConfigError([NOBODY])
    make_folder(folder)
    before = set(history.read(folder))
    jobs = history.numbered(jobs, folder)
    numbers = [job.number for job in jobs]
    extended = history.describe(folder, "grid", grid.asked, len(grid.jobs), history.command_line(), numbers)
    reporting.note(folder, jobs[0].config)
    runtime = jobs[0].config.runtime
    found = {job.number for job in jobs if job.has_result(folder, runtime.outputs)}
    todo = [job for job in jobs if job.number not in found]
    _announce(grid, jobs, todo, before if extended else None)
    outcomes = dict.fromkeys(found, Outcome("found"))
    interruption: BaseException | None = None
    if todo:
        with history.at_work(folder):
            interruption = _run(todo, folder, runtime, asked.launch, outcomes)
    if interruption is None and runtime.detach and len(outcomes) < len(jobs):
        print(f"\n{left_to_itself(folder)}", flush=True)
        return []
    entries = [_entry(job, outcomes.get(job.number), folder) for job in jobs]
    print(f"\n{table(entries)}\nThis sweep: {folder}", flush=True)
    if interruption is not None:
        raise interruption
    reporting.report(folder, jobs[0].config)
    raise_for(entries)
    return entries


def _run(
    todo: Sequence[Job],
    folder: Path,
    runtime: RuntimeConfig,
    launch: Launch | Slurm | None,
    outcomes: dict[int, Outcome],
) -> BaseException | None:
    """Run the jobs, and put what became of each into `outcomes`. Returns what interrupted it."""
    if isinstance(launch, Slurm):
        return _on_slurm(todo, folder, runtime, launch, outcomes)
    if launch is not None:
        outcomes |= launched(todo, folder, runtime.outputs, launch)
        return None
    agenda = Agenda(todo, runtime.outputs, side_by_side=runtime.workers > 1 and len(todo) > 1)
    board = Board(len(todo))
    try:
        conduct(agenda, hire(runtime, len(todo), folder, board), board, folder)
    except (KeyboardInterrupt, Exception) as error:
        return error
    finally:
        outcomes |= agenda.outcomes
        board.close()
    return None


def _on_slurm(
    todo: Sequence[Job], folder: Path, runtime: RuntimeConfig, asked: Slurm, outcomes: dict[int, Outcome]
) -> BaseException | None:
    new = clustered.submit(todo, folder, runtime.outputs, asked)
    if held := len(todo) - new:
        print(f"{held:,} {'are' if held > 1 else 'is'} in SLURM's hands from before", flush=True)
    print(f"{new:,} submitted to SLURM", flush=True)
    if runtime.detach:
        return None
    return clustered.wait({job.number: job.label for job in todo}, folder, outcomes)


def make_folder(folder: Path) -> None:
    """The sweep's folder. Raises InputError where there is a file of that name."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise InputError(f"{folder} is a file; choose another name=..., or move it away") from None


def _announce(grid: Grid, jobs: Sequence[Job], todo: Sequence[Job], before: set[int] | None) -> None:
    """What is there and what is to do; and what lies here that nobody asked for.

    `before`: the jobs that were known, where others were asked for than the last time.
    """
    same = len(grid.jobs) - len(jobs)
    if same:
        print(f"{same:,} of them would do the same as another one, and are left out")
    numbers = {job.number for job in jobs}
    new, others = (0, 0) if before is None else (len(numbers - before), len(before - numbers))
    told = [f"{new:,} job{'s are' if new > 1 else ' is'} new"] if new else []
    told += [f"{others:,} other{'s stay as they are' if others > 1 else ' stays as it is'}"] if others else []
    if told:
        print(f"The grid is another one than before: {', '.join(told)}")
    print(f"{len(jobs) - len(todo):,} found from before, {len(todo):,} to run", flush=True)


def _entry(job: Job, outcome: Outcome | None, folder: Path) -> Entry:
    if outcome is None:
        return Entry(job.number, job.label, "waiting")
    log = folder / (outcome.log or f"{job.number}/{history.LOG}")
    return Entry(job.number, job.label, outcome.status, outcome.seconds, outcome.error, log)
