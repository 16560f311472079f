"""Being asked to stop: SIGTERM from a batch system, Ctrl-C from a person."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)
Handler = Callable[[int, FrameType | None], None]


@contextmanager
def heeding(handler: Handler) -> Iterator[None]:
    """While inside, `handler` is told of the signals; not in other threads, where Python allows none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    listen(handler)
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def listen(handler: Handler) -> None:
    """Let `handler` be told of the signals from now on."""
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, handler)
