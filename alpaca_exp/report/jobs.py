"""The jobs of a sweep as its folder tells of them: for a page, from any process, while it runs or later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

JOBS = "jobs.jsonl"
"""A row at each job's every change; the last row of a job tells how it is."""
OVER = ("done", "failed", "stopped", "pruned", "killed")


@dataclass(frozen=True)
class Job:
    """What has become of one job."""

    number: int
    label: str
    status: str
    """waiting, running, done, failed, stopped, pruned; killed: it ran, and its process is gone."""
    error: str
    log: str
    """Below the outputs folder; empty where there is none."""


def jobs_of(sweep: Path) -> Iterator[Job]:
    """Each job once, in their order; none where the folder is no sweep's. A cut line is passed over."""
    found = {}
    try:
        lines = (sweep / JOBS).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            row = json.loads(line)
            found[int(row["job"])] = row
        except (ValueError, KeyError, TypeError):
            continue
    for number, row in sorted(found.items()):
        status = str(row.get("status"))
        if status == "running" and not _claimed(sweep, number):
            status = "killed"
        label = str(row.get("label") or " ".join(row.get("overrides", [])))
        log = str(row.get("log") or "")
        there = log and (sweep / log).exists()
        yield Job(
            number, label, status, str(row.get("error") or ""), f"sweeps/{sweep.name}/{log}" if there else ""
        )


def _claimed(sweep: Path, number: int) -> bool:
    """Whether a process holds the job's lock."""
    file = sweep / ".locks" / f"{number}.lock"
    if not file.exists():
        return False
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False
