"""How often SLURM has started a job again: counted by us, since SLURM has no bound and submitit's skips most.

submitit counts time limits only, not preemptions, and takes every signal within the last ten minutes, or the
last fifth, of a job's time for one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from alpaca_exp.records import write_json


@dataclass(frozen=True)
class Restarts:
    """The starts of one submitted job after its first."""

    count: int
    allowed: int

    @property
    def too_many(self) -> bool:
        """Whether this start is one too many."""
        return self.count > self.allowed

    @property
    def used_up(self) -> bool:
        """Whether there may be no further one."""
        return self.count >= self.allowed

    @property
    def verdict(self) -> str:
        """Why a job ends here."""
        times = f"{self.count + 1} time{'s' * (self.count > 0)}"
        return (
            f"stopped by SLURM (preempted, out of time, or requeued) {times}, and "
            f"runtime.max_restarts={self.allowed} allows no further start; raise it, or "
            "hydra.launcher.timeout_min: the same command goes on from its last step"
        )


def begun(file: Path, slurm: str, allowed: int) -> Restarts:
    """Count this start of the SLURM job `slurm`; those of an earlier submission do not matter."""
    count = _read(file, slurm)
    write_json({"slurm": slurm, "restarts": 0 if count is None else count + 1}, file)
    return Restarts(0 if count is None else count + 1, allowed)


def counted(file: Path, slurm: str) -> int:
    """How often the job was started again."""
    return _read(file, slurm) or 0


def _read(file: Path, slurm: str) -> int | None:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return int(told["restarts"]) if told.get("slurm") == slurm else None
