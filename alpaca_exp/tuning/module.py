"""One optimizer step: the gradient of a window's loss, a clip, an update."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from transformers import PreTrainedModel

from alpaca_exp.errors import InputError
from alpaca_exp.tuning.data import Window
from alpaca_exp.tuning.loss import summed_loss
from alpaca_exp.tuning.schedules import Schedule


@dataclass(frozen=True)
class Recipe:
    """How the weights are changed."""

    steps: int
    learning_rate: float
    schedule: Schedule
    beta2: float
    weight_decay: float
    max_grad_norm: float
    """0: no clipping."""
    seed: int
    """Of dropout."""
    precision: str
    setting: str
    """Where the learning rate is set: what the message about a diverged loss names."""


class Tuning(LightningModule):
    """A causal language model that learns to predict the labels of its windows.

    The loss of a window is the mean over all of its label tokens, however it is cut into
    micro-batches; the mean of the micro-batches' means, which Alpaca's trainer took, is another
    function. The optimization is Lightning's manual one, so that a step is always a whole window
    and a checkpoint never falls between two halves of a gradient.
    """

    def __init__(self, model: PreTrainedModel, recipe: Recipe, splits: bool = True) -> None:
        """`splits`: see `loss.Abilities`."""
        super().__init__()
        self.automatic_optimization = False
        self.model = model
        self.recipe = recipe
        self._splits = splits

    def configure_optimizers(self) -> Any:
        """AdamW in one kernel; norms and biases do not decay."""
        groups = [
            {
                "params": [p for p in self.parameters() if p.ndim >= 2],
                "weight_decay": self.recipe.weight_decay,
            },
            {"params": [p for p in self.parameters() if p.ndim < 2], "weight_decay": 0.0},
        ]
        betas = (0.9, self.recipe.beta2)
        optimizer = torch.optim.AdamW(groups, lr=self.recipe.learning_rate, betas=betas, fused=True)
        return [optimizer], [torch.optim.lr_scheduler.LambdaLR(optimizer, self.recipe.schedule)]

    def training_step(self, window: Window, step: int) -> dict[str, Any]:
        """Learn from one window.

        Returns `loss`, in nats, the mean over its label tokens before the update, and `learning_rate`.
        """
        # Dropout is a function of (seed, step), so a restart needs no state of the generator.
        torch.manual_seed((self.recipe.seed << 32) + step)
        loss = torch.zeros((), device=self.device)
        for batch in window.micro_batches:
            part = summed_loss(self.model, batch, self._splits) / window.label_tokens
            self.manual_backward(part)
            loss += part.detach()
        return {"loss": loss, "learning_rate": self._update(loss, step)}

    def _update(self, loss: Tensor, step: int) -> float:
        """Change the weights; the learning rate used."""
        optimizer: Any = self.optimizers()
        scheduler: Any = self.lr_schedulers()
        limit = self.recipe.max_grad_norm or math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.parameters(), limit)
        if not torch.isfinite(loss + norm):
            raise InputError(self._diverged(step))
        rate: float = scheduler.get_last_lr()[0]
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()
        return rate

    def _diverged(self, step: int) -> str:
        return (
            f"The loss or its gradient is no finite number at step {step + 1} of {self.recipe.steps}; lower "
            f"{self.recipe.setting} (now {self.recipe.learning_rate:g}). The weights before that step are "
            "untouched and the last checkpoint is kept."
        )
