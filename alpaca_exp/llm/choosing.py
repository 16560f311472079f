"""One token of each row of logits: the likeliest, or one drawn with the row's own chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

CHUNK = 64
"""Logits whose largest is sought first; torch's own argmax takes five times as long on a CPU."""


@dataclass(frozen=True, slots=True)
class Choice:
    """How a row's token is chosen. `draw`, in [0, 1), is looked at only at a temperature."""

    temperature: float
    top_p: float
    draw: float


def choose(logits: Tensor, choices: Sequence[Choice]) -> list[int]:
    """The tokens of `logits` (rows, vocabulary); what is drawn for one row does not depend on the others."""
    tokens: list[int] = likeliest(logits).tolist()
    drawn = [row for row, choice in enumerate(choices) if choice.temperature > 0]
    if drawn:
        picked = _drawn(logits[drawn], [choices[row] for row in drawn])
        for row, token in zip(drawn, picked, strict=True):
            tokens[row] = token
    return tokens


def likeliest(logits: Tensor) -> Tensor:
    """Each row's largest logit's place; the first of equals."""
    whole = logits.shape[1] // CHUNK * CHUNK
    if logits.is_cuda or not whole:
        return logits.argmax(-1)
    chunks = logits[:, :whole].reshape(len(logits), -1, CHUNK)
    best = chunks.amax(-1).argmax(-1, keepdim=True)
    inside = chunks.take_along_dim(best[:, :, None], 1).squeeze(1)
    token: Tensor = best.squeeze(1) * CHUNK + inside.argmax(-1)
    if whole == logits.shape[1]:
        return token
    top, rest = logits[:, whole:].max(-1)
    return torch.where(top > inside.amax(-1), rest + whole, token)


def draws(seed: int, count: int) -> list[float]:
    """`count` numbers in [0, 1); the first ones do not depend on how many."""
    chance = torch.Generator().manual_seed(seed)
    drawn: list[float] = torch.rand(count, generator=chance, dtype=torch.float64).tolist()
    return drawn


def _drawn(logits: Tensor, choices: Sequence[Choice]) -> list[int]:
    """The token at each row's draw on its cumulated probabilities."""

    def told(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64, device=logits.device).unsqueeze(1)

    chances = (logits.double() / told([choice.temperature for choice in choices])).softmax(-1)
    if any(choice.top_p < 1 for choice in choices):
        chances = _nucleus(chances, told([choice.top_p for choice in choices]))
    heap = chances.cumsum(-1)
    places = torch.searchsorted(heap, told([choice.draw for choice in choices]) * heap[:, -1:], right=True)
    tokens: list[int] = places.squeeze(1).clamp(max=logits.shape[-1] - 1).tolist()
    return tokens


def _nucleus(chances: Tensor, top_p: Tensor) -> Tensor:
    """Nought for all but the likeliest tokens that together reach `top_p` (nucleus sampling)."""
    sorted_, order = chances.sort(dim=-1, descending=True, stable=True)
    before = sorted_.cumsum(-1) - sorted_
    kept = (before < top_p) | (top_p >= 1)
    return chances.scatter(-1, order, sorted_.where(kept, torch.zeros_like(sorted_)))
