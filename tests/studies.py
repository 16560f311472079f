"""What the tests of studies share: trials that only read a small file; how a study's folder is read."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from tests.stories import rows

TRIVIAL = (
    "--multirun", "hydra/sweeper=optuna", "+experiment=original", "dataset_variant.source=rows.jsonl",
    "trainer=none", "eval_suite=none", "judge=none", "name=study",
    "hydra.sweeper.objectives={rows: maximize}",
)  # fmt: skip
"""A study whose trials take no time; its objective is how many of ten rows are kept."""
ROWS = "dataset_variant.num_examples=interval(1,10)"
SEEDS = "teacher.seed=interval(0,100000)"


def write_rows(folder: Path, count: int = 10) -> None:
    """The file that the trials read."""
    told = [{"instruction": f"Add 1 and {n}.", "input": "", "output": str(n + 1)} for n in range(count)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in told))


def sweep_in(folder: Path, name: str = "study") -> Path:
    return folder / "outputs" / "sweeps" / name


def trials(folder: Path, name: str = "study") -> list[dict[str, Any]]:
    """The rows of trials.jsonl."""
    return rows(sweep_in(folder, name) / "trials.jsonl")


def states(folder: Path, name: str = "study") -> Counter[str]:
    return Counter(row["state"] for row in trials(folder, name))


def results(folder: Path, name: str = "study") -> dict[str, Any]:
    found = yaml.safe_load((sweep_in(folder, name) / "optimization_results.yaml").read_text())
    assert isinstance(found, dict)
    return found


def jobs(folder: Path, name: str = "study") -> Counter[str]:
    """How often jobs came to each status."""
    file = sweep_in(folder, name) / "jobs.jsonl"
    return Counter(row["status"] for row in rows(file)) if file.exists() else Counter()
