"""What cleaning does to the miniature's data, through the real stages, and (long) to models tuned on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alpaca_exp.artifacts import run
from alpaca_exp.compose import compose
from alpaca_exp.miniature.critic import fault
from alpaca_exp.miniature.world import world_of
from alpaca_exp.plan import plan
from alpaca_exp.records import Example, read_jsonl

WORLD = ("world=tiny", "world.seed=3", "world.people=64", "world.tasks=600")
FLAWLESS = ("teacher.error_rate=0", "teacher.defect_rate=0")


def test_cleaning_removes_most_of_the_errors_and_the_rules_alone_only_the_defects(tmp_path: Path) -> None:
    original, _ = _faulty("+experiment=original", outputs=tmp_path)
    rules, _ = _faulty("+experiment=cleaned", "critic=none", outputs=tmp_path)
    cleaned, _ = _faulty("+experiment=cleaned", outputs=tmp_path)
    assert 0.3 < original < 0.45
    assert 0.2 < rules < original - 0.05
    assert cleaned < 0.08


def test_a_perfect_critic_leaves_nothing_wrong(tmp_path: Path) -> None:
    share, rows = _faulty("+experiment=cleaned", "critic=oracle", outputs=tmp_path)
    assert share == 0 and rows > 300


def test_of_a_flawless_teacher_cleaning_removes_false_alarms_and_nothing_else(tmp_path: Path) -> None:
    assert _faulty("+experiment=original", *FLAWLESS, outputs=tmp_path) == (0, 600)
    assert _faulty("+experiment=cleaned", "critic=none", *FLAWLESS, outputs=tmp_path) == (0, 600)
    _, rows = _faulty("+experiment=cleaned", *FLAWLESS, outputs=tmp_path)
    assert 560 < rows < 600


@pytest.mark.long
def test_every_effect_of_the_miniature_holds_over_seeds(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.effects", "--outputs", str(tmp_path)]
    root = Path(__file__).resolve().parent.parent
    told = subprocess.run(command, cwd=root, env=dict(os.environ), capture_output=True, text=True, check=True)
    result = json.loads(told.stdout.splitlines()[-1])
    assert result["rows"] and [row["case"] for row in result["rows"] if not row["holds"]] == []


def _faulty(*overrides: str, outputs: Path) -> tuple[float, int]:
    """The share of the curated rows that are truly wrong, and how many rows there are."""
    config = compose([*WORLD, *overrides, f"runtime.outputs={outputs}"])
    curated = run(plan(config)["curate"], outputs)
    examples = [
        Example(row["instruction"], row["output"], row["input"])
        for row in read_jsonl(curated / "dataset.jsonl")
    ]
    wrong = sum(fault(world_of(config.world), example) is not None for example in examples)
    return wrong / len(examples), len(examples)
