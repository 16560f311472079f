"""What is to be done next: shared stages before the jobs that need them, so that hardly anyone waits."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alpaca_exp.sweeping.attempt import Outcome
from alpaca_exp.sweeping.jobs import Job, Part

LOOK_AGAIN_S = 1.0
"""After so long a job that another process had claimed is looked at again."""


@dataclass(frozen=True)
class Unit:
    """A piece of work: a job, or a stage that several jobs need, made for the first of them."""

    job: Job
    part: Part | None = None
    paid_before: float = 0.0

    @property
    def name(self) -> str:
        """What it goes by in the sweep's folder: a job's number, or a shared stage's title."""
        return self.part.title if self.part else str(self.job.number)

    @property
    def title(self) -> str:
        """In few words."""
        return f"{self.part.name}, for several jobs" if self.part else self.job.label


class Agenda:
    """The jobs without a result, in order; and what each of them came to.

    `side_by_side`: several units are worked on at a time, so stages that more than one job needs and nobody
    has made are units of their own. One after the other, the first job makes them.
    """

    def __init__(self, jobs: Sequence[Job], outputs: Path, *, side_by_side: bool) -> None:
        self.jobs = list(jobs)
        self.outcomes: dict[int, Outcome] = {}
        self._elsewhere: list[tuple[float, Job]] = []
        self._paid: dict[str, float] = {}
        self._shared = shared_parts(jobs, outputs) if side_by_side else {}
        self._missing = set(self._shared)
        self._first = {part: next(job for job in jobs if part in job.needs) for part in self._shared}

    def next(self) -> Unit | None:
        """A unit that nothing stands in the way of; None: there is none now."""
        for part in self._shared.values():
            if not self._missing & set(part.inputs):
                del self._shared[part.fingerprint]
                return Unit(self._first[part.fingerprint], part)
        job = self._ready()
        return Unit(job, paid_before=self._credit(job)) if job else None

    @property
    def others(self) -> list[int]:
        """The numbers of jobs that other processes run."""
        return [job.number for _, job in self._elsewhere]

    def note(self, unit: Unit, outcome: Outcome) -> tuple[Outcome, list[Unit]]:
        """Take down how a unit ended.

        Returns what that counts as, and the jobs that thereby ended too: what they need cannot be.
        """
        if unit.part:
            self._missing.discard(unit.part.fingerprint)  # else each job finds out, and says, for itself
            self._paid[unit.part.fingerprint] = outcome.usd
        elif outcome.status == "busy":
            self._elsewhere.append((time.monotonic() + LOOK_AGAIN_S, unit.job))
        else:
            self.outcomes[unit.job.number] = outcome
        return outcome, self._end_alike(outcome) if outcome.culprit else []

    def _ready(self) -> Job | None:
        for index, job in enumerate(self.jobs):
            if not self._missing & job.needs:
                return self.jobs.pop(index)
        for index, (due, job) in enumerate(self._elsewhere):
            if due <= time.monotonic():
                del self._elsewhere[index]
                return job
        return None

    def _credit(self, job: Job) -> float:
        """Dollars for shared stages, counted for the first job that needed them."""
        return sum(self._paid.pop(part, 0.0) for part, first in self._first.items() if first is job)

    def _end_alike(self, outcome: Outcome) -> list[Unit]:
        alike = [job for job in self.jobs if outcome.culprit in job.needs]
        for job in alike:
            self.jobs.remove(job)
            self.outcomes[job.number] = replace(outcome, seconds=0.0)
        wanted = {part for job in self.jobs for part in job.needs}
        self._shared = {name: part for name, part in self._shared.items() if name in wanted}
        return [Unit(job) for job in alike]


def shared_parts(jobs: Sequence[Job], outputs: Path) -> dict[str, Part]:
    """Stages to be made that more than one job needs, those that most jobs wait for first."""
    parts = {part.fingerprint: part for job in jobs for part in job.parts}
    counts = Counter(name for job in jobs for name in job.needs)
    found = [part for name, part in parts.items() if counts[name] > 1 and not part.made(outputs)]
    return {part.fingerprint: part for part in sorted(found, key=lambda part: -counts[part.fingerprint])}
