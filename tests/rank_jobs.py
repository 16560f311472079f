"""Stages for several ranks that need no torch."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError, Stopped
from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.tuning.ranks import Joined, over_devices, place


@over_devices
def introduces_itself(name: str, *, runtime: RuntimeConfig, out: Path) -> None:
    """Every rank writes the same file, and a note into the folder that all share."""
    (out / "who").write_text(name)
    rank = place().rank
    place().shared(out / f"note-{rank}").write_text(
        f"{rank} of {place().world} at {os.environ['LOCAL_RANK']}"
    )
    if rank:
        raise Joined


@over_devices
def fails(how: str, *, runtime: RuntimeConfig, out: Path) -> None:
    """The second rank fails; the first would wait for it for ever."""
    if place().rank == 1:
        if how == "input":
            raise InputError("The second rank found nothing to learn; look at it.")
        if how == "bug":
            raise ZeroDivisionError("a bug of the second rank")
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)


@over_devices
def waits(*, runtime: RuntimeConfig, out: Path) -> None:
    """Until it is told to stop."""

    def stop(*_: object) -> None:
        raise Stopped("stopped after step 3 of 8; run the same command to go on")

    signal.signal(signal.SIGTERM, stop)
    place().shared(out / f"pid-{place().rank}").write_text(str(os.getpid()))
    time.sleep(600)


def makes_data(*, out: Path) -> None:
    """What both machines wait for."""
    (out / "rows").write_text("three")


@over_devices
def trains_together(*, data: Artifact, runtime: RuntimeConfig, out: Path) -> None:
    """The first rank ends when all have been there."""
    assert (data / "rows").read_text() == "three"
    rank, world = place().rank, place().world
    place().shared(out / f"rank-{rank}").write_text("here")
    if rank:
        raise Joined
    while len(list(out.glob("rank-*"))) < world:
        time.sleep(0.01)
    (out / "model").write_text("trained")
