"""The processes (ranks) that train one model together: each runs the same stage with the same arguments.

Lightning's own launcher would run the whole command line again in every process: the plan, the locks, the
journal. Here the process that runs the experiment starts the ranks of one stage, hands each the very call
that it was given, so this job's own configuration, and waits. The first rank writes the stage's folder. The
others write into a scratch folder that nobody keeps: whatever a stage writes, it is written once.
"""

from __future__ import annotations

import functools
import json
import math
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from alpaca_exp.errors import AlpacaExpError, InputError, Interrupted, Pruned, Stopped
from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.tuning.signals import heeding

POLL_S = 0.05
GRACE_S = 20.0
"""How long the other ranks may go on once one of them has ended: all are asked to stop at once, say."""
LOG_TAIL = 3000


@dataclass(frozen=True)
class Place:
    """Which of the ranks a process is."""

    rank: int = 0
    world: int = 1
    scratch: Path | None = None
    """What this rank was given in place of"""
    folder: Path | None = None
    """the stage's folder; None: it has that one itself."""

    def shared(self, path: Path) -> Path:
        """What the first rank calls `path`: for what all ranks read, or write together."""
        if self.folder is None or self.scratch is None:
            return path
        return self.folder / path.relative_to(self.scratch)


@dataclass(frozen=True)
class Job:
    """What a rank is told."""

    call: Callable[[], None]
    place: Place
    environment: Mapping[str, str]
    """Where the ranks meet, and which of this machine's devices is this one's: what Lightning reads."""
    scratch: Path

    @property
    def failure(self) -> Path:
        """Where a failure is written: its kind, and the sentence."""
        return self.scratch / "failure.json"

    @property
    def log(self) -> Path:
        """What a rank other than the first says."""
        return self.scratch / "log"


class Joined(Exception):
    """A rank other than the first has done its part: what follows the training is the first one's work."""


_place = Place()


def place() -> Place:
    """Which of the ranks this process is; the only one where there is no other."""
    return _place


def over_devices(stage: Callable[..., None]) -> Callable[..., None]:
    """`stage`, run by as many ranks as its `runtime` asks for; by this very process where that is one."""

    @functools.wraps(stage)
    def run(*args: Any, runtime: RuntimeConfig, out: Path, **others: Any) -> None:
        local = 1 if place().world > 1 else devices(runtime)
        if place().world > 1 or local * runtime.num_nodes == 1:
            stage(*args, runtime=runtime, out=out, **others)
            return
        with tempfile.TemporaryDirectory(prefix="ranks-") as scratch:
            call = functools.partial(run, *args, runtime=runtime, **others)
            _together(_jobs(call, out, local, runtime.num_nodes, Path(scratch)))

    return run


def devices(runtime: RuntimeConfig) -> int:
    """How many devices of this machine train one model."""
    if runtime.devices != "auto":
        return int(runtime.devices)
    import torch

    return torch.cuda.device_count() or 1 if runtime.accelerator != "cpu" else 1


def node() -> int:
    """Which of the machines that train one model this is, counted from 0."""
    told = next((os.environ[name] for name in ("NODE_RANK", "SLURM_NODEID") if name in os.environ), None)
    if told is None:
        raise InputError(
            "runtime.num_nodes is above 1, but nothing says which of the machines this is; start the command "
            "once on each, with srun --ntasks-per-node=1 or with NODE_RANK=0, 1, ... in its environment"
        )
    return int(told)


def take(job: Job) -> int:
    """Be a rank. Returns the exit code; what went wrong is in `job.failure`."""
    global _place
    _place = job.place
    os.environ.update(job.environment)
    try:
        job.call()
    except Joined:
        return 0
    except AlpacaExpError as error:
        kind = next(kind for kind in (Pruned, Stopped, AlpacaExpError) if isinstance(error, kind))
        job.failure.write_text(json.dumps([kind.__name__, str(error)]), encoding="utf-8")
        return error.exit_code
    return 0


def _jobs(call: Callable[..., None], out: Path, local: int, nodes: int, scratch: Path) -> list[Job]:
    """One for each device of this machine."""
    this = node() if nodes > 1 else 0
    meeting = _meeting_point(nodes)
    jobs = []
    for device in range(local):
        rank, own = this * local + device, scratch / str(device)
        own.mkdir()
        jobs.append(
            Job(
                functools.partial(call, out=own if rank else out),
                Place(rank, local * nodes, own, out) if rank else Place(rank, local * nodes),
                meeting | {"LOCAL_RANK": str(device), "NODE_RANK": str(this)},
                own,
            )
        )
    return jobs


def _meeting_point(nodes: int) -> dict[str, str]:
    """Where the first rank listens: on this machine, or as the user says."""
    if nodes == 1:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    if "MASTER_ADDR" not in os.environ or "MASTER_PORT" not in os.environ:
        raise InputError(
            "runtime.num_nodes is above 1, but MASTER_ADDR and MASTER_PORT are not set; export the first "
            "machine's name and a free port of its, the same on all machines"
        )
    return {name: os.environ[name] for name in ("MASTER_ADDR", "MASTER_PORT")}


def _together(jobs: Sequence[Job]) -> None:
    """Run the jobs side by side to their end. Raises what the first of those that failed raised."""
    started: list[subprocess.Popen[bytes]] = []
    stops: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        at_once = bool(stops) and number == signal.SIGINT
        stops.append(number)
        for process in started:
            process.send_signal(signal.SIGKILL if at_once else signal.SIGTERM)

    with heeding(pass_on):
        try:
            for job in jobs:
                started.append(_started(job))
            failed = _first_failed(started)
        finally:
            for process in started:
                process.kill()
                process.communicate()
    if failed is not None:
        _raise_failure(jobs, failed, started[failed].returncode, bool(stops))


def _started(job: Job) -> subprocess.Popen[bytes]:
    """The rank's process. Its input stays open as long as we live, and it ends when that is closed."""
    with job.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "alpaca_exp.tuning.rank"],
            stdin=subprocess.PIPE,
            stdout=log if job.place.rank else None,
            stderr=log if job.place.rank else None,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # Ctrl-C reaches us alone, and we pass it on
        )
    assert process.stdin is not None
    pickle.dump(job, process.stdin)
    process.stdin.flush()
    return process


def _first_failed(started: Sequence[subprocess.Popen[bytes]]) -> int | None:
    """Which one failed first, once all have ended, or the others had their time; None: the work is done."""
    failed, end = None, math.inf
    while None in (codes := [process.poll() for process in started]):
        if end == math.inf and (codes[0] == 0 or any(codes)):
            failed = next((number for number, code in enumerate(codes) if code), None)
            end = time.monotonic() + GRACE_S
        if time.monotonic() > end:
            break
        time.sleep(POLL_S)
    if codes[0] == 0:
        return None
    return next(number for number, code in enumerate(codes) if code) if failed is None else failed


def _raise_failure(jobs: Sequence[Job], failed: int, code: int, stopped: bool) -> None:
    for job in jobs:
        if job.failure.exists():
            kind, sentence = json.loads(job.failure.read_text(encoding="utf-8"))
            if kind == Pruned.__name__:
                raise Pruned(sentence)
            stop = Interrupted if stopped else Stopped
            raise stop(sentence) if kind == Stopped.__name__ else InputError(sentence)
    if stopped:
        raise Interrupted("stopped; run the same command to go on from the last checkpoint")
    place, log = jobs[failed].place, jobs[failed].log.read_text(errors="replace")[-LOG_TAIL:]
    raise RuntimeError(f"rank {place.rank} of {place.world} ended with {code}: {log or 'see above'}")
