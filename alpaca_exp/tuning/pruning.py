"""A training as a trial of a study: at its points the study is told how it goes, and may give it up."""

from __future__ import annotations

import functools
import sys
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from alpaca_exp.errors import InputError
from alpaca_exp.study.trial import Trial
from alpaca_exp.tuning.data import Window
from alpaca_exp.tuning.validation import Validation, points

LOSS, VAL_LOSS = "loss", "val_loss"
END = 100


class Pruning(Callback):
    """Reports at each point, and asks whether to go on; not at the last one, where all work is done.

    It only wishes: `Checkpoints`, behind it, brings all ranks to one decision. What was measured is part of
    each checkpoint, so a training that goes on from one reports all of its points, and none twice.
    """

    def __init__(self, trial: Trial | None, validation: Validation, steps: int) -> None:
        """`trial` None: what it would report is only kept, for whoever goes on from a checkpoint.

        Raises InputError where the trial's study wants a validation loss and no rows were set aside.
        """
        self._trial, self._validation = trial, validation
        self._steps, self._points = steps, points(steps)
        self._labels, self._loss = 0, 0.0
        self._values: dict[int, dict[str, float]] = {}
        self.given_up: str | None = None
        """Why the study gives the training up, in a sentence."""
        wanted = trial.note.monitor if trial else None
        if wanted == VAL_LOSS and not validation.measures:
            raise InputError(
                "The study's monitor is val_loss, but no rows are set aside to measure it on; set "
                "trainer.validation_examples, or monitor=loss"
            )
        self._monitor = wanted or (VAL_LOSS if validation.measures else LOSS)

    def state_dict(self) -> dict[str, Any]:
        """What was measured at the points so far, and the beginnings of the next."""
        return {"sums": [self._labels, self._loss], "values": self._values, "given_up": self.given_up}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._labels, self._loss = state_dict["sums"]
        self._values = dict(state_dict["values"])
        self.given_up = state_dict["given_up"] if self._trial else None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell how long it is, and what an earlier attempt, perhaps as another trial, had come to."""
        if self._trial is not None:
            self._asked(functools.partial(self._trial.begin, self._steps))
        self._tell()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Window, batch_idx: int
    ) -> None:
        """Add the window; at a point, report and ask."""
        self._labels += batch.label_tokens
        self._loss += outputs["loss"].item() * batch.label_tokens
        done = self._points.get(batch_idx + 1)
        if done is None:
            return
        val_loss = self._validation.at(batch_idx + 1)
        self._values[done] = {LOSS: self._loss / self._labels} | (
            {} if val_loss is None else {VAL_LOSS: val_loss}
        )
        self._labels, self._loss = 0, 0.0
        self._tell()
        if done != END and self._trial is not None and self._asked(self._trial.should_prune):
            kind, value = self._trial.note.pruner.get("kind"), self._values[done][self._monitor]
            self.given_up = f"pruned at {done} % of its steps: {self._monitor} was {value:.4f} ({kind})"

    def _tell(self) -> None:
        """Report what the trial does not have yet."""
        if self._trial is not None:
            self._asked(self._report)

    def _report(self) -> None:
        assert self._trial is not None
        known = self._trial.reported
        for done, values in self._values.items():
            if done not in known:
                self._trial.report(values[self._monitor], done)

    def _asked(self, question: Any) -> Any:
        """A storage that is out of reach costs a report, not the training."""
        try:
            return question()
        except Exception as error:  # whatever a database's driver raises
            print(f"Note: the study could not be told or asked: {error}", file=sys.stderr, flush=True)
            return None
