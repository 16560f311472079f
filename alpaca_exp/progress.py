"""How far a long piece of work is: a bar on a terminal, sparse lines in a log, silence for short work."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

QUIET_S = 2.0
"""Work that ends sooner than this leaves no line in a log."""
LONGEST_SILENCE_S = 60.0


class Steps(Protocol):
    """What `progress` hands out: something that is told of every piece of work done."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """`n` more units are done; `note` replaces the text at the end of the line (dollars, say)."""
        ...


@contextmanager
def progress(title: str, total: int | None, unit: str) -> Iterator[Steps]:
    """Show on stderr how `total` units of work advance (null: nobody knows how many).

    A terminal gets a live bar with the rate, the time left and the note. A pipe gets a plain line
    now and then, the pauses between them growing to a minute, and none for work of under two seconds.
    """
    if sys.stderr.isatty():
        with _bar() as bar:
            yield _Live(bar, bar.add_task(title, total=total, unit=unit, note="", rate=""))
    else:
        lines = Lines(title, total, unit)
        try:
            yield lines
        finally:
            lines.close()


class Lines:
    """Progress for a log file: `generate: 120 of 2,400 requests, 34 s, about 645 s left, $0.12`."""

    def __init__(
        self,
        title: str,
        total: int | None,
        unit: str,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title, self._total, self._unit = title, total, unit
        self._stream, self._clock = stream, clock
        self._start = clock()
        self._due, self._pause = self._start + QUIET_S, QUIET_S
        self._done, self._written, self._note = 0, -1, ""

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count, and write a line where one is due."""
        self._done += n
        self._note = note or self._note
        now = self._clock()
        if now >= self._due:
            self._write(now)
            self._pause = min(2 * self._pause, LONGEST_SILENCE_S)
            self._due = now + self._pause

    def close(self) -> None:
        """The last line, where the work took long enough for one."""
        now = self._clock()
        if now - self._start >= QUIET_S and self._written != self._done:
            self._write(now)

    def _write(self, now: float) -> None:
        self._written = self._done
        seconds = now - self._start
        amount = f"{self._done:,}" if self._total is None else f"{self._done:,} of {self._total:,}"
        parts = [f"{self._title}: {amount} {self._unit}", f"{seconds:.0f} s"]
        if self._total and 0 < self._done < self._total:
            parts.append(f"about {seconds / self._done * (self._total - self._done):.0f} s left")
        parts += [self._note] if self._note else []
        print(", ".join(parts), file=self._stream or sys.stderr, flush=True)


class _Live:
    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task, self._note = bar, task, ""

    def advance(self, n: int = 1, note: str = "") -> None:
        self._bar.advance(self._task, n)
        speed = self._bar.tasks[self._task].speed
        self._note = note or self._note
        self._bar.update(self._task, rate=f"{speed:,.1f}/s" if speed else "", note=self._note)


def _bar() -> Progress:
    from rich import progress as rich
    from rich.console import Console

    return rich.Progress(
        rich.TextColumn("{task.description}"),
        rich.BarColumn(bar_width=24),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[unit]} {task.fields[rate]}"),
        rich.TimeElapsedColumn(),
        rich.TimeRemainingColumn(compact=True),
        rich.TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
    )
