"""Ctrl-C and SIGTERM while asking: the work is wound down once, however often they come."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine
from types import FrameType
from typing import TypeVar

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(runner: asyncio.Runner, work: Coroutine[None, None, T]) -> T:
    """What `work` returns. A signal cancels it; when it has ended, the signal goes to its earlier handler.

    So no KeyboardInterrupt breaks into a write, and a second and a third Ctrl-C change nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        return runner.run(work)
    loop, heard = runner.get_loop(), list[int]()
    task: asyncio.Task[T] | None = None

    def heed(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        if task and len(heard) == 1:
            loop.call_soon_threadsafe(task.cancel)  # wakes a loop that waits for the network

    async def watched() -> T:
        nonlocal task
        task = asyncio.current_task()
        if heard and task:
            task.cancel()
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
        for number, handler in before.items():
            signal.signal(number, handler)
        if heard:
            signal.raise_signal(heard[0])
    raise KeyboardInterrupt  # where nobody else does
