"""Checkpoints that a kill at any moment leaves usable, and stopping on a signal without loss."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from pytorch_lightning import Callback, LightningModule, Trainer

from alpaca_exp.errors import Stopped

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class WholeFiles(TorchCheckpointIO):
    """Checkpoint files that appear whole or not at all (Lightning's own go through the system's /tmp)."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write beside `path`, bring it to the disk, then give it its name."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f"{target.name}.draft")
        with draft.open("wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, target)


class Checkpoints(Callback):
    """A checkpoint every `every_s` seconds and at a signal; only the newest is kept once it is whole."""

    def __init__(self, folder: Path, every_s: float, steps: int) -> None:
        self._folder, self._every_s, self._steps = folder, every_s, steps
        self._saved = time.monotonic()
        self._stop_asked = False

    def newest(self) -> Path | None:
        """The last whole checkpoint; drafts and broken files are passed over."""
        found = sorted(self._folder.glob("step-*.ckpt"), reverse=True)
        return next((path for path in found if zipfile.is_zipfile(path)), None)

    @contextmanager
    def heeding_signals(self) -> Iterator[None]:
        """Turn SIGTERM and Ctrl-C into a request: finish this step, save, stop."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in SIGNALS}
        self._listen()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen again: by now Lightning has put its own handler in front, which exits without saving."""
        if threading.current_thread() is threading.main_thread():
            self._listen()
        self._saved = time.monotonic()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        """Save where it is due; not behind the last step, where the model itself is about to be saved.

        Raises Stopped, after saving, where a signal asked for it.
        """
        step = trainer.global_step
        due = step < self._steps and time.monotonic() - self._saved >= self._every_s
        if self._stop_asked or due:
            self._save(trainer, step)
        if self._stop_asked:
            raise Stopped(f"stopped after step {step} of {self._steps}; run the same command to go on")

    def _save(self, trainer: Trainer, step: int) -> None:
        path = self._folder / f"step-{step:09d}.ckpt"
        trainer.save_checkpoint(path)
        for older in self._folder.iterdir():
            if older != path:
                older.unlink()
        self._saved = time.monotonic()

    def _listen(self) -> None:
        for number in SIGNALS:
            signal.signal(number, self._ask_to_stop)

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        if self._stop_asked and number == signal.SIGINT:
            raise Stopped("stopped at once; run the same command to go on from the last checkpoint")
        self._stop_asked = True


def remove(folder: Path) -> None:
    """Checkpoints are not needed once the model is saved."""
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
