"""One whole experiment, and where it runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Optional

from omegaconf import MISSING

from alpaca_exp.schemas.asked import TeacherConfig
from alpaca_exp.schemas.claims import claims_of
from alpaca_exp.schemas.fields import at_least, identity, runtime
from alpaca_exp.schemas.judges import JudgeConfig
from alpaca_exp.schemas.measured import EvalSuiteConfig
from alpaca_exp.schemas.readers import CriticConfig, RaterConfig
from alpaca_exp.schemas.trainers import TrainerConfig
from alpaca_exp.schemas.tuned import BaseModelConfig
from alpaca_exp.schemas.tuning import DatasetVariantConfig
from alpaca_exp.schemas.world import WorldConfig

# ruff: noqa: UP045 — OmegaConf reads these annotations at run time and wants Optional[...]


class Action(Enum):
    """What to do with the composed experiment."""

    run = "run"
    plan = "plan"
    rehearse = "rehearse"
    prefetch = "prefetch"


@dataclass
class RuntimeConfig:
    """Where and how the experiment runs. Never part of an artifact's identity."""

    outputs: Path = runtime("where everything goes", Path("outputs"))
    offline: bool = runtime("never touch the network; what the hub has comes from `prefetched`", False)
    prefetched: Path = runtime("what action=prefetch fetched, and is not fetched again", Path("prefetched"))
    num_threads: Optional[int] = runtime("threads of the mathematics; null: as many as torch takes", None)
    workers: int = runtime("jobs of a sweep that run side by side on this machine", 1)
    accelerator: str = runtime("Lightning's: auto, cpu, gpu", "auto")
    devices: str = runtime("devices of a machine that train one model together: a number, or auto: all", "1")
    num_nodes: int = runtime("machines that train one model together; the command is started on each", 1)
    strategy: str = runtime("of several devices: auto, ddp (a copy on each), fsdp (a part on each)", "auto")
    gpu: Optional[str] = runtime("plan for this GPU, such as H100; null: the one that is here", None)
    device_memory_gb: Optional[float] = runtime("memory of one device; null: ask it", None)
    gpu_usd_per_hour: float = runtime("what an hour of one GPU costs", 0.0)
    checkpoint_every_s: float = runtime("seconds between two checkpoints of a training", 60.0)
    trial: Optional[Path] = runtime("which trial of a study this is: written by its sweeper", None)
    remake_damaged: bool = runtime("make damaged artifacts again instead of stopping", False)
    detach: bool = runtime("submit a sweep's jobs to SLURM and return, without waiting for them", False)
    max_restarts: int = runtime(
        "how often SLURM may start a job again that was preempted, out of time, or lost with its node", 10
    )

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        if self.num_threads is not None and self.num_threads < 1:
            yield f"runtime.num_threads is {self.num_threads}; it must be 1 or more, or null"
        if self.workers < 1:
            yield f"runtime.workers is {self.workers}; it must be 1 or more"
        if self.accelerator not in ("auto", "cpu", "gpu"):
            yield f"runtime.accelerator is {self.accelerator}; it must be auto, cpu or gpu"
        if self.device_memory_gb is not None and not self.device_memory_gb > 0:
            yield f"runtime.device_memory_gb is {self.device_memory_gb}; it must be above 0, or null"
        if self.devices != "auto" and not (self.devices.isdecimal() and int(self.devices) >= 1):
            yield f"runtime.devices is {self.devices}; it must be 1 or more, or auto"
        if self.max_restarts < 0:
            yield f"runtime.max_restarts is {self.max_restarts}; it must be 0 or more"
        if self.num_nodes < 1:
            yield f"runtime.num_nodes is {self.num_nodes}; it must be 1 or more"
        if self.strategy not in ("auto", "ddp", "fsdp"):
            yield f"runtime.strategy is {self.strategy}; it must be auto, ddp or fsdp"


@dataclass
class LoggerConfig:
    """What a training writes down on its way."""

    every_n_steps: int = runtime("steps between two lines of metrics.csv", 10)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from at_least(self, "logger", every_n_steps=1)


@dataclass
class TensorBoardConfig(LoggerConfig):
    """Curves beside metrics.csv, for TensorBoard."""


@dataclass
class WandbConfig(LoggerConfig):
    """Curves beside metrics.csv, for Weights & Biases: written here, sent when you say so."""

    project: str = runtime("under which name they are listed", "alpaca_exp")


@dataclass
class MlflowConfig(LoggerConfig):
    """Curves beside metrics.csv, for MLflow: in a folder, or where MLFLOW_TRACKING_URI says."""

    project: str = runtime("under which name they are listed", "alpaca_exp")


@dataclass
class ReportConfig:
    """How a sweep's page is arranged; no part of what is made."""

    rows: Optional[str] = runtime("the axis of the rows; null: a sweep ends without a page", None)
    columns: Optional[str] = runtime("the axis of the columns; null: one column a metric", None)
    metrics: list[str] = runtime("what is shown; none: the usual ones", [])
    baseline: Optional[str] = runtime("the row that the others are compared with", None)
    factors: list[str] = runtime("to what changes are attributed; none: what is varied", [])

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        if self.columns is not None and self.columns == self.rows:
            yield f"report.columns is {self.columns}, as report.rows is; choose another axis"


@dataclass
class ExperimentConfig:
    """One whole experiment."""

    name: str = runtime("the experiment's name in folders and tables", "default")
    preset: str = runtime("miniature, local or paper", MISSING)
    scale: str = runtime("small (stands for 7B) or large (13B)", MISSING)
    seed: int = identity("order, dropout, sampling; what a sweep varies", 0)
    action: Action = runtime(
        "run the stages; plan: say what that would do; rehearse: measure what it would take; "
        "prefetch: fetch what it needs from the hub",
        Action.run,
    )
    world: WorldConfig = identity("the miniature's world", MISSING)
    teacher: TeacherConfig = identity("who writes the data", MISSING)
    critic: CriticConfig = identity("who reads the data", MISSING)
    rater: RaterConfig = identity("who gives each row a score", MISSING)
    base_model: BaseModelConfig = identity("where tuning starts", MISSING)
    dataset_variant: DatasetVariantConfig = identity("what is tuned on", MISSING)
    trainer: TrainerConfig = identity("how it is tuned", MISSING)
    eval_suite: EvalSuiteConfig = identity("what is measured", MISSING)
    judge: JudgeConfig = identity("who compares the answers", MISSING)
    logger: LoggerConfig = runtime("what is logged", MISSING)
    report: ReportConfig = runtime("how a sweep's page is arranged", ReportConfig)
    claims: dict[str, Any] = runtime("what is claimed of the runs, for `report claims` to judge", {})
    runtime: RuntimeConfig = runtime("where and how it runs", MISSING)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from (f"claims.{problem}" for problem in claims_of(self.claims)[1])
