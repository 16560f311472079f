"""How a sweep stands, for its page: from its folder alone, in any process, while it runs or later."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from alpaca_exp.records import Row
from alpaca_exp.sweep_folder import (
    SUBMISSIONS,
    Entry,
    described,
    entry,
    is_worked_at,
    read,
    succeeded,
    successors,
)

OPEN = ("waiting", "running")
"""What is still to come to something, as long as somebody is at it."""
SETTLED = ("done", "found", "pruned")
"""What has come to what it was meant to."""
ORDER = ("done", "found", "pruned", "retried", "failed", "killed", "stopped", "running", "waiting")
WORDS = {"found": "found from before", "waiting": "not started", "fail": "failed", "retried": "tried again"}
"""What a state, of a job or a trial, is called on the page, where it is called otherwise."""


@dataclass(frozen=True)
class Standing:
    """One sweep, and its jobs."""

    kind: str
    """grid, study."""
    jobs: tuple[Entry, ...]
    """Those that the sweep was last asked for."""
    wanted: int
    """How many it is to have in all: of a study they are asked for one by one."""
    others: int
    """Jobs of its folder that it was not asked for: of an earlier grid."""
    slurm: bool
    """Whether it was handed to SLURM, which knows more of jobs that are not over."""
    worked_at: bool
    """Whether some process is at it."""
    command: str
    """What starts it again; empty where nobody noted it."""
    started: str
    """When it was started last."""

    @property
    def numbers(self) -> Collection[int]:
        """The folders of its jobs."""
        return {job.number for job in self.jobs}

    @property
    def counts(self) -> Mapping[str, int]:
        """Jobs by what became of them, the good ends first."""
        found = Counter(job.status for job in self.jobs)
        return {WORDS.get(state, state): found[state] for state in (*ORDER, *found) if state in found}

    @property
    def runs(self) -> bool:
        """Whether more is to come, as far as the folder tells."""
        return self.worked_at or (self.slurm and self.left > 0)

    @property
    def left(self) -> int:
        """Jobs that have not come to an end."""
        return sum(job.status in OPEN for job in self.jobs)

    @property
    def lacking(self) -> int:
        """Jobs without a result, which the same command would run; a study's failed trials count as made."""
        if self.kind == "study":
            return max(self.wanted - sum(job.status in (*SETTLED, "failed") for job in self.jobs), 0)
        return sum(job.status not in (*SETTLED, "retried") for job in self.jobs)


def standing(sweep: Path) -> Standing | None:
    """How the sweep in a folder stands; None where the folder holds none, or one without jobs yet.

    Raises InputError where its `sweep.json` cannot be read.
    """
    rows, told = read(sweep), described(sweep)
    asked = set(told.get("numbers", rows))
    again = successors(sweep)
    jobs = [succeeded(_job(rows[number], told, sweep), again) for number in rows if number in asked]
    if not jobs:
        return None
    return Standing(
        kind=str(told.get("kind", "grid")),
        jobs=tuple(jobs),
        wanted=int(told.get("jobs", len(jobs))),
        others=len(rows) - len(jobs),
        slurm=(sweep / SUBMISSIONS).exists(),
        worked_at=is_worked_at(sweep, rows),
        command=shlex.join(map(str, told.get("command", []))),
        started=str(told.get("started", "")),
    )


def _job(row: Row, told: Row, sweep: Path) -> Entry:
    """As the folder tells of it, its log below the outputs folder, if it is there.

    It was found, where it was done before the sweep was last started.
    """
    one = entry(row, sweep)
    before = one.status == "done" and str(row.get("started") or "") < str(told.get("started", ""))
    log = Path("sweeps", sweep.name, str(row["log"])) if one.log and one.log.exists() else None
    return replace(one, status="found" if before else one.status, log=log)
