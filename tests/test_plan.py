"""What a plan holds: all of an experiment, the model alone, the data alone, or the base as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alpaca_exp.compose import compose
from alpaca_exp.errors import ConfigError
from alpaca_exp.plan import plan
from alpaca_exp.readiness import remarks
from tests.conftest import Command
from tests.stories import TINIEST

STAGES = ("pretrain", "generate", "curate", "train", "evaluate", "complete", "judge", "compare")
DATA = ("+experiment=cleaned", "world=tiny", "trainer=none", "eval_suite=none")


def test_without_a_trainer_and_a_suite_the_data_are_made_and_nothing_else(
    command: Command, tmp_path: Path
) -> None:
    done = command(*DATA)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "outputs").iterdir() if path.name in STAGES) == [
        "curate",
        "generate",
    ]
    [data] = (tmp_path / "outputs" / "curate").iterdir()
    assert f"What it made: outputs/curate/{data.name}" in done.stdout
    [run] = (tmp_path / "outputs" / "runs" / "cleaned").glob("*/run.json")
    assert json.loads(run.read_text())["labels"]["dataset_variant"] == "cleaned"
    again = command("+experiment=cleaned", "world=tiny", "action=plan").stdout
    assert f"{data.name}  found" in again, "an experiment finds it"


def test_without_a_suite_a_plan_ends_with_the_model() -> None:
    assert list(plan(compose(["world=tiny", "eval_suite=none"])))[-1] == "train"


def test_that_the_untuned_base_is_measured_and_no_data_made_is_said() -> None:
    [said] = remarks(compose(["world=tiny", "trainer=none"]))
    assert "the untuned base is measured, and no data are made" in said and "eval_suite=none" in said
    assert remarks(compose(["world=tiny", "+experiment=base"])) == []
    assert remarks(compose(["world=tiny", "trainer=none", "eval_suite=none"])) == []


def test_the_untuned_base_is_no_row_of_the_data_that_it_did_not_learn(
    command: Command, tmp_path: Path
) -> None:
    done = command(*TINIEST, "trainer=none", "judge=none")
    assert done.returncode == 0 and "Note: trainer=none tunes nothing" in done.stdout, done.stderr
    [run] = (tmp_path / "outputs" / "runs").glob("*/*/run.json")
    labels = json.loads(run.read_text())["labels"]
    assert (labels["dataset_variant"], labels["trainer"]) == ("none", "none")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("dataset_variant=none", "choose one"),
        ("dataset_variant.decontaminate=remove", "choose the suite that the model will meet"),
    ],
)
def test_a_plan_of_nothing_and_a_cleaning_from_nothing_are_refused(word: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        compose(["world=tiny", "eval_suite=none", word])
