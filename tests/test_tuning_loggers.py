from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning.loggers import CSVLogger, Logger

from alpaca_exp.compose import compose
from alpaca_exp.errors import InputError, Stopped
from alpaca_exp.plan import plan
from alpaca_exp.readiness import obstacles
from alpaca_exp.schemas import LoggerConfig, MlflowConfig, TensorBoardConfig, TrainerConfig, WandbConfig
from alpaca_exp.stages.train import train
from alpaca_exp.tuning import fit as fitting
from alpaca_exp.tuning import requirements
from alpaca_exp.tuning.loggers import hyperparameters
from tests.tunings import EVERY_STEP, LOGGER, NEVER, TRAINER, before_step, dataset_in, llama_in

OPTIONS = {"tensorboard": TensorBoardConfig, "wandb": WandbConfig, "mlflow": MlflowConfig}


@pytest.mark.parametrize("option", OPTIONS)
def test_a_logger_that_is_not_installed_is_named_before_any_work(
    option: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(requirements, "find_spec", lambda name: None)
    config = compose([f"logger={option}", "+experiment=original", f"runtime.outputs={tmp_path}"])
    (said,) = obstacles(plan(config), config)
    assert said == (
        f"logger={option} needs {option}, which is not installed: "
        f'pip install -c constraints.txt torch -e ".[{option}]"; or set logger=csv'
    )
    with pytest.raises(InputError, match=f"logger={option} needs {option}, which is not installed"):
        tuned(tmp_path, OPTIONS[option]())
    config = compose(["logger=csv", "+experiment=original", f"runtime.outputs={tmp_path}"])
    assert not obstacles(plan(config), config)


@pytest.mark.parametrize("option", OPTIONS)
def test_who_draws_the_curves_changes_no_artifact(option: str) -> None:
    drawn, plain = (plan(compose([f"logger={name}", "+experiment=original"])) for name in (option, "csv"))
    assert {name: stage.fingerprint for name, stage in drawn.items()} == {
        name: stage.fingerprint for name, stage in plain.items()
    }


def tuned(folder: Path, logger: LoggerConfig, runtime: Any = NEVER) -> Path:
    out = folder / "outputs" / "train" / "0123456789abcdef"
    out.mkdir(parents=True, exist_ok=True)
    for name in ("base", "data"):
        (folder / name).mkdir(exist_ok=True)
    base, dataset = llama_in(folder / "base"), dataset_in(folder / "data")
    train(base, TRAINER, 0, dataset=dataset, runtime=runtime, logger=logger, out=out)
    return out


@contextmanager
def lightnings_csv(config: LoggerConfig, out: Path) -> Iterator[list[Logger]]:
    """A logger of Lightning's that needs no package."""
    yield [CSVLogger(out.parents[1] / "logs", name="", version=out.name, flush_logs_every_n_steps=1)]


def read(file: Path) -> list[dict[str, float]]:
    with file.open(newline="") as lines:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(lines)]


def test_a_logger_is_told_what_metrics_csv_says_and_how_fast_it_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "loggers", lightnings_csv)
    out = tuned(tmp_path, LOGGER)
    logs = tmp_path / "outputs" / "logs" / out.name
    told, written = read(logs / "metrics.csv"), read(out / "metrics.csv")
    assert [row["step"] for row in told] == [row["step"] for row in written] == [3, 6, 8]
    for drawn, line in zip(told, written, strict=True):
        assert {name: drawn[name] for name in line} == line
        assert drawn["tokens_per_second"] > 0
        assert not drawn.keys() & {"mfu", "usd"}, "of a CPU neither is known"
    noted = (logs / "hparams.yaml").read_text()
    assert "trainer.learning_rate: 0.01" in noted and "seed: 0" in noted and "base_model.type:" in noted


def test_a_training_that_goes_on_tells_a_logger_the_lines_before_its_checkpoint_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned(tmp_path / "whole", LOGGER)

    def stop() -> None:
        raise Stopped("asked to")

    with monkeypatch.context() as patched:
        before_step(5, stop, patched)
        with pytest.raises(Stopped):
            tuned(tmp_path, LOGGER, EVERY_STEP)
    monkeypatch.setattr(fitting, "loggers", lightnings_csv)
    out = tuned(tmp_path, LOGGER, EVERY_STEP)
    told = read(tmp_path / "outputs" / "logs" / out.name / "metrics.csv")
    assert [row["step"] for row in told] == [3, 6, 8]
    whole = tmp_path / "whole" / "outputs" / "train" / out.name
    assert (out / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()


def test_hyperparameters_are_one_flat_row_without_what_changes_nothing() -> None:
    row = hyperparameters({"trainer": replace(TrainerConfig(), micro_batch_size=2), "seed": 3})
    assert row["trainer.learning_rate"] == 2e-5 and row["seed"] == 3 and row["trainer.frame"] == "alpaca"
    assert "trainer.micro_batch_size" not in row
    assert all(isinstance(value, (str, int, float, bool, type(None))) for value in row.values())


def installed(package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed")


@installed("tensorboard")
def test_tensorboard_reads_the_curves_of_a_run(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):  # a second attempt draws no second curve
        out = tuned(tmp_path, TensorBoardConfig(every_n_steps=3))
        (out / "metrics.csv").unlink()
        for file in sorted((out / "model").iterdir()):
            file.unlink()
        (out / "model").rmdir()
    events = EventAccumulator(str(tmp_path / "outputs" / "logs" / "tensorboard" / f"train-{out.name}"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [3, 6, 8]
    assert {"learning_rate", "grad_norm", "tokens_per_second"} <= set(events.Tags()["scalars"])


@installed("wandb")
def test_wandb_writes_a_run_without_network(tmp_path: Path) -> None:
    tuned(tmp_path, WandbConfig(every_n_steps=3))
    runs = tmp_path / "outputs" / "logs" / "wandb" / "wandb"
    assert list(runs.glob("offline-run-*/*.wandb"))


@installed("mlflow")
def test_mlflow_reads_the_curves_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.tracking import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    out = tuned(tmp_path, MlflowConfig(every_n_steps=3))
    client = MlflowClient((tmp_path / "outputs" / "logs" / "mlflow").absolute().as_uri())
    experiment = client.get_experiment_by_name("alpaca_exp")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == f"train-{out.name}" and run.data.params["trainer.learning_rate"] == "0.01"
    assert [each.step for each in client.get_metric_history(run.info.run_id, "loss")] == [3, 6, 8]
