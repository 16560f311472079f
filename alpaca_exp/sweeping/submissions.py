"""What was handed to SLURM: `slurm.jsonl` in the sweep's folder, a row a unit, so that any process finds it.

A unit goes by its name: a job's number, `<stage>-<fingerprint>` of a stage that jobs share, or `agent-<n>` of
one who goes through a study's trials. What it asked of SLURM is kept, so that it can be said why it ended; of
its surroundings nothing is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from filelock import FileLock

from alpaca_exp.provenance import now
from alpaca_exp.sweep_folder import LOCKS, SUBMISSIONS
from alpaca_exp.sweeping import slurm
from alpaca_exp.sweeping.attempt import Outcome
from alpaca_exp.sweeping.restarts import counted

SHARED = "shared"
AGENT = "agent-"
"""How the names of those begin that go through a study's trials."""
TAIL = 4000
"""Bytes of a log that tell why a job ended."""


@dataclass(frozen=True)
class Submission:
    """One unit in SLURM's hands."""

    unit: str
    slurm: str
    """The job's id, `12_3` for a task of an array."""
    name: str
    """The job's name in SLURM."""
    asked: Mapping[str, object] = field(default_factory=dict)
    """What it asked for: mem_gb, timeout_min and the like."""
    submitted: str = ""

    @property
    def is_shared(self) -> bool:
        """Whether it makes a stage that jobs share."""
        return not self.unit.isdecimal() and not self.is_agent

    @property
    def is_agent(self) -> bool:
        """Whether it goes through a study's trials."""
        return self.unit.startswith(AGENT)

    @property
    def fingerprint(self) -> str:
        """Of the shared stage that it makes."""
        return self.unit.rpartition("-")[2]

    def logs(self, sweep: Path) -> list[Path]:
        """Where SLURM, submitit and what they started have written."""
        folder = sweep / ".submitit" / self.slurm
        return [folder / f"{self.slurm}_0_log.{end}" for end in ("err", "out")]

    def last_words(self, sweep: Path) -> str:
        """The end of those logs."""
        return "\n".join(_tail(log) for log in reversed(self.logs(sweep)))

    def restarts(self, sweep: Path) -> int:
        """How often SLURM has started it again."""
        return counted(restarts_file(sweep, self.unit), self.slurm)


def add(sweep: Path, submissions: Iterable[Submission]) -> None:
    """Note what was submitted."""
    rows = [{**asdict(one), "submitted": one.submitted or now()} for one in submissions]
    with (sweep / SUBMISSIONS).open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def last(sweep: Path) -> dict[str, Submission]:
    """The last submission of each unit, by its name."""
    found: dict[str, Submission] = {}
    path = sweep / SUBMISSIONS
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            one = Submission(**json.loads(line))
        except (ValueError, TypeError):
            continue  # cut short by a kill
        found[one.unit] = one
    return found


def states(submissions: Iterable[Submission]) -> dict[str, slurm.State] | None:
    """How each stands in SLURM, by its unit; None: SLURM does not answer, or is not here."""
    asked = list(submissions)
    found = slurm.states({one.slurm: one.name for one in asked}) if asked else {}
    return None if found is None else {one.unit: found[one.slurm] for one in asked}


def submitting(sweep: Path) -> AbstractContextManager[object]:
    """One process at a time looks at what was submitted, and submits the rest."""
    (sweep / LOCKS).mkdir(parents=True, exist_ok=True)
    return FileLock(sweep / LOCKS / "slurm.lock")


def restarts_file(sweep: Path, unit: str) -> Path:
    """Where a unit's starts are counted."""
    return sweep / unit / "restarts.json" if unit.isdecimal() else sweep / SHARED / f"{unit}.restarts.json"


def outcome_file(sweep: Path, unit: str) -> Path:
    """Where a shared stage's end is written down; a job's stands in `jobs.jsonl`."""
    return sweep / SHARED / f"{unit}.json"


def outcome(sweep: Path, unit: str) -> Outcome | None:
    """How a shared stage ended; None: it has not."""
    try:
        return Outcome(**json.loads(outcome_file(sweep, unit).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
