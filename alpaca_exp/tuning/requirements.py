"""What trainers and loggers need beside the project's own dependencies: looked for before any work."""

from __future__ import annotations

from importlib.util import find_spec

from alpaca_exp.schemas import (
    LoggerConfig,
    LoraTrainerConfig,
    MlflowConfig,
    Optimizer,
    Quantization,
    TensorBoardConfig,
    TrainerConfig,
    WandbConfig,
)

INSTALL = {
    "peft": 'pip install -c constraints.txt torch -e ".[lora]"',
    "bitsandbytes": "pip install bitsandbytes",
    "torchao": "pip install torchao",
}


def lacking(trainer: TrainerConfig) -> list[str]:
    """One sentence for each package that `trainer` needs and that is not installed."""
    return [
        f"{asked} needs {package}, which is not installed: {INSTALL[package]}; or set {instead}"
        for asked, package, instead in _needs(trainer)
        if find_spec(package) is None
    ]


def logger_lacking(logger: LoggerConfig) -> list[str]:
    """The same for a logger."""
    packages = {TensorBoardConfig: "tensorboard", WandbConfig: "wandb", MlflowConfig: "mlflow"}
    package = packages.get(type(logger))
    if package is None or find_spec(package) is not None:
        return []
    install = f'pip install -c constraints.txt torch -e ".[{package}]"'
    return [f"logger={package} needs {package}, which is not installed: {install}; or set logger=csv"]


def _needs(trainer: TrainerConfig) -> list[tuple[str, str, str]]:
    """Which setting needs which package, and what would do without."""
    needs = []
    if isinstance(trainer, LoraTrainerConfig):
        needs.append(("a LoRA trainer", "peft", "trainer=matched, which tunes all weights"))
        if trainer.quantization is not Quantization.none:
            asked = f"trainer.quantization={trainer.quantization.value}"
            needs.append((asked, "bitsandbytes", "trainer.quantization=none (as trainer=lora does)"))
    packages = {Optimizer.adamw_8bit: "bitsandbytes", Optimizer.adamw_8bit_torchao: "torchao"}
    if package := packages.get(trainer.optimizer):
        asked = f"trainer.optimizer={trainer.optimizer.value}"
        needs.append((asked, package, "trainer.optimizer=adamw"))
    return needs
