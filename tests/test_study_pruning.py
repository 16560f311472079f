"""A training that is a trial of a study: it tells how it goes, and ends early where the study gives it up."""

from __future__ import annotations

import csv
import io
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError, Pruned, Stopped
from alpaca_exp.identity import fingerprint, identity
from alpaca_exp.schemas import PretrainedModelConfig, RuntimeConfig
from alpaca_exp.study.pruners import pruner
from alpaca_exp.study.storage import open_storage
from alpaca_exp.study.trial import TrialNote, write_note
from tests.tunings import EVERY_STEP, NEVER, TRAINER, before_step, tune

MEDIAN = {"kind": "median", "n_startup_trials": 2, "n_warmup_steps": 0}
HELD_OUT = replace(TRAINER, validation_examples=6)
STEPS = [10 * n for n in range(1, 11)]


class Study:
    """A study in a file, as a sweep keeps one."""

    def __init__(self, folder: Path, direction: str = "minimize") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.address = folder, f"sqlite:///{folder / 'study.db'}"
        self.storage = open_storage(self.address)
        self.study = optuna.create_study(storage=self.storage, study_name="s", direction=direction)

    def past(self, loss: float) -> None:
        """A trial that came to its end, with this loss all the way."""
        trial = self.study.ask()
        for step in STEPS:
            turned = loss if self.study.direction.name == "MINIMIZE" else -loss
            trial.report(turned, step)
        self.study.tell(trial, loss)

    def runtime(self, base: RuntimeConfig = NEVER, monitor: str | None = None) -> RuntimeConfig:
        """What the job of a new trial is told."""
        trial = self.study.ask()
        self.trial_id = trial._trial_id
        direction = self.study.direction.name.lower()
        path = self.folder / str(trial.number) / "trial.json"
        note = TrialNote(self.address, "s", trial.number, self.trial_id, MEDIAN, monitor, direction)
        write_note(note, path)
        return replace(base, trial=path)

    @property
    def reported(self) -> dict[int, float]:
        """What the newest trial told."""
        return dict(self.storage.get_trial(self.trial_id).intermediate_values)


def given_up(values: list[float], *, direction: str = "minimize", running: bool = True) -> list[bool]:
    """Of trials that come to one point, in that order, with these losses: which are given up."""
    study = optuna.create_study(
        direction=direction, pruner=pruner({"kind": "asynchronous_percentile", "percentile": 25})
    )
    found = []
    for value in values:
        trial = study.ask()
        trial.report(value if direction == "minimize" else -value, 20)
        found.append(trial.should_prune())
        if found[-1]:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        elif not running:
            study.tell(trial, value)
    return found


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_with_many_workers_a_trial_is_held_against_those_that_still_run(direction: str) -> None:
    losses = [0.5, 0.6, 0.4, 0.9, 0.3, 0.7]
    side_by_side = given_up(losses, direction=direction)
    assert side_by_side == [False, False, False, True, False, True]
    assert given_up(losses, direction=direction, running=False) == side_by_side, "as with one worker"
    assert given_up([0.1, 0.2, 0.3, float("nan")]) == [False, False, False, True]


@pytest.mark.parametrize(("direction", "sign"), [("minimize", 1), ("maximize", -1)])
def test_a_threshold_is_one_of_losses_whatever_the_study_makes_large(direction: str, sign: int) -> None:
    told = pruner({"kind": "threshold", "upper": 2.0, "lower": 0.1}, direction)
    study = optuna.create_study(direction=direction, pruner=told)
    found = []
    for loss in (1.0, 3.0, 0.05):
        trial = study.ask()
        trial.report(sign * loss, 10)
        found.append(trial.should_prune())
    assert found == [False, True, True]


def test_a_slow_beginner_is_given_up_by_what_later_ones_had_where_it_stood_then() -> None:
    study = optuna.create_study(pruner=pruner({"kind": "asynchronous_percentile"}))
    first = study.ask()
    first.report(0.9, 10)
    first.report(0.8, 20)
    assert not first.should_prune()
    for _ in range(3):
        study.ask().report(0.1, 10)
    assert first.should_prune(), "nobody else has come to 20 per cent, but three to 10"


def metrics(found: dict[str, bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(found["metrics.csv"].decode())))


def test_a_trial_tells_how_its_training_goes_and_changes_nothing_of_it(
    uninterrupted: dict[str, bytes], base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    study = Study(tmp_path / "study")
    assert tune(base, dataset, tmp_path / "out", runtime=study.runtime()) == uninterrupted
    assert set(study.reported) <= set(STEPS) and 100 in study.reported and len(study.reported) == 8
    losses = [study.reported[step] for step in sorted(study.reported)]
    assert losses[-1] < losses[0], "eight steps, the later the better"


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_hopeless_training_is_given_up_and_leaves_no_checkpoints(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path, direction: str
) -> None:
    study = Study(tmp_path / "study", direction)
    for _ in range(3):
        study.past(0.01)
    taken: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        before_step(3, lambda: taken.append(3), patch)
        with pytest.raises(Pruned, match=r"^pruned at \d+ % of its steps: loss was [\d.]+ \(median\)$"):
            tune(base, dataset, tmp_path / "out", runtime=study.runtime(EVERY_STEP))
    assert not taken and not (tmp_path / "out" / "checkpoints").exists()
    assert not (tmp_path / "out" / "model").exists()
    assert len(study.reported) == 1


def test_a_good_training_is_not_given_up(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    study = Study(tmp_path / "study")
    for _ in range(3):
        study.past(99.0)
    tune(base, dataset, tmp_path / "out", runtime=study.runtime())
    assert 100 in study.reported


def test_a_training_that_was_stopped_goes_on_and_tells_each_point_once(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    whole, broken = Study(tmp_path / "whole"), Study(tmp_path / "broken")
    tune(base, dataset, tmp_path / "a", runtime=whole.runtime())
    runtime = broken.runtime(EVERY_STEP)
    with pytest.MonkeyPatch.context() as patch:
        before_step(5, lambda: signal.raise_signal(signal.SIGTERM), patch)
        with pytest.raises(Stopped):
            tune(base, dataset, tmp_path / "b", runtime=runtime)
    assert 0 < len(broken.reported) < len(whole.reported)
    before = broken.reported
    tune(base, dataset, tmp_path / "b", runtime=runtime)
    assert broken.reported == whole.reported
    assert before.items() <= broken.reported.items()


def test_a_study_out_of_reach_costs_the_pruning_not_the_training(
    uninterrupted: dict[str, bytes],
    base: PretrainedModelConfig,
    dataset: Artifact,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    study = Study(tmp_path / "study")
    runtime = study.runtime()
    (tmp_path / "study" / "study.db").unlink()
    assert tune(base, dataset, tmp_path / "out", runtime=runtime) == uninterrupted
    assert "is not pruned, nor does it report" in capfd.readouterr().err


def test_rows_that_are_set_aside_are_not_learnt_from_and_their_loss_is_told(
    uninterrupted: dict[str, bytes], base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    study = Study(tmp_path / "study")
    found = tune(base, dataset, tmp_path / "out", trainer=HELD_OUT, runtime=study.runtime())
    told = {int(row["step"]): float(row["val_loss"]) for row in metrics(found) if row["val_loss"]}
    assert len(told) == 6 and max(told) == 6, "24 rows in windows of 8, twice"
    assert list(study.reported.values()) == pytest.approx(list(told.values()), abs=1e-5)
    assert told[6] < told[1]
    assert b'"examples": 24' in found["tokens.json"]
    assert b'"validation_examples": 6' in found["tokens.json"]
    assert b"validation loss" in found["model/README.md"]
    assert "val_loss" not in metrics(uninterrupted)[0]


def test_the_validation_loss_does_not_hang_on_how_rows_are_packed(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    def last(name: str, **switch: object) -> float:
        trainer = replace(HELD_OUT, learning_rate=1e-9, **switch)  # type: ignore[arg-type]
        return float(metrics(tune(base, dataset, tmp_path / name, trainer=trainer))[-1]["val_loss"])

    packed = last("packed")
    assert last("padded", packing=False) == pytest.approx(packed, abs=2e-5)
    assert last("one", micro_batch_size=1) == pytest.approx(packed, abs=2e-5)


@pytest.mark.long
def test_two_ranks_measure_what_one_does(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    two = replace(NEVER, devices="2", strategy="ddp")
    trainer = replace(HELD_OUT, micro_batch_size=2)
    alone, study = Study(tmp_path / "alone"), Study(tmp_path / "study")
    tune(base, dataset, tmp_path / "one", trainer=trainer, runtime=alone.runtime())
    tune(base, dataset, tmp_path / "two", trainer=trainer, runtime=study.runtime(two))
    assert sorted(study.reported) == sorted(alone.reported)
    at_first = min(alone.reported)  # later the ranks' dropout, which differs, has told
    assert study.reported[at_first] == pytest.approx(alone.reported[at_first], rel=0.02)


@pytest.mark.long
def test_all_ranks_end_together_where_a_training_is_given_up(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    study = Study(tmp_path / "study")
    for _ in range(3):
        study.past(0.01)
    two = replace(NEVER, devices="2", strategy="ddp")
    with pytest.raises(Pruned, match="pruned at"):
        tune(base, dataset, tmp_path / "out", runtime=study.runtime(two))
    left = subprocess.run(
        ["pgrep", "-f", "alpaca_exp.tuning.rank"], capture_output=True, text=True, check=False
    )
    assert str(tmp_path) not in left.stdout


def test_what_cannot_be_measured_is_said_before_the_first_step(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    study = Study(tmp_path / "study")
    with pytest.raises(InputError, match=r"monitor is val_loss, .* set trainer\.validation_examples"):
        tune(base, dataset, tmp_path / "out", runtime=study.runtime(monitor="val_loss"))
    with pytest.raises(InputError, match="validation_examples is 30, and there are only 30 examples"):
        tune(base, dataset, tmp_path / "b", trainer=replace(TRAINER, validation_examples=30))
    with pytest.raises(InputError, match="is not what a study's sweeper wrote"):
        tune(base, dataset, tmp_path / "c", runtime=replace(NEVER, trial=tmp_path / "none.json"))


def test_what_was_made_before_rows_could_be_set_aside_is_still_found() -> None:
    assert "validation_examples" not in identity(TRAINER)
    assert fingerprint(identity(HELD_OUT)) != fingerprint(identity(TRAINER))
