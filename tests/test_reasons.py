"""`store why`: what is new about a stage, against the run that is most like the one asked about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from alpaca_exp.artifacts import Artifact, Stage, run
from alpaca_exp.compose import compose
from alpaca_exp.reasons import why
from alpaca_exp.records import write_json
from alpaca_exp.schemas import ExperimentConfig
from alpaca_exp.schemas import identity as identity_field


@dataclass(frozen=True)
class Trainer:
    """What is varied here."""

    learning_rate: float = identity_field("step size", 0.0004)
    epochs: int = identity_field("passes", 3)


def write(*, out: Path, **told: object) -> None:
    (out / "text.txt").write_text("text")


def experiment(trainer: Trainer) -> dict[str, Stage]:
    """Train, then two sets of answers by the same stage: the tuned model's and the base's."""
    train = Stage("train", write, {"trainer": trainer})
    complete = Stage("complete", write, {"seed": 0}, {"model": train})
    base = Stage("complete", write, {"seed": 0, "weights": "base"})
    compare = Stage("compare", write, {}, {"completions": complete, "base": base, "weights": train})
    return {"train": train, "complete": complete, "base": base, "compare": compare}


@pytest.fixture
def config() -> ExperimentConfig:
    return compose(["+experiment=cleaned"])


def made(stages: dict[str, Stage], outputs: Path, config: ExperimentConfig, started: int = 0) -> Path:
    """Make the stages and leave the run's `run.json`."""
    artifacts = {name: run(stage, outputs).path.name for name, stage in stages.items()}
    folder = outputs / "runs" / config.name / str(started)
    folder.mkdir(parents=True)
    row = {
        "experiment": config.name, "preset": config.preset, "scale": config.scale, "seed": config.seed,
        "labels": {}, "artifacts": artifacts, "overrides": [], "status": "done",
        "started": f"2026-01-0{started + 1}T00:00:00Z",
    }  # fmt: skip
    write_json(row, folder / "run.json")
    return folder


def told(stages: dict[str, Stage], outputs: Path, config: ExperimentConfig) -> dict[str, tuple[str, str]]:
    return {name: (reason, against) for name, reason, against in why(config, stages, outputs)}


def test_the_stage_with_the_new_setting_names_it_and_those_behind_it_name_their_input(
    tmp_path: Path, config: ExperimentConfig
) -> None:
    made(experiment(Trainer()), tmp_path, config)
    said = told(experiment(Trainer(learning_rate=0.0003)), tmp_path, config)
    assert said == {
        "train": ("to make: trainer.learning_rate 0.0004 -> 0.0003", "runs/cleaned/0"),
        "complete": ("to make: its input train is new", "runs/cleaned/0"),
        "base": ("found", ""),
        "compare": ("to make: its input complete is new; its input train is new", "runs/cleaned/0"),
    }


def test_every_field_that_differs_is_named_and_an_input_that_is_there_is_another(
    tmp_path: Path, config: ExperimentConfig
) -> None:
    made(experiment(Trainer()), tmp_path, config)
    changed = experiment(Trainer(learning_rate=0.0003, epochs=5))
    cause = "trainer.learning_rate 0.0004 -> 0.0003, trainer.epochs 3 -> 5"
    assert told(changed, tmp_path, config)["train"][0] == f"to make: {cause}"
    run(changed["train"], tmp_path)
    assert told(changed, tmp_path, config)["complete"][0] == "to make: its input train is another"


def test_compared_is_the_run_with_the_fewest_other_settings_also_in_what_a_stage_reads(
    tmp_path: Path, config: ExperimentConfig
) -> None:
    made(experiment(Trainer(epochs=9)), tmp_path, replace(config, name="original"), started=0)
    made(experiment(Trainer(epochs=1, learning_rate=0.1)), tmp_path, config, started=1)
    said = told(experiment(Trainer(epochs=4)), tmp_path, config)
    assert said["train"] == ("to make: trainer.epochs 9 -> 4", "runs/original/0")
    assert {against for _, against in said.values() if against} == {"runs/original/0"}


def test_a_setting_is_called_as_on_the_command_line(tmp_path: Path, config: ExperimentConfig) -> None:
    before = {
        "curate": Stage("curate", write, {"seed": 4}),
        "complete": Stage("complete", write, {"seed": 4}),
    }
    made(before, tmp_path, config)
    now = {"curate": Stage("curate", write, {"seed": 1}), "complete": Stage("complete", write, {"seed": 1})}
    said = told(now, tmp_path, config)
    assert said["curate"][0] == "to make: teacher.seed 4 -> 1"
    assert said["complete"][0] == "to make: seed 4 -> 1"


def test_of_runs_as_like_the_newest_of_the_same_experiment_is_compared(
    tmp_path: Path, config: ExperimentConfig
) -> None:
    made(experiment(Trainer(epochs=1)), tmp_path, config, started=0)
    made(experiment(Trainer(epochs=2)), tmp_path, config, started=1)
    made(experiment(Trainer(epochs=3)), tmp_path, replace(config, name="original"), started=2)
    said = told(experiment(Trainer(epochs=4)), tmp_path, config)
    assert said["train"] == ("to make: trainer.epochs 2 -> 4", "runs/cleaned/1")


def test_without_a_run_the_newest_artifact_that_reads_the_same_is_compared(
    tmp_path: Path, config: ExperimentConfig
) -> None:
    before = experiment(Trainer())
    run(before["base"], tmp_path)
    said = told(experiment(Trainer(epochs=4)), tmp_path, config)
    assert said["complete"] == (f"to make: no such complete was ever made under {tmp_path}", "")
    tuned = run(before["complete"], tmp_path)
    reason, against = told(experiment(Trainer(epochs=4)), tmp_path, config)["complete"]
    assert reason == "to make: its input train is new"
    assert against == f"complete/{tuned.path.name}"


def test_deleted_begun_and_raised_are_said(tmp_path: Path, config: ExperimentConfig) -> None:
    stages = experiment(Trainer())
    folder = made(stages, tmp_path, config)
    artifact = Artifact(stages["base"].path(tmp_path))
    (artifact / "record.json").unlink()
    assert "and not finished" in told(stages, tmp_path, config)["base"][0]
    (artifact / "text.txt").unlink()
    artifact.path.rmdir()
    assert told(stages, tmp_path, config)["base"] == ("to make: its artifact was deleted", "runs/cleaned/0")
    raised = {"train": replace(stages["train"], version=2)}
    assert told(raised, tmp_path, config)["train"][0] == "to make: the version of train 1 -> 2"
    (folder / "run.json").write_text("{")
    assert told(raised, tmp_path, config)["train"][1].startswith("train/"), "a torn run.json is passed over"
