"""One maker at a time: a lock that ends with the process that holds it."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from alpaca_exp.provenance import now


@contextmanager
def hold(lock: Path, what: str) -> Iterator[None]:
    """Hold `lock`, waiting for another process that does; says once whom it waits for.

    The operating system gives the lock back when its holder dies, however it dies, so a dead
    holder's lock is simply taken.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        print(f"waiting for {what}: {_holder(lock)} is making it", file=sys.stderr, flush=True)
        held.acquire()
    try:
        _sign(lock)
        yield
    finally:
        held.release()


def _sign(lock: Path) -> None:
    """Leave our name for those who wait. The name is for people only: the lock is the system's."""
    signature = {"pid": os.getpid(), "host": platform.node(), "since": now()}
    lock.with_suffix(".holder").write_text(json.dumps(signature), encoding="utf-8")


def _holder(lock: Path) -> str:
    try:
        signature = json.loads(lock.with_suffix(".holder").read_text(encoding="utf-8"))
        return f"process {signature['pid']} on {signature['host']} (since {signature['since']})"
    except (OSError, ValueError, KeyError):
        return "another process"
