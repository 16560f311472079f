"""What a training says on its way: `metrics.csv`, and one line of progress."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from alpaca_exp.progress import Steps
from alpaca_exp.tuning.data import Window

COLUMNS = "step,epoch,loss,learning_rate,tokens"
SHOWN_EVERY_S = 0.2
SHOWN_AT_ONCE = 2
"""Of the first steps each is shown when it is done: whether a training works is soon seen."""


class Metrics(Callback):
    """A line of `metrics.csv` every so many steps: the mean loss of the label tokens since the last line.

    `step` counts from 1, `tokens` is what was read so far, padding aside. The lines are part of each
    checkpoint, so the file of a resumed training is the file of an uninterrupted one.
    """

    def __init__(self, path: Path, *, every_n_steps: int, steps: int, per_epoch: int) -> None:
        self._path, self._every, self._steps, self._per_epoch = path, every_n_steps, steps, per_epoch
        self._lines: list[str] = []
        self._tokens, self._labels, self._loss = 0, 0, 0.0

    def state_dict(self) -> dict[str, Any]:
        """The lines written, and the beginnings of the next one."""
        return {"lines": self._lines, "sums": [self._tokens, self._labels, self._loss]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._lines = list(state_dict["lines"])
        self._tokens, self._labels, self._loss = state_dict["sums"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write anew what the checkpoint holds: a killed attempt may have written further."""
        draft = self._path.with_name(f"{self._path.name}.draft")
        draft.write_text("\n".join([COLUMNS, *self._lines]) + "\n", encoding="utf-8")
        os.replace(draft, self._path)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Window, batch_idx: int
    ) -> None:
        """Add the window; write a line where one is due."""
        step = batch_idx + 1
        self._tokens += batch.tokens
        self._labels += batch.label_tokens
        self._loss += outputs["loss"].item() * batch.label_tokens
        if step % self._every and step != self._steps:
            return
        rate = outputs["learning_rate"]
        line = (
            f"{step},{step / self._per_epoch:.4f},{self._loss / self._labels:.6f},{rate:.6g},{self._tokens}"
        )
        self._lines.append(line)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self._labels, self._loss = 0, 0.0


class Shown(Callback):
    """Tells the progress line of steps done, tokens a second and the loss, a few times a second at most."""

    def __init__(self, steps: Steps) -> None:
        self._progress = steps
        self._since, self._steps, self._tokens = time.monotonic(), 0, 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Steps of an earlier attempt count as done."""
        self._progress.advance(trainer.global_step)
        self._since = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Window, batch_idx: int
    ) -> None:
        """Count; show where it is time."""
        self._steps += 1
        self._tokens += batch.tokens
        seconds = time.monotonic() - self._since
        if seconds >= SHOWN_EVERY_S or batch_idx < SHOWN_AT_ONCE:
            self._show(seconds, f"loss {outputs['loss'].item():.3f}")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show what is left to show."""
        self._show(time.monotonic() - self._since, "")

    def _show(self, seconds: float, loss: str) -> None:
        speed = f"{self._tokens / max(seconds, 1e-9):,.0f} tokens/s"
        self._progress.advance(self._steps, ", ".join(filter(None, (speed, loss))) if self._steps else "")
        self._since, self._steps, self._tokens = time.monotonic(), 0, 0
