"""Where a training's curves are drawn beside metrics.csv: Lightning's loggers, as the group `logger` says."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from alpaca_exp.errors import InputError
from alpaca_exp.identity import identity
from alpaca_exp.schemas import LoggerConfig, MlflowConfig, TensorBoardConfig, WandbConfig
from alpaca_exp.tuning.ranks import place
from alpaca_exp.tuning.requirements import logger_lacking

LOGS = "logs"


@contextmanager
def loggers(config: LoggerConfig, out: Path) -> Iterator[list[Logger]]:
    """The loggers of the stage whose folder is `out`; none where metrics.csv is all.

    They write to `<outputs>/logs/<tensorboard, wandb, mlflow>`: what they leave is no part of the artifact,
    whose bytes are the same whichever logger watched. Each attempt of a training tells its whole story
    again, the lines before a checkpoint among them, so that no curve has a gap or goes back.
    """
    kept, run = out.parents[1] / LOGS, f"{out.parent.name}-{out.name}"
    if problems := logger_lacking(config):
        raise InputError("; ".join(problems))
    if place().rank:
        config = LoggerConfig()  # the first rank speaks for all
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The filesystem tracking backend")
        match config:
            case TensorBoardConfig():
                yield [tensorboard(kept / "tensorboard", run)]
            case WandbConfig():
                logger = wandb(kept / "wandb", run, config.project)
                try:
                    yield [logger]
                finally:
                    logger.experiment.finish()
            case MlflowConfig():
                yield [mlflow(kept / "mlflow", run, config.project)]
            case _:
                yield []


def tensorboard(kept: Path, run: str) -> TensorBoardLogger:
    """Events in a folder of the run's own; those of an earlier attempt go."""
    shutil.rmtree(kept / run, ignore_errors=True)
    return TensorBoardLogger(kept, name=run, version="", default_hp_metric=False)


def wandb(kept: Path, run: str, project: str) -> WandbLogger:
    """A run on this disk; `wandb sync` sends it, a later attempt under the same id."""
    os.environ.setdefault("WANDB_SILENT", "true")
    kept.mkdir(parents=True, exist_ok=True)
    return WandbLogger(name=run, id=run, project=project, save_dir=kept, offline=True, log_model=False)


def mlflow(kept: Path, run: str, project: str) -> MLFlowLogger:
    """A run in a folder, which jobs can share as they cannot a SQLite file; or at the user's server."""
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        # From 3.13 on MLflow refuses folders (github.com/mlflow/mlflow/issues/18534) unless it is told this.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        uri = kept.absolute().as_uri()
    return MLFlowLogger(experiment_name=project, run_name=run, tracking_uri=uri)


def hyperparameters(config: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a run, as one flat row: `trainer.learning_rate`, `base_model.path`, `seed`."""
    return dict(_flat(identity(config), ""))


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else str(key))
    else:
        yield name, ", ".join(map(str, value)) if isinstance(value, list) else value
