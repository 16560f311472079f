"""The data in the order of training: windows of examples, each one optimizer step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor

from alpaca_exp.tuning.tokens import TokenRow

NO_LABEL = -100


class MicroBatch(NamedTuple):
    """Some sequences of a window, padded to the longest."""

    input_ids: Tensor
    """(sequences, positions): every token but each row's last."""
    labels: Tensor
    """(sequences, kept positions): the token that follows, NO_LABEL where there is nothing to learn."""
    kept: Tensor | None
    """The positions at which some sequence has a label; None for all. The others need no logits."""


class Window(NamedTuple):
    """What one optimizer step learns from."""

    micro_batches: list[MicroBatch]
    label_tokens: int
    tokens: int


class Windows:
    """All windows of a training, one after the other; a position that checkpoints keep says where it stands.

    Which examples are in a window is a function of the rows, `seed` and the window's number; the
    size of the micro-batches changes nothing but the order of additions.
    """

    def __init__(
        self,
        rows: Sequence[TokenRow],
        *,
        batch_size: int,
        micro_batch_size: int,
        epochs: int = 1,
        seed: int | None = None,
        pad: int = 0,
    ) -> None:
        """`seed` None: in the order of the rows."""
        self._rows, self._seed, self._pad = rows, seed, pad
        self._batch_size, self._micro_batch_size = batch_size, micro_batch_size
        self.per_epoch = -(-len(rows) // batch_size)
        self._epochs = epochs
        self._position = 0

    def __len__(self) -> int:
        return self.per_epoch * self._epochs

    def __iter__(self) -> Iterator[Window]:
        for step in range(self._position, len(self)):
            self._position = step + 1
            yield self.window(step)

    def window(self, step: int) -> Window:
        """The window of optimizer step `step`, counted from 0."""
        epoch, number = divmod(step, self.per_epoch)
        chosen = order(len(self._rows), self._seed, epoch)[number * self._batch_size :][: self._batch_size]
        # Rows of like length side by side need little padding; the sum over the window is the same.
        rows = sorted((self._rows[index] for index in chosen), key=lambda row: -len(row.tokens))
        starts = range(0, len(rows), self._micro_batch_size)
        return Window(
            [micro_batch(rows[start : start + self._micro_batch_size], self._pad) for start in starts],
            sum(row.num_labels for row in rows),
            sum(len(row.tokens) for row in rows),
        )

    def state_dict(self) -> dict[str, Any]:
        """The number of windows handed out."""
        return {"position": self._position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on behind the windows that were handed out before."""
        self._position = state["position"]


class TuningData(LightningDataModule):
    """The windows as Lightning asks for them.

    All epochs are one pass to Lightning, so that there is one kind of restart: behind any window.
    """

    def __init__(self, windows: Windows) -> None:
        super().__init__()
        self.windows = windows

    def train_dataloader(self) -> Windows:
        """Stateful: Lightning stores its position with each checkpoint."""
        return self.windows


@lru_cache(maxsize=2)
def order(count: int, seed: int | None, epoch: int) -> list[int]:
    """The rows' order in an epoch, a function of (count, seed, epoch)."""
    if seed is None:
        return list(range(count))
    shuffled: list[int] = np.random.default_rng((seed, epoch)).permutation(count).tolist()
    return shuffled


def micro_batch(rows: Sequence[TokenRow], pad: int) -> MicroBatch:
    """`rows`, padded on the right: causal attention keeps real tokens from seeing the padding."""
    width = len(max((row.tokens for row in rows), key=len)) - 1
    input_ids = np.full((len(rows), width), pad, np.int64)
    labels = np.full((len(rows), width), NO_LABEL, np.int64)
    for place, (tokens, masked) in enumerate(rows):
        end, start = len(tokens) - 1, max(masked - 1, 0)
        input_ids[place, :end] = tokens[:-1]
        labels[place, start:end] = tokens[start + 1 :]
    kept = np.flatnonzero((labels != NO_LABEL).any(axis=0))
    if len(kept) == width:
        return MicroBatch(torch.from_numpy(input_ids), torch.from_numpy(labels), None)
    return MicroBatch(torch.from_numpy(input_ids), torch.from_numpy(labels[:, kept]), torch.from_numpy(kept))
