"""Checkpoints that a kill at any moment leaves usable, and stopping on a signal without loss."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from alpaca_exp.errors import InputError, Interrupted, Pruned
from alpaca_exp.tuning.distributed import REST, rest_of
from alpaca_exp.tuning.ranks import place
from alpaca_exp.tuning.signals import heeding, listen

GO_ON, SAVE, PRUNE, STOP = 0, 1, 2, 3
"""What the ranks agree on behind a step: the most that any of them wants."""


class Checkpoints(Callback):
    """A checkpoint every `every_s` seconds and at a signal; only the newest is kept once it is whole.

    Behind each step all ranks agree on whether to go on, and how to end.
    """

    def __init__(
        self,
        folder: Path,
        every_s: float,
        steps: int,
        made_by: Mapping[str, str],
        given_up: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`made_by`: what this training is, in words; a checkpoint of another one is refused.

        `given_up`: why this training is to end before its time, as the first rank knows it.
        """
        self._folder, self._every_s, self._steps = folder, every_s, steps
        self._made_by, self._given_up = dict(made_by), given_up
        self._saved = time.monotonic()
        self._stop_asked: int | None = None

    def state_dict(self) -> dict[str, Any]:
        """What the training is whose checkpoint this is."""
        return {"made_by": self._made_by}

    def newest(self) -> Path | None:
        """The last whole checkpoint; drafts and broken ones are passed over.

        Raises InputError where it is another training's.
        """
        found = sorted(self._folder.glob("step-*.ckpt"), reverse=True)
        path = next((path for path in found if (path / REST).exists()), None)
        if path is not None:
            self._check(path)
        return path

    @contextmanager
    def heeding_signals(self) -> Iterator[None]:
        """Turn SIGTERM and Ctrl-C into a request: finish this step, save, stop.

        One that comes when all steps are over, and their last chance to save, is passed on.
        """
        with heeding(self._ask_to_stop):
            yield
        if self._stop_asked is not None:
            signal.raise_signal(self._stop_asked)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen again: by now Lightning has put its own handler in front, which exits without saving."""
        listen(self._ask_to_stop)
        self._saved = time.monotonic()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        """Save where it is due; not behind the last step, where the model itself is about to be saved.

        Raises Interrupted, after saving, where a signal asked for it. Raises Pruned where the training was
        given up: its checkpoints are deleted, since a study never comes back to it, and a large model's
        take more room than all that is kept.
        """
        step = trainer.global_step
        agreed = self._agreed(trainer, step)
        if agreed == PRUNE:
            if place().rank == 0:
                remove(self._folder)
            raise Pruned(self._given_up() or f"pruned after step {step} of {self._steps}")
        if agreed != GO_ON:
            self._save(trainer, step)
        if agreed == STOP:
            raise Interrupted(f"stopped after step {step} of {self._steps}; run the same command to go on")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A signal that came behind the last step counts too: it is saved, since no model is yet."""
        if self._agreed(trainer, trainer.global_step) == STOP:
            self._save(trainer, trainer.global_step)
            raise Interrupted(
                f"stopped after step {trainer.global_step} of {self._steps}; run the same command to go on"
            )

    def _agreed(self, trainer: Trainer, step: int) -> int:
        """The same on all ranks: whether it is time, or over, is the first one's to say, a stop any one's."""
        due = step < self._steps and time.monotonic() - self._saved >= self._every_s
        wanted = GO_ON
        if place().rank == 0:
            wanted = PRUNE if self._given_up() else SAVE if due else GO_ON
        if self._stop_asked is not None:
            wanted = STOP
        if place().world == 1:
            return wanted
        wanted_here = torch.tensor(wanted, device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(wanted_here, reduce_op="max"))

    def _save(self, trainer: Trainer, step: int) -> None:
        path = self._folder / f"step-{step:09d}.ckpt"
        trainer.save_checkpoint(path)
        if place().rank == 0:
            for older in self._folder.iterdir():
                if older != path:
                    _remove(older)
        self._saved = time.monotonic()

    def _check(self, path: Path) -> None:
        theirs = rest_of(path)["callbacks"][self.state_key]["made_by"]
        differing = [name for name in theirs | self._made_by if theirs.get(name) != self._made_by.get(name)]
        if differing:
            told = "; ".join(
                f"{name} was {theirs.get(name, 'not set')} and is now {self._made_by.get(name, 'not set')}"
                for name in differing
            )
            raise InputError(
                f"The checkpoint {path} is another training's: {told}. Change that back to go on from it, or "
                f"delete {self._folder} to begin anew"
            )

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        if self._stop_asked is not None and number == signal.SIGINT:
            raise Interrupted("stopped at once; run the same command to go on from the last checkpoint")
        self._stop_asked = number


def step_of(checkpoint: Path) -> int:
    """Behind which step it was saved."""
    return int(checkpoint.stem.removeprefix("step-"))


def remove(folder: Path) -> None:
    """Checkpoints are not needed once the model is saved."""
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()
