"""What a training says on its way: `metrics.csv`, the loggers' curves, and one line of progress."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from alpaca_exp.progress import Steps
from alpaca_exp.tuning.data import Window
from alpaca_exp.tuning.validation import Validation
from alpaca_exp.tuning.yardstick import Yardstick

COLUMNS = "step,epoch,loss,learning_rate,tokens,grad_norm"
VAL_LOSS = "val_loss"
"""A further column, where rows are set aside; empty but at the points where it is measured."""
SHOWN_EVERY_S = 0.2
SHOWN_AT_ONCE = 2
"""Of the first steps each is shown when it is done: whether a training works is soon seen."""


class Metrics(Callback):
    """A line of `metrics.csv` every so many steps and where `val_loss` is measured; the same to the loggers.

    `step` counts from 1; `loss` is the mean over the label tokens since the last line, `grad_norm` that of
    the last step's gradient before the clip, `tokens` what was read so far, padding aside. The lines are
    part of each checkpoint, so the file of a resumed training is the file of an uninterrupted one. Loggers
    are told more, which differs from machine to machine: tokens a second, MFU, dollars.
    """

    def __init__(
        self,
        path: Path,
        *,
        every_n_steps: int,
        steps: int,
        per_epoch: int,
        yardstick: Yardstick | None = None,
        told: Mapping[str, Any] | None = None,
        validation: Validation | None = None,
    ) -> None:
        """`told`: the hyper-parameters that loggers note."""
        self._validation = validation if validation is not None and validation.measures else None
        self._columns = f"{COLUMNS},{VAL_LOSS}" if self._validation else COLUMNS
        self._path, self._every, self._steps, self._per_epoch = path, every_n_steps, steps, per_epoch
        self._lines: list[str] = []
        self._tokens, self._labels, self._loss = 0, 0, 0.0
        self._told, self._stretch = told or {}, Stretch(yardstick or Yardstick())

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
        draft.write_text("\n".join([self._columns, *self._lines]) + "\n", encoding="utf-8")
        os.replace(draft, self._path)
        for logger in trainer.loggers:
            logger.log_hyperparams(dict(self._told))
            for line in self._lines:
                self._log(logger, line, {})
        self._stretch.begin()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Window, batch_idx: int
    ) -> None:
        """Add the window; write a line where one is due."""
        step = batch_idx + 1
        self._tokens += batch.tokens
        self._labels += batch.label_tokens
        self._loss += outputs["loss"].item() * batch.label_tokens
        self._stretch.add(batch)
        val_loss = self._validation.at(step) if self._validation else None
        if step % self._every and step != self._steps and val_loss is None:
            return
        line = (
            f"{step},{step / self._per_epoch:.4f},{self._loss / self._labels:.6f},"
            f"{outputs['learning_rate']:.6g},{self._tokens},{outputs['grad_norm']:.6g}"
        )
        if self._validation:
            line += "," if val_loss is None else f",{val_loss:.6f}"
        self._lines.append(line)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        for logger in trainer.loggers:
            self._log(logger, line, self._stretch.measured())
        self._labels, self._loss = 0, 0.0
        self._stretch.begin()

    def _log(self, logger: Any, line: str, more: Mapping[str, float]) -> None:
        named = dict(zip(self._columns.split(","), line.split(","), strict=True))
        step = int(named.pop("step"))
        logger.log_metrics({**{name: float(text) for name, text in named.items() if text}, **more}, step=step)


class Shown(Callback):
    """Tells the progress line of steps done, speed, dollars and the loss, a few times a second at most."""

    def __init__(self, steps: Steps, yardstick: Yardstick | None = None) -> None:
        self._progress, self._stretch = steps, Stretch(yardstick or Yardstick())

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Steps of an earlier attempt count as done."""
        self._progress.advance(trainer.global_step)
        self._stretch.begin()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Window, batch_idx: int
    ) -> None:
        """Count; show where it is time."""
        self._stretch.add(batch)
        if self._stretch.seconds >= SHOWN_EVERY_S or batch_idx < SHOWN_AT_ONCE:
            self._show(f"loss {outputs['loss'].item():.3f}")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show what is left to show."""
        self._show("")

    def _show(self, loss: str) -> None:
        steps = self._stretch.steps
        parts = [*self._stretch.said(), loss] if steps else []
        self._progress.advance(steps, ", ".join(filter(None, parts)))
        self._stretch.begin()


@dataclass
class Stretch:
    """What was done, and how fast, since it last began."""

    yardstick: Yardstick
    steps: int = 0
    tokens: int = 0
    sequences: int = 0
    usd: float = 0.0
    """Since the first beginning."""
    since: float | None = None

    @property
    def seconds(self) -> float:
        """Since it began."""
        return 0.0 if self.since is None else max(time.monotonic() - self.since, 1e-9)

    def begin(self) -> None:
        """Count from nothing again; dollars add up."""
        self.usd += self.yardstick.usd(self.seconds) or 0.0
        self.since, self.steps, self.tokens, self.sequences = time.monotonic(), 0, 0, 0

    def add(self, window: Window) -> None:
        """One more step."""
        self.steps += 1
        self.tokens += window.tokens
        self.sequences += len(window.examples)

    def measured(self) -> dict[str, float]:
        """By the names that loggers draw them under; what is not known is left out."""
        seconds = self.seconds
        usd = self.yardstick.usd(seconds)
        known = {
            "tokens_per_second": self.tokens / max(seconds, 1e-9),
            "mfu": self.yardstick.mfu(self.tokens, self.sequences, seconds),
            "usd": None if usd is None else self.usd + usd,
        }
        return {name: value for name, value in known.items() if value is not None}

    def said(self) -> list[str]:
        """The same in words, for the progress line."""
        measured = self.measured()
        words = {"tokens_per_second": "{:,.0f} tokens/s", "mfu": "MFU {:.0%}", "usd": "${:,.2f}"}
        return [text.format(measured[name]) for name, text in words.items() if name in measured]
