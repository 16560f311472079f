"""What the tests of sweeps on SLURM share: words of small jobs, and what is to be read of their sweep."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alpaca_exp.sweep_folder import read
from tests.slurm.cluster import Cluster
from tests.stories import TINIEST, rows

SLURM = ("--multirun", "+experiment=original", *TINIEST, "hydra/launcher=submitit_slurm")
MEMORY = "hydra.launcher.mem_gb=1"
GRID = (*SLURM, MEMORY, "hydra.launcher.timeout_min=20")
DATA = (*GRID, "trainer=none", "eval_suite=none")
"""Jobs of a second: they write data and look through them."""
SWEEPS = "alpaca_exp.sweeps"
LONG = ("trainer.epochs=1500", "logger.every_n_steps=1", "judge=none")
"""A training of 3,000 steps, and nothing behind it that takes time."""
STEPS = 3000


def jobs(sweep: Path) -> dict[int, dict[str, Any]]:
    """The last row of each job; of a sweep that has not begun, none."""
    return read(sweep)


def submitted(sweep: Path) -> dict[str, str]:
    """The SLURM job of each unit that was submitted last."""
    return {row["unit"]: row["slurm"] for row in rows(sweep / "slurm.jsonl")}


def said(log: Path) -> str:
    """What a log has so far."""
    return log.read_text() if log.exists() else ""


def until(there: Callable[[], object], seconds: float = 240.0) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)


def running(slurm: Cluster, name: str) -> int:
    return len(slurm("squeue", "-h", "-r", "-t", "R", "-n", name).splitlines())
