"""The loss of rows that nothing is learnt from, at fixed points of a training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn

from alpaca_exp.tuning.data import Window, Windows
from alpaca_exp.tuning.ranks import place
from alpaca_exp.tuning.tokens import TokenRow, TokenRows

POINTS = 10
"""At so many points of a training, evenly over its steps, it is looked at: the last is its end."""
STREAM = 1
"""Of the random numbers of a seed: the draw has others than the order of the rows."""


def points(steps: int) -> dict[int, int]:
    """The steps, counted from 1, at which a training is looked at, with the per cent of it that are done.

    A training of fewer steps has fewer points; none is nearer its end than it says.
    """
    return {math.ceil(steps * point / POINTS): 100 * point // POINTS for point in range(1, POINTS + 1)}


def set_aside(rows: TokenRows, count: int, seed: int) -> tuple[TokenRows, TokenRows]:
    """What is learnt from, and `count` rows that are not, both in the order of `rows`.

    With the same seed, a larger draw holds the smaller one.
    """
    drawn = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAM,))).permutation(len(rows))
    return rows.at(np.sort(drawn[count:])), rows.at(np.sort(drawn[:count]))


def whole(rows: Sequence[TokenRow], *, micro_batch_size: int, pad: int) -> Windows:
    """All rows as one window, of which each rank takes its share."""
    return Windows(rows, batch_size=len(rows), micro_batch_size=micro_batch_size, pad=pad)


class Validation(Callback):
    """Measures `val_loss` at each point: the mean over the label tokens, in nats, as training computes it.

    It changes nothing of the training: no random number is drawn, no weight touched. It belongs before
    those callbacks that read what it measured.
    """

    def __init__(self, held_out: Windows | None, steps: int) -> None:
        """`held_out` None: there is nothing to measure."""
        self._held_out, self._points = held_out, points(steps)
        self._newest: tuple[int, float] | None = None

    @property
    def measures(self) -> bool:
        """Whether there are rows to measure it on."""
        return self._held_out is not None

    def at(self, step: int) -> float | None:
        """What it was behind this step; None: it was not measured there."""
        return self._newest[1] if self._newest and self._newest[0] == step else None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Window, batch_idx: int
    ) -> None:
        """Measure, where it is time; all ranks do so at the same step."""
        if self._held_out is not None and batch_idx + 1 in self._points:
            self._newest = batch_idx + 1, _mean_loss(trainer, pl_module, self._held_out.window(0))


@torch.no_grad()
def _mean_loss(trainer: Trainer, pl_module: Any, window: Window) -> float:
    """Over the label tokens of a window, of which every rank computes its share."""
    strategy: Any = trainer.strategy
    losses = []
    with _evaluated(pl_module.learner) as learner, trainer.precision_plugin.val_step_context():
        for batch in window.micro_batches:
            losses.append(learner(strategy.batch_to_device(batch)).float())
    total = torch.stack(losses).cpu().double().sum()
    if place().world > 1:
        total = strategy.reduce(total.to(strategy.root_device), reduce_op="sum")
    return total.item() / window.label_tokens


@contextmanager
def _evaluated(module: nn.Module) -> Iterator[nn.Module]:
    """While inside, nothing is dropped out."""
    learning = [part for part in module.modules() if part.training]
    for part in learning:
        part.training = False
    try:
        yield module
    finally:
        for part in learning:
            part.training = True
