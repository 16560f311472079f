"""Who does the work: this process itself, or workers beside it, each with one thread of mathematics."""

from __future__ import annotations

import json
import os
import pickle
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from alpaca_exp.sweeping.agenda import Unit
from alpaca_exp.sweeping.attempt import BY_SIGNAL, Outcome, attempt
from alpaca_exp.sweeping.board import Board
from alpaca_exp.sweeping.history import append, row

GRACE_S = 60.0
"""How long workers have to save what they are at."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Crew(Protocol):
    """Takes units and brings back how they ended."""

    @property
    def free(self) -> bool:
        """Whether it can take another unit."""
        ...

    @property
    def idle(self) -> bool:
        """Whether it has none."""
        ...

    def start(self, unit: Unit) -> None:
        """Take a unit."""
        ...

    def finished(self) -> list[tuple[Unit, Outcome]]:
        """Those that have ended since; waits a little for the first."""
        ...

    def stop(self) -> list[tuple[Unit, Outcome]]:
        """Stop what is going on, and bring back where it stands."""
        ...

    def close(self) -> None:
        """Send everyone home."""
        ...


class Alone:
    """This very process, one job after the other."""

    def __init__(self, sweep: Path, board: Board) -> None:
        self._sweep, self._board = sweep, board
        self._now: Unit | None = None
        self._ended: list[tuple[Unit, Outcome]] = []

    @property
    def free(self) -> bool:
        """It does one thing at a time."""
        return not self._ended

    @property
    def idle(self) -> bool:
        """Nothing lies here."""
        return not self._ended

    def start(self, unit: Unit) -> None:
        """Do it, to its end."""
        self._now = unit
        self._board.begin(unit)
        tell = self._board.teller(unit)
        outcome = attempt(unit.job, self._sweep, tell, paid_before=unit.paid_before)
        self._now = None
        self._ended.append((unit, outcome))

    def finished(self) -> list[tuple[Unit, Outcome]]:
        """What was done."""
        ended, self._ended = self._ended, []
        return ended

    def stop(self) -> list[tuple[Unit, Outcome]]:
        """Whoever interrupted us has stopped it already."""
        stopped = [(self._now, Outcome("stopped", error=BY_SIGNAL))] if self._now else []
        return [*self.finished(), *stopped]

    def close(self) -> None:
        """Nobody else is here."""


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    unit: Unit | None = None
    since: float = 0.0
    said: bytes = b""
    """Of which the line is not whole yet."""


class Workers:
    """Processes beside this one. They end with it, however it ends; one that dies is replaced."""

    def __init__(self, size: int, sweep: Path, board: Board, *, devices: int) -> None:
        self._sweep, self._board = sweep, board
        self._environments = [_environment(place, devices) for place in range(size)]
        self._workers: dict[int, _Worker] = {}
        self._selector = selectors.DefaultSelector()

    @property
    def free(self) -> bool:
        """Whether one of them waits for work, or is still to be started."""
        return self._place() is not None

    @property
    def idle(self) -> bool:
        """Whether none of them works."""
        return not any(worker.unit for worker in self._workers.values())

    def start(self, unit: Unit) -> None:
        """Hand it to one of them."""
        place = self._place()
        assert place is not None
        if place not in self._workers:
            self._workers[place] = self._hire(place)
        worker = self._workers[place]
        worker.unit, worker.since = unit, time.monotonic()
        self._board.begin(unit)
        assert worker.process.stdin is not None
        try:
            pickle.dump((unit, self._sweep), worker.process.stdin)
            worker.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has died, which is noticed where its answers are read

    def finished(self, wait: float = 0.5) -> list[tuple[Unit, Outcome]]:
        """Those that ended, whether they said so or died."""
        ended = []
        for key, _ in self._selector.select(wait):
            ended += self._heard(key.data)
        return ended

    def stop(self) -> list[tuple[Unit, Outcome]]:
        """Ask all to save what they are at, and wait for it."""
        for worker in self._workers.values():
            worker.process.send_signal(signal.SIGTERM)
        ended, end = [], time.monotonic() + GRACE_S
        while not self.idle and time.monotonic() < end:
            ended += self.finished()
        return ended

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers.values():
            assert worker.process.stdin is not None and worker.process.stdout is not None
            try:
                worker.process.stdin.close()
                worker.process.wait(1.0 if worker.unit is None else 0.0)
            except (BrokenPipeError, subprocess.TimeoutExpired):
                worker.process.kill()
                worker.process.wait()
            worker.process.stdout.close()
        self._selector.close()

    def _place(self) -> int | None:
        free = (
            place
            for place in range(len(self._environments))
            if place not in self._workers or self._workers[place].unit is None
        )
        return next(free, None)

    def _hire(self, place: int) -> _Worker:
        process = subprocess.Popen(
            [sys.executable, "-m", "alpaca_exp.sweeping.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | self._environments[place],
            start_new_session=True,  # Ctrl-C reaches us alone, and we pass it on
        )
        assert process.stdout is not None
        self._selector.register(process.stdout, selectors.EVENT_READ, place)
        return _Worker(process)

    def _heard(self, place: int) -> list[tuple[Unit, Outcome]]:
        """What a worker says: the parts that it is at, and how its unit ended."""
        worker = self._workers[place]
        assert worker.process.stdout is not None
        heard = os.read(worker.process.stdout.fileno(), 1 << 16)
        if not heard:
            return self._lost(place)
        *lines, worker.said = (worker.said + heard).split(b"\n")
        ended = []
        for said in map(json.loads, lines):
            if worker.unit and "part" in said:
                self._board.teller(worker.unit)(said["part"])
            elif worker.unit:
                ended.append((worker.unit, Outcome(**said)))
                worker.unit = None
        return ended

    def _lost(self, place: int) -> list[tuple[Unit, Outcome]]:
        """A worker died: of too much memory, most often. The next unit gets a new one."""
        worker = self._workers.pop(place)
        assert worker.process.stdout is not None
        self._selector.unregister(worker.process.stdout)
        code = worker.process.wait()
        worker.process.stdout.close()
        if worker.unit is None:
            return []
        died = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        hint = "; was there enough memory?" if code == -signal.SIGKILL else ""
        seconds = round(time.monotonic() - worker.since, 3)
        outcome = Outcome("failed", seconds, f"the worker was {died}{hint}")
        if worker.unit.part is None:
            append(self._sweep, [row(worker.unit.job, "failed", seconds=seconds, error=outcome.error)])
        return [(worker.unit, outcome)]


def _environment(place: int, devices: int) -> dict[str, str]:
    """One thread, and of several GPUs its own."""
    found = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    found |= {name: os.environ.get(name, "1") for name in THREADS}
    gpus = visible_gpus(os.environ)
    if len(gpus) > devices:
        own = [gpus[(place * devices + index) % len(gpus)] for index in range(devices)]
        found["CUDA_VISIBLE_DEVICES"] = ",".join(own)
    return found


def visible_gpus(environment: Mapping[str, str]) -> list[str]:
    """The GPUs that jobs may use, by the names that CUDA_VISIBLE_DEVICES takes; asks no library."""
    if "CUDA_VISIBLE_DEVICES" in environment:
        return [name for name in environment["CUDA_VISIBLE_DEVICES"].split(",") if name]
    if shutil.which("nvidia-smi") is None:
        return []
    asked = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return []
