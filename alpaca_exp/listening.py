"""Listening to how work goes: when each piece was done, and how much memory it took; in any process."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

LISTENER = "ALPACA_EXP_LISTENER"
"""Names the file that is told: in the environment, since a training's ranks are processes of their own."""


class Advancing(Protocol):
    """What is told of every piece of work done."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """`n` more units are done."""
        ...


@dataclass(frozen=True)
class Heard:
    """One piece of work that showed its progress."""

    title: str
    start: float
    end: float
    pieces: tuple[tuple[float, int], ...]
    """When, and how many units; times are those of one clock for all processes."""
    memory: int
    """The process's peak since it began, or since `forget_peak`, in bytes."""
    gpu_memory: int

    @property
    def units(self) -> int:
        """How much was done."""
        return sum(n for _, n in self.pieces)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start

    @property
    def last_unit(self) -> float:
        """Seconds of the last unit: the first ones also set things up."""
        done = [at for at, n in self.pieces if n]
        if len(done) < 2:
            return self.seconds / max(1, self.units)
        last = next(n for _, n in reversed(self.pieces) if n)
        return (done[-1] - done[-2]) / last


@contextmanager
def told(title: str, steps: Advancing) -> Iterator[Advancing]:
    """`steps`, and whoever listens is told of it too."""
    file = os.environ.get(LISTENER)
    if not file:
        yield steps
        return
    ear, start = _Ear(steps), time.monotonic()
    try:
        yield ear
    finally:
        row = [title, start, time.monotonic(), ear.pieces, peak(), gpu_peak()]
        with open(file, "a", encoding="utf-8") as lines:
            lines.write(json.dumps(row) + "\n")


@contextmanager
def listening(file: Path) -> Iterator[None]:
    """While inside, all progress of this process and its children is noted in `file`."""
    os.environ[LISTENER] = str(file.absolute())
    try:
        yield
    finally:
        del os.environ[LISTENER]


def heard(file: Path) -> list[Heard]:
    """What was noted, in the order in which it ended."""
    if not file.exists():
        return []
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        title, start, end, pieces, memory, gpu_memory = json.loads(line)
        found.append(Heard(title, start, end, tuple(map(tuple, pieces)), memory, gpu_memory))
    return found


def forget_peak() -> None:
    """Let the peak of memory begin anew, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def peak() -> int:
    """The most memory that this process had since then, in bytes."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def gpu_peak() -> int:
    """The same of the GPU, as its allocator reserved it; 0 without one. Loads no torch."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return 0
    return int(torch.cuda.max_memory_reserved())


class _Ear:
    def __init__(self, steps: Advancing) -> None:
        self._steps = steps
        self.pieces: list[tuple[float, int]] = []

    def advance(self, n: int = 1, note: str = "") -> None:
        self.pieces.append((time.monotonic(), n))
        self._steps.advance(n, note)
