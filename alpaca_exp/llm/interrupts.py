"""Ctrl-C and SIGTERM while asking: what was paid for is awaited, and the work is wound down once."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import TypeVar

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM)
ONE_MOMENT_S = 0.3
"""Signals that follow the first one so soon mean the same: a shell, or a launcher, sends it twice."""


def run(
    runner: asyncio.Runner, work: Coroutine[None, None, T], wind_down: Callable[[], float] = lambda: 0.0
) -> T:
    """What `work` returns. A signal ends it; when it has ended, the signal goes to its earlier handler.

    `wind_down` is called at the first signal; it returns for how many seconds `work` may go on to end by
    itself. Then, or at a second signal, it is cancelled. So no KeyboardInterrupt breaks into a write.
    """
    if threading.current_thread() is not threading.main_thread():
        return runner.run(work)
    loop, heard = runner.get_loop(), list[int]()
    ending = _Ending(loop, wind_down)

    def heed(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        loop.call_soon_threadsafe(ending.heed)  # wakes a loop that waits for the network

    async def watched() -> T:
        ending.task = asyncio.current_task()
        return await work

    before = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, heed)
    try:
        return runner.run(watched())
    except asyncio.CancelledError:
        if not heard:
            raise
    finally:
        ending.over()
        for number, handler in before.items():
            signal.signal(number, handler)
        if heard:
            signal.raise_signal(heard[0])
    raise KeyboardInterrupt  # where nobody else does


class _Ending:
    """The end of a task, in the loop's own thread: a grace, then one cancellation."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wind_down: Callable[[], float]) -> None:
        self.task: asyncio.Task[object] | None = None
        self._loop, self._wind_down = loop, wind_down
        self._first: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def heed(self) -> None:
        """A signal came."""
        now = time.monotonic()
        if self._first is None:
            self._first = now
            grace = self._wind_down()
            self._timer = self._loop.call_later(grace, self._cancel) if grace > 0 else None
            if self._timer is None:
                self._cancel()
        elif now - self._first > ONE_MOMENT_S:
            self._cancel()

    def over(self) -> None:
        """The task has ended: nothing is left to cancel."""
        self.task = None
        if self._timer:
            self._timer.cancel()

    def _cancel(self) -> None:
        task, self.task = self.task, None
        if task:
            task.cancel()
