"""One optimizer step: the gradient of a window's loss, a clip, an update."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from alpaca_exp.errors import InputError
from alpaca_exp.schemas import Optimizer
from alpaca_exp.tuning import optimizers
from alpaca_exp.tuning.data import MicroBatch, Window
from alpaca_exp.tuning.distributed import Sharded
from alpaca_exp.tuning.layers import layers_of
from alpaca_exp.tuning.loss import summed_loss
from alpaca_exp.tuning.ranks import place
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
    optimizer: Optimizer = Optimizer.adamw
    beta1: float = 0.9
    eps: float = 1e-8

    def described(self) -> dict[str, str]:
        """What decides the weights, by the names under which it is set; the same for the same training."""
        group = self.setting.partition(".")[0]
        told = {name: value for name, value in vars(self).items() if name not in ("schedule", "setting")}
        rates = " ".join(f"{self.schedule(step):.9g}" for step in range(self.steps))
        return {
            **{f"{group}.{name}": str(value) for name, value in told.items()},
            "the schedule": f"that with hash {hashlib.sha256(rates.encode()).hexdigest()[:16]}",
        }


class Learner(nn.Module):
    """A model and its loss as one module: what is wrapped to work on several devices."""

    def __init__(self, model: PreTrainedModel, splits: bool) -> None:
        """`splits`: see `loss.Abilities`."""
        super().__init__()
        self.model = model
        self._splits = splits

    def forward(self, batch: MicroBatch) -> Tensor:
        """The sum of the label tokens' cross entropy, in nats."""
        return summed_loss(self.model, batch, self._splits)


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
        self.learner = Learner(model, splits)
        self.recipe = recipe

    def configure_model(self) -> None:
        """Cut the model among the devices, where that is the strategy, before there is an optimizer."""
        strategy = self.trainer.strategy
        if isinstance(strategy, Sharded):
            strategy.shard(self.learner, layers_of(self.learner.model))

    def configure_optimizers(self) -> Any:
        """That of the recipe, for the weights that learn, and its schedule."""
        optimizer = optimizers.build(self.parameters(), self.recipe)
        return [optimizer], [torch.optim.lr_scheduler.LambdaLR(optimizer, self.recipe.schedule)]

    def training_step(self, window: Window, step: int) -> dict[str, Any]:
        """Learn from one window.

        Returns `loss`, in nats, the mean over its label tokens before the update, `learning_rate`, and
        `grad_norm`, of all weights before the clip.
        """
        strategy: Any = self.trainer.strategy
        rank, world = place().rank, place().world
        _seed(self.device, _dropout_seed(self.recipe.seed, step, rank))
        loss = torch.zeros((), device=self.device)
        for number, batch in enumerate(window.micro_batches, 1):
            with strategy.learning(last=number == len(window.micro_batches)) as learner:
                # Devices average their gradients; what is wanted is the sum of their shares.
                part = learner(batch) * world / (batch.divisor or window.label_tokens)
                self.manual_backward(part)
            loss += part.detach()
        loss = strategy.reduce(loss, reduce_op="mean")
        return self._update(loss, window, step)

    def _update(self, loss: Tensor, window: Window, step: int) -> dict[str, Any]:
        """Change the weights; what was measured on the way."""
        optimizer: Any = self.optimizers()
        scheduler: Any = self.lr_schedulers()
        limit = self.recipe.max_grad_norm or math.inf
        norm = nn.utils.clip_grad_norm_(self.parameters(), limit)
        whole = norm.full_tensor() if isinstance(norm, DTensor) else norm
        # The only place in a step where the processor waits for the device.
        measured = torch.stack((loss, whole.to(loss))).cpu()
        if not torch.isfinite(measured).all():
            raise InputError(self._diverged(window, step))
        rate: float = scheduler.get_last_lr()[0]
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()
        return {"loss": measured[0], "learning_rate": rate, "grad_norm": measured[1].item()}

    def _diverged(self, window: Window, step: int) -> str:
        return (
            f"The loss or its gradient is no finite number at step {step + 1} of {self.recipe.steps}; lower "
            f"{self.recipe.setting} (now {self.recipe.learning_rate:g}). The weights before that step are "
            "untouched, and a checkpoint, if there is one, is kept. The step's examples, by their place in "
            f"the data from 0: {', '.join(map(str, sorted(window.examples)))}"
        )


def _seed(device: torch.device, seed: int) -> None:
    """As torch.manual_seed, which takes a stack trace for each kind of device that is not there."""
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


def _dropout_seed(seed: int, step: int, rank: int) -> int:
    """A function of all three, so that a restart needs no state of the generator, and ranks differ."""
    if rank == 0:
        return (seed << 32) + step
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0])
