"""The data in the order of training: windows of examples, each one optimizer step."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningDataModule
from torch import Tensor

from alpaca_exp.tuning.tokens import TokenRow


class MicroBatch(NamedTuple):
    """Some sequences of a window: side by side, padded to the longest, or packed end to end."""

    input_ids: Tensor
    """(sequences, positions), every token but each sequence's last; packed: (1, tokens)."""
    labels: Tensor
    """(label tokens): the tokens to be predicted."""
    places: Tensor
    """(label tokens): where in the flattened `input_ids` each of them is predicted."""
    position_ids: Tensor | None = None
    """(1, tokens): the place of each token in its own sequence; None: padded."""
    ends: Tensor | None = None
    """(sequences + 1): where each packed sequence begins, and the end of the last; None: padded."""
    longest: int | None = None
    """Tokens of the longest packed sequence."""
    divisor: int | None = None
    """What its summed loss is divided by; None: the window's label tokens."""


class Window(NamedTuple):
    """What one optimizer step learns from."""

    micro_batches: list[MicroBatch]
    label_tokens: int
    tokens: int
    examples: NDArray[np.int64]
    """Which of the rows these are, of all ranks."""


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
        mean_over: int | None = None,
    ) -> None:
        """`seed` None: in the order of the rows.

        `mean_over`: the loss is the mean of the means over so many examples each, taken as they were
        drawn, which are the micro-batches then; None: the mean over the window's label tokens.

        `micro_batch_size` counts sequences as long as the longest: packed, there may be more of them,
        as long as there are no more tokens.
        """
        self.rows, self._seed, self._pad = rows, seed, pad
        self.packed = False
        """Whether micro-batches are packed: for models whose attention can be told of it."""
        self._batch_size, self._micro_batch_size = batch_size, micro_batch_size
        self._mean_over = mean_over
        self.per_epoch = -(-len(rows) // batch_size)
        self._epochs = epochs
        self._position = 0
        self._longest = max((len(row.tokens) - 1 for row in rows), default=0)
        self._most_tokens = micro_batch_size * self._longest
        self._rank, self._ranks = 0, 1

    def __len__(self) -> int:
        return self.per_epoch * self._epochs

    def __iter__(self) -> Iterator[Window]:
        for step in range(self._position, len(self)):
            self._position = step + 1
            yield self.window(step)

    def limit(self, tokens: int) -> None:
        """Let no packed micro-batch have more than `tokens`, but for a row that alone is longer."""
        self._most_tokens = min(self._most_tokens, max(tokens, self._longest))

    def share(self, rank: int, ranks: int) -> None:
        """Hand out this rank's part of each window; its counts stay the whole window's."""
        self._rank, self._ranks = rank, ranks

    def window(self, step: int) -> Window:
        """The window of optimizer step `step`, counted from 0."""
        epoch, number = divmod(step, self.per_epoch)
        chosen = order(len(self.rows), self._seed, epoch)[number * self._batch_size :][: self._batch_size]
        drawn = [self.rows[index] for index in chosen]
        return Window(
            [self._batch(part, len(drawn)) for part in self._dealt(drawn)],
            sum(row.num_labels for row in drawn),
            sum(len(row.tokens) for row in drawn),
            np.array(chosen),
        )

    def _batch(self, rows: Sequence[TokenRow], drawn: int) -> MicroBatch:
        """Of some of the window's `drawn` rows."""
        batch = packed_batch(rows) if self.packed else padded_batch(rows, self._pad)
        if self._mean_over is None or not len(batch.labels):
            return batch
        return batch._replace(divisor=-(-drawn // self._mean_over) * len(batch.labels))

    def _dealt(self, drawn: Sequence[TokenRow]) -> list[Sequence[TokenRow]]:
        """This rank's micro-batches: as many as any rank's, the last of them without a label, if need be.

        All ranks must take part in each pass of a model whose parts they have.
        """
        shares = [self._parts(drawn, rank) for rank in range(self._ranks)]
        mine, most = shares[self._rank], max(map(len, shares))
        return mine + [[TokenRow(drawn[-1].tokens[:2], 2)]] * (most - len(mine))

    def _parts(self, drawn: Sequence[TokenRow], rank: int) -> list[Sequence[TokenRow]]:
        if self._mean_over is not None:
            starts = range(rank * self._mean_over, len(drawn), self._ranks * self._mean_over)
            return [drawn[start : start + self._mean_over] for start in starts]
        # Rows of like length side by side need little padding; the sum over the window is the same.
        rows = sorted(drawn, key=lambda row: -len(row.tokens))[rank :: self._ranks]
        return list(self._filled(rows) if self.packed else self._counted(rows))

    def _counted(self, rows: Sequence[TokenRow]) -> Iterator[Sequence[TokenRow]]:
        for start in range(0, len(rows), self._micro_batch_size):
            yield rows[start : start + self._micro_batch_size]

    def _filled(self, rows: Sequence[TokenRow]) -> Iterator[Sequence[TokenRow]]:
        start = tokens = 0
        for end, row in enumerate(rows):
            tokens += len(row.tokens) - 1
            if tokens > self._most_tokens:
                yield rows[start:end]
                start, tokens = end, len(row.tokens) - 1
        if rows:
            yield rows[start:]

    def described(self) -> dict[str, str]:
        """What decides which examples are in which window."""
        digest = hashlib.sha256()
        for tokens, masked in self.rows:
            digest.update(np.asarray([len(tokens), masked], np.int64).tobytes())
            digest.update(np.asarray(tokens, np.int32).tobytes())
        return {
            "the rows": f"{len(self.rows)} with hash {digest.hexdigest()[:16]}",
            "the rows of a window": str(self._batch_size),
            "the seed of their order": str(self._seed),
            "the passes through them": str(self._epochs),
            "the examples of a mean": str(self._mean_over or "the whole window"),
        }

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


def padded_batch(rows: Sequence[TokenRow], pad: int = 0) -> MicroBatch:
    """`rows`, padded on the right: causal attention keeps real tokens from seeing the padding."""
    width = len(max((row.tokens for row in rows), key=len)) - 1
    input_ids = np.full((len(rows), width), pad, np.int64)
    for place, row in enumerate(rows):
        input_ids[place, : len(row.tokens) - 1] = row.tokens[:-1]
    return MicroBatch(torch.from_numpy(input_ids), *_labels(rows, [width] * len(rows)))


def packed_batch(rows: Sequence[TokenRow]) -> MicroBatch:
    """`rows` end to end, without padding."""
    lengths = [len(row.tokens) - 1 for row in rows]
    return MicroBatch(
        torch.from_numpy(np.concatenate([row.tokens[:-1] for row in rows]).astype(np.int64))[None],
        *_labels(rows, lengths),
        torch.from_numpy(np.concatenate([np.arange(length) for length in lengths]))[None],
        torch.from_numpy(np.cumsum([0, *lengths], dtype=np.int32)),
        max(lengths),
    )


def _labels(rows: Sequence[TokenRow], widths: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The tokens to be predicted, and where, if each row takes `widths` positions."""
    labels, places, start = [], [], 0
    for (tokens, masked), width in zip(rows, widths, strict=True):
        first = max(masked, 1)
        labels.append(tokens[first:])
        places.append(np.arange(first - 1, len(tokens) - 1) + start)
        start += width
    return (
        torch.from_numpy(np.concatenate(labels).astype(np.int64)),
        torch.from_numpy(np.concatenate(places).astype(np.int64)),
    )
