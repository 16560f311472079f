"""A crew of SLURM jobs: each unit is submitted as it comes, and watched until it has ended."""

from __future__ import annotations

import time
from pathlib import Path

from alpaca_exp.sweeping import history, slurm, submissions
from alpaca_exp.sweeping.agenda import Unit
from alpaca_exp.sweeping.attempt import BY_SIGNAL, Outcome
from alpaca_exp.sweeping.board import Board
from alpaca_exp.sweeping.gathering import Watched
from alpaca_exp.sweeping.sent import Sent
from alpaca_exp.sweeping.submitting import Slurm, send

PAUSE_S = 1.0


class Submitted:
    """For work that is not known beforehand: the trials of a study."""

    def __init__(self, size: int, sweep: Path, asked: Slurm, board: Board) -> None:
        """`size`: so many units are in SLURM's hands at a time."""
        self._size, self._sweep, self._asked, self._board = size, sweep, asked, board
        self._units: dict[str, Unit] = {}
        self._unsent: list[Unit] = []
        self._watched = Watched(sweep, ())

    @property
    def free(self) -> bool:
        """Whether another unit may be submitted."""
        return len(self._units) < self._size

    @property
    def idle(self) -> bool:
        """Whether SLURM has none."""
        return not self._units

    def start(self, unit: Unit) -> None:
        """Submit it, with the others that come now."""
        self._units[unit.name] = unit
        self._unsent.append(unit)

    def finished(self) -> list[tuple[Unit, Outcome]]:
        """Those that have ended; waits a little for the first."""
        self._send()
        ended = [(self._units.pop(name), outcome) for name, outcome in self._watched.look()]
        for name, unit in self._units.items():
            if name in self._watched.states and self._watched.states[name].runs:
                self._board.begin(unit)
        if not ended:
            time.sleep(PAUSE_S)
        return ended

    def stop(self) -> list[tuple[Unit, Outcome]]:
        """Take them out of SLURM's hands: without us nobody tells the study what they come to."""
        known = submissions.last(self._sweep)
        slurm.cancel([known[name].slurm for name in self._units if name in known])
        units, self._units = self._units, {}
        return [(unit, Outcome("stopped", error=BY_SIGNAL)) for unit in units.values()]

    def close(self) -> None:
        """Nobody is kept."""

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, []
        if not unsent:
            return
        history.append(self._sweep, [history.row(unit.job, "waiting") for unit in unsent if not unit.part])
        send([[Sent(unit, self._sweep.absolute()) for unit in unsent]], self._sweep, self._asked)
        for unit in unsent:
            self._watched.add(unit.name)
