"""What a sweep writes down in its folder: `sweep.json`, and `jobs.jsonl`; `sweep_folder` reads it."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from alpaca_exp import provenance
from alpaca_exp.errors import InputError
from alpaca_exp.records import Row, write_json
from alpaca_exp.sweep_folder import (
    JOBS,
    LOCKS,
    LOG,
    SWEEP,
    at_work,
    claimed,
    described,
    is_claimed,
    lock,
    read,
)
from alpaca_exp.sweeping.jobs import Job

__all__ = [
    "JOBS",
    "LOCKS",
    "LOG",
    "append",
    "at_work",
    "claimed",
    "command_line",
    "describe",
    "described",
    "is_claimed",
    "numbered",
    "read",
    "row",
]


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


def describe(
    sweep: Path,
    kind: str,
    asked: Mapping[str, object],
    jobs: int,
    command: Sequence[str],
    numbers: Sequence[int] | None = None,
) -> Row | None:
    """Write `sweep.json`. Returns what it said before, where other jobs were asked for.

    `numbers`: of the jobs that are asked for, where the folder may hold others from before. They tell whether
    these are others, not the words: where and how jobs run changes nothing of what they are.
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
        **({} if numbers is None else {"numbers": list(numbers)}),
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
    return before if before and _jobs_of(before, kind) != _jobs_of(told, kind) else None


def _jobs_of(told: Row, kind: str) -> object:
    """What tells whether the same jobs are asked for."""
    return set(told["numbers"]) if "numbers" in told else told.get(kind)


def command_line() -> list[str]:
    """What was typed, so that it can be typed again."""
    return ["python", "-m", "alpaca_exp", *sys.argv[1:]]


@contextmanager
def _writing(sweep: Path) -> Iterator[None]:
    with lock(sweep, "jobs"):
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
