"""The next tokens of sequences in one padded batch: what any architecture can do."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel


class Padded:
    """Sequences that start together; finished ones leave, and new ones wait for the last of them."""

    def __init__(self, model: PreTrainedModel, pad: int) -> None:
        self._model, self._pad = model, pad
        self._known = set(inspect.signature(model.forward).parameters)
        self._texts: list[list[int]] = []
        self._rows: list[int] = []
        """Each slot's row in the batch, which keeps the rows of the finished."""
        self._cache: Any = None
        self._mask = torch.empty(0)

    def join(self, tokens: Sequence[int]) -> None:
        """A sequence takes the next slot; not while others are being written."""
        if not self._rows:
            self._texts, self._cache = [], None
        self._rows.append(len(self._texts))
        self._texts.append(list(tokens[:-1]))

    def leave(self, slot: int) -> None:
        """A sequence is finished; the one in the last slot has its number from now on."""
        self._rows[slot] = self._rows[-1]
        self._rows.pop()

    def next(self, tokens: Sequence[int]) -> Tensor:
        """The logits, (sequences, vocabulary), of what follows `tokens`, which are every slot's last one."""
        latest = dict(zip(self._rows, tokens, strict=True))
        for row, text in enumerate(self._texts):
            text.append(latest.get(row, self._pad))
        given = self._given()
        places = (self._mask.cumsum(1) - 1).clamp(min=0)[:, -given.shape[1] :]
        known = {"position_ids": places, "past_key_values": self._cache, "use_cache": True}
        out = self._model(
            input_ids=given,
            attention_mask=self._mask,
            **{name: value for name, value in known.items() if name in self._known},
            **({"logits_to_keep": 1} if "logits_to_keep" in self._known else {}),
        )
        self._cache = out.get("past_key_values")
        logits: Tensor = out.logits[self._rows, -1]
        return logits

    def _given(self) -> Tensor:
        """The tokens that the model has not read: a model that keeps no cache reads all again."""
        device = self._model.device
        if self._cache is not None:
            self._mask = torch.cat([self._mask, self._mask.new_ones(len(self._texts), 1)], dim=1)
            return torch.tensor([text[-1:] for text in self._texts], device=device)
        width = max(map(len, self._texts))
        seen = [[0] * (width - len(text)) + [1] * len(text) for text in self._texts]
        self._mask = torch.tensor(seen, device=device)
        padded = [[self._pad] * (width - len(text)) + text for text in self._texts]
        return torch.tensor(padded, device=device)
