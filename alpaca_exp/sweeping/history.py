"""What a sweep's folder tells: `sweep.json`, how it was asked for, and `jobs.jsonl`, what became of each job.

`jobs.jsonl` is only ever appended to, a row at a job's every change; the last row of a job tells how it is.
Rows are {job, overrides, label, key, fingerprints, status, started, seconds, error, log, run, by}; a status
is waiting, running, done, failed, pruned or stopped. A running job whose lock nobody holds was killed.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from alpaca_exp import provenance
from alpaca_exp.errors import InputError
from alpaca_exp.records import Row, write_json
from alpaca_exp.sweeping.jobs import Job

SWEEP, JOBS, LOG = "sweep.json", "jobs.jsonl", "job.log"
LOCKS = ".locks"


def numbered(jobs: Sequence[Job], sweep: Path) -> list[Job]:
    """`jobs` with their numbers: those that were known keep theirs, new ones take the next."""
    with _writing(sweep):
        known = {str(row["key"]): number for number, row in read(sweep).items()}
        free = max(known.values(), default=-1) + 1
        new = [job for job in jobs if job.key not in known]
        numbers = known | {job.key: free + index for index, job in enumerate(new)}
        found = [replace(job, number=numbers[job.key]) for job in jobs]
        fresh = {job.key for job in new}
        _append(sweep, [row(job, "waiting") for job in found if job.key in fresh])
    return found


def row(
    job: Job,
    status: str,
    *,
    started: str | None = None,
    seconds: float | None = None,
    error: str | None = None,
    log: str | None = None,
) -> Row:
    """A row of `jobs.jsonl`."""
    return {
        "job": job.number,
        "overrides": list(job.overrides),
        "label": job.label,
        "key": job.key,
        "fingerprints": job.fingerprints,
        "status": status,
        "started": started,
        "seconds": seconds,
        "error": error,
        "log": log or f"{job.number}/{LOG}",
        "run": f"{job.number}/run.json" if status == "done" else None,
        "by": {"pid": os.getpid(), "host": platform.node()},
    }


def append(sweep: Path, rows: Sequence[Row]) -> None:
    """Add `rows` to `jobs.jsonl`, whole, whoever else does so at the same time."""
    with _writing(sweep):
        _append(sweep, rows)


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


def describe(
    sweep: Path, kind: str, asked: Mapping[str, object], jobs: int, command: Sequence[str]
) -> Row | None:
    """Write `sweep.json`. Returns what it said before, where something else was asked for.

    Raises InputError where the folder holds a sweep of another kind, whose jobs have the same numbers.
    """
    before = described(sweep)
    if before.get("kind", kind) != kind:
        raise InputError(f"{sweep} holds a {before['kind']}, and this is a {kind}; choose another name=...")
    told = {
        "name": sweep.name,
        "kind": kind,
        kind: dict(asked),
        "jobs": jobs,
        "command": list(command),
        "created": before.get("created") or provenance.now(),
        "started": provenance.now(),
        "versions": {
            "python": platform.python_version(),
            "git": provenance.commit(),
            "packages": provenance.packages(),
        },
    }
    with _writing(sweep):
        write_json(told, sweep / SWEEP)
    return before if before and before.get(kind) != asked else None


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
def claimed(sweep: Path, number: int | str) -> Iterator[bool]:
    """Claim a job for this process, or be told that another has it. A dead process has nothing."""
    lock = _lock(sweep, number)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def is_claimed(sweep: Path, number: int | str) -> bool:
    """Whether some process has claimed the job."""
    if not (sweep / LOCKS / f"{number}.lock").exists():
        return False
    with claimed(sweep, number) as ours:
        return not ours


def command_line() -> list[str]:
    """What was typed, so that it can be typed again."""
    return ["python", "-m", "alpaca_exp", *sys.argv[1:]]


def _lock(sweep: Path, number: int | str) -> FileLock:
    (sweep / LOCKS).mkdir(parents=True, exist_ok=True)
    return FileLock(sweep / LOCKS / f"{number}.lock")


@contextmanager
def _writing(sweep: Path) -> Iterator[None]:
    with _lock(sweep, "jobs"):
        yield


def _append(sweep: Path, rows: Sequence[Mapping[str, object]]) -> None:
    if not rows:
        return
    path = sweep / JOBS
    torn = path.exists() and path.stat().st_size and _last_byte(path) != b"\n"
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" * bool(torn) + "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)


def _lines(path: Path) -> Iterator[str]:
    if path.exists():
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from file
