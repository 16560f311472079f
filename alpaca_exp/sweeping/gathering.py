"""What SLURM has in its hands, watched until it has ended: by whoever submitted it, or anyone later.

The truth is in the sweep's folder: a job is done, or failed, when it says so there. SLURM is asked for the
others: whether they still can, and if they cannot, why.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from alpaca_exp.records import Row
from alpaca_exp.sweeping import history, submissions
from alpaca_exp.sweeping.attempt import Outcome
from alpaca_exp.sweeping.board import Board
from alpaca_exp.sweeping.fates import fate
from alpaca_exp.sweeping.slurm import GONE, State
from alpaca_exp.sweeping.submissions import Submission

SHORTEST_S, LONGEST_S = 1.0, 15.0
"""Between two looks: the longer a sweep goes on, the longer."""
MOST_REASONS = 3
SURE_S, SURE_OF_SUCCESS_S = 3.0, 60.0
"""So long after its end a job is taken at SLURM's word: files of another machine may come late, and where
SLURM says that all went well, they will."""


class Watched:
    """Units that were submitted, by their names; each is told of once, when it has ended."""

    def __init__(self, sweep: Path, names: Collection[str]) -> None:
        self._sweep = sweep
        self._open = set(names)
        self._ended_at: dict[str, float] = {}
        self._shared: list[Submission] = []
        """What others of the sweep make for several of them."""
        self.states: dict[str, State] = {}
        """How each stood in SLURM when it was last asked."""

    def add(self, name: str) -> None:
        """Watch one more."""
        self._open.add(name)
        self._ended_at.pop(name, None)

    @property
    def left(self) -> set[str]:
        """Those that have not ended."""
        return set(self._open)

    @property
    def running(self) -> set[str]:
        """Those that SLURM lets run now."""
        return {name for name in self._open if name in self.states and self.states[name].runs}

    @property
    def restarts(self) -> dict[str, int]:
        """How often SLURM has started those again that run now."""
        known = submissions.last(self._sweep)
        return {name: known[name].restarts(self._sweep) for name in sorted(self.running) if name in known}

    @property
    def queue(self) -> str:
        """Why nothing runs: `12 in SLURM's hands (Priority)`, or which stages are made before."""
        shared = Counter(
            f"{one.unit.rpartition('-')[0]} {'running' if state.runs else 'waiting'}"
            for one in self._shared
            if not (state := self._state(one.unit)).ended
        )
        first = ", ".join(f"{count} {stage}" for stage, count in shared.items())
        waiting = [self.states[name] for name in sorted(self._open) if name in self.states]
        reasons = dict.fromkeys(state.reason for state in waiting if not state.runs and state.reason)
        told = ", ".join(list(reasons)[:MOST_REASONS])
        why = f"; first what they share: {first}" if first else f" ({told})" if told else ""
        return f"{len(self._open):,} in SLURM's hands{why}"

    @property
    def farewell(self) -> str:
        """What is to be known by who waits no longer."""
        known = submissions.last(self._sweep)
        shared = {one.unit for one in self._shared if not self._state(one.unit).ended}
        ids = {known[name].slurm.partition("_")[0] for name in self.left | shared if name in known}
        return f"The jobs go on in SLURM; to end them: scancel {' '.join(sorted(ids))}"

    def look(self) -> Iterator[tuple[str, Outcome]]:
        """Those that have ended since the last look."""
        known = submissions.last(self._sweep)
        rows = history.read(self._sweep)
        self._shared = [one for one in known.values() if one.is_shared and self._is_made_now(one.unit)]
        for name in sorted(self._open):
            if (found := self._said(name, rows)) is not None:
                self._open.discard(name)
                yield name, found
        asked = [known[name] for name in sorted(self._open) if name in known]
        states = submissions.states([*asked, *self._shared])
        if states is None:
            return  # SLURM gives no answer, for now
        self.states |= states
        for one in asked:
            if states[one.unit].ended and self._is_sure(one.unit, states[one.unit]):
                self._open.discard(one.unit)
                yield one.unit, self._lost(one, states[one.unit])
            elif not states[one.unit].ended:
                self._ended_at.pop(one.unit, None)

    def _is_made_now(self, name: str) -> bool:
        over = name in self.states and self.states[name].ended
        return not over and name not in self._open and submissions.outcome(self._sweep, name) is None

    def _state(self, name: str) -> State:
        return self.states.get(name, State(GONE))

    def _said(self, name: str, rows: dict[int, Row]) -> Outcome | None:
        """How a unit says that it ended. A stopped job may be on its way back into the queue."""
        if not name.isdecimal():
            return submissions.outcome(self._sweep, name)
        row = rows.get(int(name), {})
        status, seconds = str(row.get("status")), float(row.get("seconds") or 0.0)
        if status == "done":
            return Outcome("done", seconds)
        if status in ("failed", "pruned"):
            return Outcome(status, seconds, row.get("error"), row.get("log"))
        return None

    def _is_sure(self, name: str, state: State) -> bool:
        since = self._ended_at.setdefault(name, time.monotonic())
        enough = SURE_OF_SUCCESS_S if state.name == "COMPLETED" else SURE_S
        claimed = name.isdecimal() and history.is_claimed(self._sweep, int(name))
        return time.monotonic() - since >= enough and not claimed

    def _lost(self, one: Submission, state: State) -> Outcome:
        row = history.read(self._sweep).get(int(one.unit), {}) if one.unit.isdecimal() else {}
        found = lost(one, state, row, self._sweep)
        if row and found.status == "failed":  # SLURM may forget it
            told = {**row, "status": "failed", "error": found.error, "run": None}
            history.append(self._sweep, [told])
        return found


def lost(one: Submission, state: State, row: Row, sweep: Path) -> Outcome:
    """What a unit came to that SLURM has ended: without a word, or with the word that it was stopped.

    `row`: its last in the sweep's folder; of what is no job of the sweep, none.
    """
    seconds = float(row.get("seconds") or 0.0)
    if row.get("status") == "stopped" and state.name != "CANCELLED":
        return Outcome("stopped", seconds, row.get("error"), row.get("log"))
    log = one.last_words(sweep)
    began = bool(log.strip()) or row.get("status", "waiting") != "waiting"
    return Outcome("failed", seconds, fate(state, log, one.asked, began=began), row.get("log"))


def wait_for(
    watched: Watched, board: Board, note: Callable[[str, Outcome], None], show: Callable[[], None]
) -> BaseException | None:
    """Wait until none is left: `note` each that ends, and `show` how the others stand after each look.

    Returns what interrupted it; the jobs go on then.
    """
    try:
        for pause in pauses():
            for name, outcome in watched.look():
                note(name, outcome)
            show()
            if not watched.left:
                break
            time.sleep(pause)
    except (KeyboardInterrupt, Exception) as error:
        board.say(watched.farewell)
        return error
    finally:
        board.close()
    return None


def pauses() -> Iterator[float]:
    """Seconds between looks."""
    pause = SHORTEST_S
    while True:
        yield pause
        pause = min(LONGEST_S, pause * 1.1)
