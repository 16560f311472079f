"""The next tokens of many sequences in one forward pass: each has a slot of a cache, none is padded.

All new tokens go through the model as one row: the last token of every sequence, slot by slot, and behind
them the rest of the prompts that have just joined. Attention, the one place where tokens meet, puts their
keys and values into their slots; then the last tokens look at their slots, all in one product, and the
prompts' other tokens at one another, as in packed training. Only last tokens have logits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from alpaca_exp.tuning.attention import refuse_variants, replaceable, replaced
from alpaca_exp.tuning.packing import attend as attend_packed

SLOTS = "slots"
"""The name under which transformers finds this attention."""
ROUNDED = 32
"""Keys are looked at, and room is made, in multiples of so many: memory is then asked for less often."""
TOLERANCE = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""How far, relative to the largest logit, two ways to the same logits may differ by rounding alone."""
TRIED = ((0, 7, 14, 21, 28), (1, 8, 15, 22, 29), (2, 9, 16, 23, 30))
"""Sequences that are written both ways before the quick one is trusted."""


@dataclass
class Cache:
    """Keys and values of each layer, (slots, heads, places, head size)."""

    keys: dict[int, Tensor] = field(default_factory=dict)
    values: dict[int, Tensor] = field(default_factory=dict)

    def put(self, layer: int, key: Tensor, value: Tensor, step: Step) -> None:
        """Store the states of the step's tokens, each (heads, tokens, head size), making room first."""
        for kept, new in ((self.keys, key), (self.values, value)):
            kept[layer] = _with_room(kept.get(layer), new, len(step.sees), step.longest)
            kept[layer][step.slots, :, step.places] = new.transpose(0, 1)

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` places of one slot to another."""
        for kept in (*self.keys.values(), *self.values.values()):
            kept[target, :, :length] = kept[source, :, :length]


@dataclass
class Step:
    """One forward pass: where its tokens belong, and what they see."""

    cache: Cache
    slots: Tensor
    places: Tensor
    """(tokens): each token's slot, and its place in the sequence."""
    sees: Tensor
    """(sequences): the place of each sequence's last token."""
    longest: int
    """How many places the last tokens look at."""
    ends: Tensor
    """(prompts + 1), int32: where, behind the last tokens, each joining prompt begins; the last one's end."""
    masks: dict[int | None, Tensor] = field(default_factory=dict)
    """(sequences, 1, 1, longest) by window: made by the first layer that needs one, for all."""

    def mask(self, window: int | None) -> Tensor:
        """True where a last token sees: its own place and, in a window, the `window - 1` before it."""
        if window not in self.masks:
            distance = self.sees[:, None] - torch.arange(self.longest, device=self.sees.device)
            seen = distance >= 0 if window is None else (distance >= 0) & (distance < window)
            self.masks[window] = seen[:, None, None]
        return self.masks[window]


class Slots:
    """Sequences that grow by a token a step; new ones join and finished ones leave at any time."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._cache = Cache()
        self._lengths: list[int] = []
        self._joining: dict[int, Sequence[int]] = {}

    def join(self, tokens: Sequence[int]) -> None:
        """A sequence takes the next slot; its last token is the first that `next` is told for it."""
        if len(tokens) > 1:
            self._joining[len(self._lengths)] = tokens[:-1]
        self._lengths.append(len(tokens) - 1)

    def leave(self, slot: int) -> None:
        """A sequence is finished; the one in the last slot moves into its place."""
        last = len(self._lengths) - 1
        if slot != last:
            self._cache.move(last, slot, self._lengths[last])
            self._lengths[slot] = self._lengths[last]
        self._lengths.pop()

    def next(self, tokens: Sequence[int]) -> Tensor:
        """The logits, (sequences, vocabulary), of what follows `tokens`, which are every slot's last one."""
        device = self._model.device
        slots, places, given = list(range(len(tokens))), list(self._lengths), list(tokens)
        ends = [0]
        for slot, prompt in self._joining.items():
            slots += [slot] * len(prompt)
            places += range(len(prompt))
            given += prompt
            ends.append(ends[-1] + len(prompt))
        told = torch.tensor([given, slots, places], device=device)
        step = Step(
            self._cache,
            told[1],
            told[2],
            told[2, : len(tokens)],
            _rounded(max(self._lengths) + 1),
            torch.tensor(ends, dtype=torch.int32, device=device),
        )
        logits: Tensor = self._model(
            input_ids=told[:1],
            position_ids=told[2:],
            use_cache=False,
            logits_to_keep=torch.arange(len(tokens), device=device),
            slots=step,
        ).logits[0]
        self._joining.clear()
        self._lengths = [length + 1 for length in self._lengths]
        return logits


@contextmanager
def slot_attention(model: PreTrainedModel) -> Iterator[bool]:
    """While inside, `Slots` may be used with `model`, if its architecture allows it: this is what is told.

    Tried out on a few tokens against the model's own forward pass.
    """
    if not replaceable(model):
        yield False
        return
    with torch.inference_mode():
        wanted = [model(input_ids=torch.tensor([tokens], device=model.device)).logits[0] for tokens in TRIED]
    with replaced(model, SLOTS, attend):
        agrees = _agrees(model, wanted)
        if agrees:
            yield True
    if not agrees:
        yield False


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None = None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    slots: Step | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """Attention of one step, as transformers calls it.

    `query` is (1, heads, tokens, head size); `key` and `value` may have fewer heads, each shared by a
    group of the query's. Returns (1, tokens, heads, head size) and no weights.
    """
    if slots is None:
        raise TypeError("this model does not hand its arguments down to its attention")
    refuse_variants(more)
    layer: Any = module.layer_idx
    slots.cache.put(layer, key[0], value[0], slots)
    count = len(slots.sees)
    out = _look_back(query[0, :, :count], layer, scaling, sliding_window, slots)
    if query.shape[2] == count:
        return out, None
    prompts, _ = attend_packed(
        module,
        query[:, :, count:],
        key[:, :, count:],
        value[:, :, count:],
        scaling=scaling,
        sliding_window=sliding_window,
        cu_seq_lens_q=slots.ends,
        max_length_q=slots.longest,
    )
    return torch.cat([out, prompts], dim=1), None


def _look_back(query: Tensor, layer: int, scaling: float | None, window: int | None, step: Step) -> Tensor:
    """Every last token's attention to its slot: (1, sequences, heads, head size) of (heads, sequences, ...).

    The heads that share keys are as many queries of them.
    """
    keys = step.cache.keys[layer][: len(step.sees), :, : step.longest]
    values = step.cache.values[layer][: len(step.sees), :, : step.longest]
    grouped = query.transpose(0, 1).reshape(len(keys), keys.shape[1], -1, keys.shape[3])
    out = F.scaled_dot_product_attention(grouped, keys, values, attn_mask=step.mask(window), scale=scaling)
    return out.flatten(1, 2)[None]


def _with_room(kept: Tensor | None, new: Tensor, slots: int, places: int) -> Tensor:
    """`kept` with at least so many slots and places, growing by half at a time.

    There are noughts where it is new: what is masked counts nought times, and must not be a NaN.
    """
    if kept is None:
        return new.new_zeros(slots, new.shape[0], _rounded(places), new.shape[2])
    if kept.shape[0] >= slots and kept.shape[2] >= places:
        return kept
    old = kept.shape
    room = old[2] if old[2] >= places else _rounded(max(places, old[2] * 3 // 2))
    larger = kept.new_empty(max(slots, old[0]), old[1], room, old[3])
    larger[: old[0], :, : old[2]] = kept
    larger[: old[0], :, old[2] :] = 0
    larger[old[0] :] = 0
    return larger


def _rounded(count: int) -> int:
    return -(-count // ROUNDED) * ROUNDED


@torch.inference_mode()
def _agrees(model: PreTrainedModel, wanted: Sequence[Tensor]) -> bool:
    """Whether sequences that join and leave have the logits that each has alone."""
    slots, (first, second, third) = Slots(model), TRIED
    try:
        slots.join(first[:4])
        slots.join(second[:3])
        found = [slots.next([first[3], second[2]]), slots.next([first[4], second[3]])]
        slots.leave(0)
        slots.join(third[:5])
        found.append(slots.next([second[4], third[4]]))
    except (TypeError, AttributeError, RuntimeError, ValueError, NotImplementedError):
        return False  # it hands its attention something else
    places = [(0, 3), (1, 2), (0, 4), (1, 3), (1, 4), (2, 4)]
    alone = torch.stack([wanted[text][place] for text, place in places])
    off = (torch.cat(found) - alone).abs().max()
    return bool(off <= TOLERANCE.get(model.dtype, 1e-4) * alone.abs().max())
