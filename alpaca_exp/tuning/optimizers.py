"""What changes the weights: AdamW in one kernel, its 8-bit kin, Adafactor, SGD."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any, Protocol

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from alpaca_exp.errors import InputError
from alpaca_exp.schemas import Optimizer

EIGHT_BITS = {Optimizer.adamw_8bit: "bitsandbytes.optim", Optimizer.adamw_8bit_torchao: "torchao.optim"}
"""Where each AdamW whose two moments take a byte a weight lives; both are called AdamW8bit."""

WHOLE = (Optimizer.adafactor, Optimizer.adamw_8bit)
"""Those that know nothing of matrices whose rows lie on several devices."""


class Settings(Protocol):
    """What an optimizer is told: `module.Recipe` says it all."""

    @property
    def optimizer(self) -> Optimizer:
        """Which."""

    @property
    def learning_rate(self) -> float:
        """The peak."""

    @property
    def beta1(self) -> float:
        """AdamW's first moment; SGD's momentum."""

    @property
    def beta2(self) -> float:
        """AdamW's second moment."""

    @property
    def eps(self) -> float:
        """AdamW's."""

    @property
    def weight_decay(self) -> float:
        """Of matrices, apart from the gradient but for SGD's; norms and biases do not decay."""


def build(parameters: Iterable[nn.Parameter], settings: Settings) -> torch.optim.Optimizer:
    """The optimizer of those `parameters` that learn; frozen ones take no state.

    Raises InputError where it is in a package that is not installed, or cannot work on parts of a matrix.
    """
    groups = decaying(parameters, settings.weight_decay)
    if settings.optimizer in WHOLE and any(isinstance(p, DTensor) for g in groups for p in g["params"]):
        raise InputError(
            f"trainer.optimizer={settings.optimizer.name} wants whole matrices, and these are cut among "
            "devices; set runtime.strategy=ddp, or trainer.optimizer=adamw"
        )
    rate, betas = settings.learning_rate, (settings.beta1, settings.beta2)
    match settings.optimizer:
        case Optimizer.adamw:
            return torch.optim.AdamW(groups, lr=rate, betas=betas, eps=settings.eps, fused=True)
        case Optimizer.adafactor:
            return torch.optim.Adafactor(groups, lr=rate)
        case Optimizer.sgd:
            return torch.optim.SGD(groups, lr=rate, momentum=settings.beta1)
        case Optimizer.adamw_8bit | Optimizer.adamw_8bit_torchao:
            made: torch.optim.Optimizer = _eight_bits(settings.optimizer)(
                groups, lr=rate, betas=betas, eps=settings.eps
            )
            return made


def decaying(parameters: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Two groups: matrices, which decay, and vectors, which do not; empty ones are left out."""
    learnt = [p for p in parameters if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in learnt if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in learnt if p.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _eight_bits(optimizer: Optimizer) -> Any:
    place = EIGHT_BITS[optimizer]
    try:
        return importlib.import_module(place).AdamW8bit
    except (ImportError, AttributeError) as error:
        package = place.partition(".")[0]
        raise InputError(
            f"trainer.optimizer={optimizer.value} needs {package} ({error}): pip install {package}, or set "
            "trainer.optimizer=adamw"
        ) from None
