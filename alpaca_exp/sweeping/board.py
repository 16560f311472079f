"""How a sweep goes, while it goes: live on a terminal; else a line a job, and a word when all is silent."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from alpaca_exp.progress import Pace
from alpaca_exp.sweeping.agenda import Unit
from alpaca_exp.sweeping.attempt import Outcome
from alpaca_exp.sweeping.table import line

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live

FIRST_WORD_S, LONGEST_SILENCE_S = 10.0, 60.0


@dataclass
class _Running:
    """What is being worked on, and at which of its parts."""

    title: str
    has_parts: bool = True
    since: float = field(default_factory=time.monotonic)
    part: str = ""

    @property
    def text(self) -> str:
        """`7 scale=large seed=1: train, 34 s`."""
        at = f"{self.part}, " if self.part and self.has_parts else ""
        return f"{self.title}: {at}{time.monotonic() - self.since:.0f} s"


class Board:
    """Shows what `total` jobs come to. To be closed before anything else is printed.

    It writes to what is standard output now, wherever a job's output goes later.
    """

    def __init__(self, total: int) -> None:
        self._total, self._ended, self._running = total, 0, dict[str, _Running]()
        self._pace, self._said = Pace(time.monotonic()), time.monotonic()
        self.meanwhile = ""
        """What is going on while nothing is known to run."""
        self._lock, self._closed = threading.RLock(), threading.Event()
        self._stream: TextIO = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8", errors="replace")
        self._live = self._begin_live() if self._stream.isatty() else None
        if self._live is None:
            threading.Thread(target=self._break_silence, daemon=True).start()

    def begin(self, unit: Unit) -> None:
        """Work on a unit begins."""
        if unit.part is None:
            self.begun(unit.job.number, unit.title)
            return
        with self._lock:
            self._running[_name(unit)] = _Running(unit.title, has_parts=False)

    def begun(self, number: int, title: str) -> None:
        """A job begins, here or elsewhere."""
        with self._lock:
            self._running.setdefault(str(number), _Running(f"{number} {title}"))

    def teller(self, unit: Unit) -> Callable[[str], None]:
        """What is to be told of each part of a unit."""

        def tell(part: str) -> None:
            with self._lock:
                if _name(unit) in self._running:
                    self._running[_name(unit)].part = part

        return tell

    def end(self, unit: Unit, outcome: Outcome) -> None:
        """A unit ended; of a job that another process has, nothing is said."""
        if unit.part is None:
            title = f"{unit.title} -> {outcome.result}" if outcome.result else unit.title
            self.ended(unit.job.number, title, outcome)
            return
        with self._lock:
            self._running.pop(_name(unit), None)
            if outcome.status not in ("busy", "done"):
                self.say(line(None, unit.title, outcome.status, outcome.seconds, outcome.error))

    def paused(self, number: int) -> None:
        """A job runs no longer, and has not ended: it waits for its next start."""
        with self._lock:
            self._running.pop(str(number), None)

    def ended(self, number: int, title: str, outcome: Outcome) -> None:
        """A job ended, here or elsewhere."""
        with self._lock:
            self._running.pop(str(number), None)
            if outcome.status == "busy":
                return
            self._ended += 1
            self._pace.advance(1, time.monotonic())
            self.say(line(number, title, outcome.status, outcome.seconds, outcome.error))

    def say(self, text: str) -> None:
        """A line for those who read along."""
        with self._lock:
            self._said = time.monotonic()
            if self._live is not None:
                self._live.console.print(text, highlight=False, markup=False, soft_wrap=True)
                return
            with suppress(BrokenPipeError):
                print(text, file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing more is to be shown."""
        self._closed.set()
        if self._live is not None:
            self._live.stop()
        with suppress(BrokenPipeError):
            self._stream.close()

    @property
    def summary(self) -> str:
        """`3 of 18 jobs, about 9 min left`."""
        left = self._pace.left(self._total)
        return f"{self._ended:,} of {self._total:,} jobs" + (f", {left}" if left else "")

    def _break_silence(self) -> None:
        pause = FIRST_WORD_S
        while not self._closed.wait(1.0):
            with self._lock:
                if self._closed.is_set() or time.monotonic() - self._said < pause:
                    continue
                running = "; ".join(one.text for one in self._running.values())
                now = f"now {running}" if running else self.meanwhile or "now between two jobs"
                self.say(f"{self.summary}; {now}")
            pause = min(2 * pause, LONGEST_SILENCE_S)

    def _begin_live(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        live = Live(self, console=Console(file=self._stream), refresh_per_second=4, transient=True)
        live.start()
        return live

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What the terminal shows below the lines: what runs now, and how far all is."""
        from rich.text import Text

        with self._lock:
            for one in self._running.values():
                yield Text(f"  {one.text}", no_wrap=True, overflow="ellipsis")
            idle = f"; {self.meanwhile}" if self.meanwhile and not self._running else ""
            yield Text(f"{self.summary}{idle}", style="bold")


def _name(unit: Unit) -> str:
    return unit.part.fingerprint if unit.part else str(unit.job.number)
