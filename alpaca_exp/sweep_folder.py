"""What a sweep's folder tells, to whoever reads it: how it was asked for, and what became of each job.

`sweep.json` says how the sweep was last asked for, and which jobs that were. `jobs.jsonl` is only ever
appended to, a row at a job's every change; the last row of a job tells how it is.
Rows are {job, overrides, label, key, fingerprints, status, started, seconds, error, log, run, by}; a status
is waiting, running, done, failed, pruned or stopped. A running job whose lock nobody holds was killed.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from alpaca_exp.errors import InputError
from alpaca_exp.records import Row

SWEEP, JOBS, LOG = "sweep.json", "jobs.jsonl", "job.log"
TRIALS = "trials.jsonl"
"""Of a study: its trials, whose numbers are those of their jobs."""
SUBMISSIONS = "slurm.jsonl"
"""What was handed to SLURM."""
LOCKS = ".locks"
AT_WORK = ("sweep-", "asker-")
"""How the locks of processes that run a sweep, or a study, begin."""
LOST = "its process ended without a word"
KILLED = f"{LOST}; starting the sweep again runs it again"
ENDED_WELL = ("done", "found", "pruned")


@dataclass(frozen=True)
class Entry:
    """What one job came to."""

    number: int
    label: str
    status: str
    """As in its row; killed; found, queued: as who asked for the sweep, or SLURM, knows besides.

    retried: a trial that came to nothing, whose point another one has taken up.
    """
    seconds: float | None = None
    error: str | None = None
    log: Path | None = None


@dataclass(frozen=True)
class Axis:
    """Of a study: a parameter of its parallel coordinates, with marks at places between 0 and 1."""

    name: str
    log: bool
    marks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Line:
    """Of a study: a complete trial across the axes; None where a parameter did not count in it."""

    number: int
    places: tuple[float | None, ...]
    values: tuple[float | None, ...]


def entry(row: Row, sweep: Path) -> Entry:
    """A job as its last row, and its lock, tell of it."""
    state, number, error = str(row.get("status")), int(row["job"]), row.get("error")
    if state == "running" and not is_claimed(sweep, number):
        state, error = "killed", KILLED
    label = str(row.get("label") or " ".join(row.get("overrides", [])))
    log = sweep / str(row["log"]) if row.get("log") else None
    return Entry(number, label, state, row.get("seconds"), error, log)


def entries(sweep: Path) -> list[Entry]:
    """All jobs, as `entry` tells of each, and as their study does of those that it tried again."""
    again = successors(sweep)
    return [succeeded(entry(row, sweep), again) for row in read(sweep).values()]


def successors(sweep: Path) -> dict[int, tuple[int, bool]]:
    """Of the trials whose points were queued again: as which trial, and whether that one has begun."""
    found = {}
    for line in _lines(sweep / TRIALS):
        row = json.loads(line)
        if row.get("retry_of") is not None:
            found[int(row["retry_of"])] = int(row["number"]), row["state"] != "waiting"
    return found


def succeeded(one: Entry, again: Mapping[int, tuple[int, bool]]) -> Entry:
    """`one`, with the trial that took up its point, if there is one."""
    if one.number not in again or one.status in ENDED_WELL:
        return one
    number, has_begun = again[one.number]
    why = (LOST if one.error == KILLED else one.error or LOST).partition("\n")[0]
    if not has_begun:
        return replace(one, error=f"{why}; its point is queued again, as trial {number}")
    return replace(one, status="retried", error=f"{why}; tried again as trial {number}")


def read(sweep: Path) -> dict[int, Row]:
    """The last row of each job, by its number. A line that a kill cut short is passed over."""
    found: dict[int, Row] = {}
    for line in _lines(sweep / JOBS):
        try:
            row = json.loads(line)
            found[int(row["job"])] = row
        except (ValueError, KeyError, TypeError):
            continue
    return dict(sorted(found.items()))


def described(sweep: Path) -> Row:
    """What `sweep.json` says; nothing where there is none. Raises InputError where it cannot be read."""
    try:
        found = json.loads((sweep / SWEEP).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise InputError(f"{sweep / SWEEP} cannot be read as JSON; delete it: the jobs stay known") from None
    return dict(found)


@contextmanager
def at_work(sweep: Path) -> Iterator[None]:
    """While inside, whoever looks sees that this process runs the sweep."""
    name = f"{AT_WORK[0]}{platform.node()}-{os.getpid()}"
    try:
        with lock(sweep, name):
            yield
    finally:
        (sweep / LOCKS / f"{name}.lock").unlink(missing_ok=True)


def is_worked_at(sweep: Path, rows: Mapping[int, Row]) -> bool:
    """Whether a process runs the sweep: hands its jobs out, or is at one of these."""
    locks = sorted((sweep / LOCKS).glob("*.lock"))
    names = [file.stem for file in locks if file.stem.startswith(AT_WORK)]
    names += [str(number) for number, row in rows.items() if row.get("status") == "running"]
    return any(is_claimed(sweep, name) for name in names)


@contextmanager
def claimed(sweep: Path, number: int | str) -> Iterator[bool]:
    """Claim a job for this process, or be told that another has it. A dead process has nothing."""
    held = lock(sweep, number)
    try:
        held.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        held.release()


def is_claimed(sweep: Path, number: int | str) -> bool:
    """Whether some process has claimed the job."""
    if not (sweep / LOCKS / f"{number}.lock").exists():
        return False
    with claimed(sweep, number) as ours:
        return not ours


def lock(sweep: Path, name: int | str) -> FileLock:
    """The lock of a job, or of what has this name."""
    (sweep / LOCKS).mkdir(parents=True, exist_ok=True)
    return FileLock(sweep / LOCKS / f"{name}.lock")


def _lines(path: Path) -> Iterator[str]:
    if path.exists():
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from file
