"""What SLURM says of jobs, and what it is told: squeue, sacct, scancel, scontrol."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

WAIT_S = 60.0
"""How long a controller may take to answer."""
ARRAY = 1000
"""Tasks of an array, where SLURM does not say how many it takes."""
ENDED = frozenset(
    {
        "COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "DEADLINE",
        "OUT_OF_MEMORY", "REVOKED",
    }
)  # fmt: skip
GONE = "GONE"
"""SLURM knows the job no longer: it ended a while ago, and no books are kept."""
_NO_SUCH_JOB = "Invalid job id"
_OF_A_JOB = re.compile(r"SLURM_(?!CONF$|CLUSTERS$)|SLURMD_|SRUN_|SBATCH_(CPU|MEM)_BIND|SUBMITIT_")
"""Variables of the job that this process itself may be a part of."""


@dataclass(frozen=True)
class State:
    """How SLURM says that a job stands."""

    name: str
    """PENDING, RUNNING, CANCELLED and the like."""
    reason: str = ""
    """Why it waits, or where it runs."""
    exit_code: str = ""
    """What accounting has: `0:9` was killed by signal 9."""

    @property
    def ended(self) -> bool:
        """Whether it will never run again by itself."""
        return self.name in ENDED or self.name == GONE

    @property
    def runs(self) -> bool:
        """Whether it has begun."""
        return not self.ended and self.name not in ("PENDING", "REQUEUED", "CONFIGURING", "REQUEUE_HOLD")


def installed() -> bool:
    """Whether SLURM's commands are on PATH."""
    return shutil.which("sbatch") is not None and shutil.which("squeue") is not None


def states(names: Mapping[str, str]) -> dict[str, State] | None:
    """How each job stands. `names`: job ids (`12`, `12_3` for a task of an array) with the jobs' names.

    One question for all of them; a second one, to accounting, for those that the queue has forgotten. None:
    no answer, for now.
    """
    queued = _queued({job.partition("_")[0] for job in names}, set(names.values()))
    if queued is None:
        return None
    missing = [job for job in names if job not in queued]
    booked = _booked({job.partition("_")[0] for job in missing}) if missing else {}
    return {job: queued.get(job) or booked.get(job) or State(GONE) for job in names}


def is_running(job: str) -> bool | None:
    """Whether SLURM lets the job go on; None: it gives no answer."""
    said = _asked("squeue", "-h", "-j", job, "-o", "%T")
    return None if said is None else said.strip() == "RUNNING"


def requeue(job: str) -> bool:
    """Put a running job back into the queue. Returns whether SLURM did."""
    return _asked("scontrol", "requeue", job) is not None


def cancel(jobs: Collection[str]) -> None:
    """End jobs, or take them out of the queue."""
    if jobs:
        _asked("scancel", *sorted(jobs))


def largest_array() -> int:
    """How many tasks SLURM lets one array have."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", _asked("scontrol", "show", "config") or "", re.MULTILINE)
    return max(1, int(found[1]) - 1) if found else ARRAY


def first_host(nodes: str) -> str:
    """Where the first machine of a list such as `node[3-7]` is reached: by its name, else as SLURM does."""
    said = (_asked("scontrol", "show", "hostnames", nodes) or "").split()
    first = said[0] if said else nodes
    try:
        socket.getaddrinfo(first, None)
    except OSError:
        found = re.search(r"\bNodeAddr=(\S+)", _asked("scontrol", "-o", "show", "node", first) or "")
        return found[1] if found else first
    return first


@contextmanager
def outside_of_any_job() -> Iterator[None]:
    """Hide the variables of the job that this process is a part of: sbatch and srun would obey them."""
    hidden = {name: os.environ.pop(name) for name in [*os.environ] if _OF_A_JOB.match(name)}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _queued(ids: set[str], names: set[str]) -> dict[str, State] | None:
    """What the queue has of ours, those that ended a moment ago too."""
    told = ("squeue", "-h", "-r", "-t", "all", "-u", getpass.getuser(), "-j", ",".join(sorted(ids)))
    said = _asked(*told, "-o", "%i|%T|%j|%R")
    if said is None:
        return None
    rows = [line.split("|", 3) for line in said.splitlines() if line.count("|") >= 3]
    # After a controller forgot everything, numbers begin anew: a job of another name is not ours.
    return {job: State(state, reason.strip("()")) for job, state, name, reason in rows if name in names}


def _booked(ids: set[str]) -> dict[str, State]:
    """What accounting has, where there is any."""
    told = ("sacct", "-n", "-P", "-X", "-j", ",".join(sorted(ids)), "-o", "JobID,State,ExitCode")
    said = _asked(*told) or ""
    rows = [line.split("|") for line in said.splitlines() if line.count("|") == 2]
    return {job: State(state.split()[0], "", code) for job, state, code in rows if state}


def _asked(*words: str) -> str | None:
    """What a command says; nothing for jobs that it does not know; None where it fails otherwise."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=WAIT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode == 0:
        return done.stdout
    return "" if _NO_SUCH_JOB in done.stderr else None
