"""The work of a sweep handed to a crew, unit by unit, until there is none: of a grid, or of a study."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.sweeping import history
from alpaca_exp.sweeping.agenda import Unit
from alpaca_exp.sweeping.attempt import Outcome
from alpaca_exp.sweeping.board import Board
from alpaca_exp.sweeping.crews import Alone, Crew, Workers
from alpaca_exp.sweeping.launched import Batches, Launch
from alpaca_exp.sweeping.submitted import Submitted
from alpaca_exp.sweeping.submitting import Slurm, check

NAP_S = 0.2


class Work(Protocol):
    """What is to be done next, and what has come of it: a grid's agenda, or a study's trials."""

    def next(self) -> Unit | None:
        """A unit that nothing stands in the way of; None: there is none now."""
        ...

    @property
    def others(self) -> list[int]:
        """The numbers of jobs that other processes run, and that are waited for."""
        ...

    def note(self, unit: Unit, outcome: Outcome) -> tuple[Outcome, list[Unit]]:
        """Take down how a unit ended. Returns what that counts as, and the jobs that thereby ended too."""
        ...


def conduct(work: Work, crew: Crew, board: Board, folder: Path) -> None:
    """Let the crew do all of the work. What interrupts it is raised once the crew has stopped."""
    waited = False
    try:
        while True:
            while crew.free and (unit := work.next()):
                crew.start(unit)
            if crew.idle and not work.others:
                return
            if crew.idle:
                if not waited:
                    board.meanwhile = "waiting for another process"
                    board.say(f"{board.meanwhile} that runs {', '.join(map(str, work.others))}")
                waited = True
                time.sleep(NAP_S)
                continue
            for unit, outcome in crew.finished():
                _note(work, board, folder, unit, outcome)
    except BaseException:
        for unit, outcome in crew.stop():
            _note(work, board, folder, unit, outcome)
        raise
    finally:
        crew.close()


def hire(
    runtime: RuntimeConfig, count: int, folder: Path, board: Board, launch: Launch | Slurm | None = None
) -> Crew:
    """Who runs `count` jobs: `runtime.workers` side by side, or this very process; SLURM; another launcher.

    Raises ConfigError where SLURM is not here, or asked for what cannot be.
    """
    workers = min(runtime.workers, count)
    if isinstance(launch, Slurm):
        check(launch, runtime)
        return Submitted(min(count, max(workers, launch.side_by_side)), folder, launch, board)
    if launch is not None:
        return Batches(workers, folder, runtime.outputs, launch, board)
    if workers <= 1:
        return Alone(folder, board)
    devices = int(runtime.devices) if runtime.devices.isdecimal() else 1
    return Workers(workers, folder, board, devices=devices)


def _note(work: Work, board: Board, folder: Path, unit: Unit, outcome: Outcome) -> None:
    """Take down how a unit ended, and that others ended with it: what they need cannot be made."""
    outcome, ended = work.note(unit, outcome)
    board.end(unit, outcome)
    for alike in ended:
        board.end(alike, replace(outcome, seconds=0.0, error="for the same reason"))
        row = history.row(alike.job, outcome.status, error=outcome.error, log=outcome.log)
        history.append(folder, [row])
