"""How far a long piece of work is: a bar on a terminal, sparse lines in a log, silence for short work."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol, TextIO

from alpaca_exp.listening import told

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

QUIET_S = 2.0
"""Work that ends sooner than this leaves no line in a log."""
LONGEST_SILENCE_S = 60.0
FEWEST_PIECES, SHORTEST_S = 3, 2.0
"""Before so much is done, and so much time has passed, nothing is foretold."""
SMOOTHED_OVER_S = 30.0
"""What was done longer ago counts less and less for the rate."""


_names: ContextVar[tuple[str, str]] = ContextVar("names", default=("", ""))


class Steps(Protocol):
    """What `progress` hands out: something that is told of every piece of work done."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """`n` more units are done; `note` replaces the text at the end of the line (dollars, say)."""
        ...


def show_as(title: str, name: str) -> None:
    """From now on show work titled `title` as `name`: the stage `complete` is several parts of a plan."""
    _names.set((title, name))


@contextmanager
def progress(
    title: str, total: int | None, unit: str, *, longest_silence: float = LONGEST_SILENCE_S
) -> Iterator[Steps]:
    """Show on stderr how `total` units of work advance (null: nobody knows how many).

    A terminal gets a live bar with the rate, the time left and the note. A pipe gets a plain line
    now and then, the pauses growing to `longest_silence` seconds, and none for work of under two seconds.
    """
    with _shown(title, total, unit, longest_silence) as steps, told(title, steps) as listened:
        yield listened


@contextmanager
def _shown(title: str, total: int | None, unit: str, longest_silence: float) -> Iterator[Steps]:
    given, name = _names.get()
    title = name if title == given else title
    if sys.stderr.isatty():
        with _bar() as bar:
            task = bar.add_task(title, total=total, unit=unit, note="", rate="", left="")
            yield _Live(bar, task, total)
    else:
        lines = Lines(title, total, unit, longest_silence=longest_silence)
        try:
            yield lines
        finally:
            lines.close()


class Lines:
    """Progress for a log file: `generate: 120 of 2,400 requests, 34 s, about 11 min left, $0.12`."""

    def __init__(
        self,
        title: str,
        total: int | None,
        unit: str,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        longest_silence: float = LONGEST_SILENCE_S,
    ) -> None:
        self._title, self._total, self._unit = title, total, unit
        self._longest = longest_silence
        self._stream, self._clock = stream, clock
        self._pace = Pace(clock())
        self._due, self._pause = clock() + QUIET_S, QUIET_S
        self._written, self._note = -1, ""

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count, and write a line where one is due."""
        now = self._clock()
        self._pace.advance(n, now)
        self._note = note or self._note
        if now >= self._due:
            self._write(now)
            self._pause = min(2 * self._pause, self._longest)
            self._due = now + self._pause

    def close(self) -> None:
        """The last line, where the work took long enough for one."""
        now = self._clock()
        if now - self._pace.start >= QUIET_S and self._written != self._pace.done:
            self._write(now)

    def _write(self, now: float) -> None:
        self._written = done = self._pace.done
        amount = f"{done:,}" if self._total is None else f"{done:,} of {self._total:,}"
        seconds = f"{now - self._pace.start:.0f} s"
        parts = [f"{self._title}: {amount} {self._unit}", seconds, self._pace.left(self._total), self._note]
        print(", ".join(part for part in parts if part), file=self._stream or sys.stderr, flush=True)


class Pace:
    """How much is done, how fast of late, and how long the rest will take."""

    def __init__(self, start: float) -> None:
        self.start, self.done = start, 0
        self._last, self._pieces = start, 0
        self._units = self._seconds = 0.0

    def advance(self, n: int, now: float) -> None:
        """`n` more units are done. The older a piece, the less it counts for the rate."""
        passed = now - self._last
        kept = math.exp(-passed / SMOOTHED_OVER_S)
        self._units, self._seconds = kept * self._units + n, kept * self._seconds + passed
        self._last, self.done, self._pieces = now, self.done + n, self._pieces + 1

    @property
    def rate(self) -> float | None:
        """Units a second; None as long as too little is done to know."""
        early = self._pieces < FEWEST_PIECES or self._last - self.start < SHORTEST_S
        return None if early or not self._units else self._units / self._seconds

    def left(self, total: int | None) -> str:
        """How long the rest will take, in words; nothing where that is not known."""
        if not total or self.done >= total or self.rate is None:
            return ""
        seconds = (total - self.done) / self.rate
        for limit, unit, size in ((120, "s", 1), (7200, "min", 60)):
            if seconds < limit:
                return f"about {seconds / size:.0f} {unit} left"
        return f"about {seconds / 3600:.0f} h left"


class _Live:
    def __init__(self, bar: Progress, task: TaskID, total: int | None) -> None:
        self._bar, self._task, self._total, self._note = bar, task, total, ""
        self._pace = Pace(time.monotonic())

    def advance(self, n: int = 1, note: str = "") -> None:
        self._pace.advance(n, time.monotonic())
        self._note = note or self._note
        rate, left = self._pace.rate, self._pace.left(self._total)
        shown = f"{rate:,.1f}/s" if rate else ""
        self._bar.update(self._task, advance=n, rate=shown, left=left, note=self._note)


def _bar() -> Progress:
    from rich import progress as rich
    from rich.console import Console

    return rich.Progress(
        rich.TextColumn("{task.description}"),
        rich.BarColumn(bar_width=24),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[unit]} {task.fields[rate]}"),
        rich.TimeElapsedColumn(),
        rich.TextColumn("{task.fields[left]}"),
        rich.TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
    )
