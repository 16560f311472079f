"""Attention over several trees of tokens laid end to end: each token sees those on its way from its root.

All else that a model does with a token does not look at the others, so that a row of many trees goes
through it without any padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from alpaca_exp.harness.tree import Tree
from alpaca_exp.tuning.packing import refuse_variants

TREES = "trees"
"""The name under which transformers finds this attention."""
WASTE = {"cpu": 1.3}
"""By how much the pairs of trees that are computed together may exceed their own, by device."""
WASTE_ELSEWHERE = 4.0

States = dict[int, tuple[Tensor, Tensor]]
"""A layer's keys and values, (1, heads, tokens, head size), by the layer's number."""


@dataclass(frozen=True)
class Block:
    """Trees of similar size, padded to one size for their attention alone."""

    start: int
    end: int
    """Where their nodes lie in the row."""
    places: Tensor | None
    """(trees, nodes of the largest): each node's place in the row; None: all are of one size."""
    own: Tensor | None
    """Which of the padded places are nodes, row after row, (nodes,)."""
    distance: Tensor
    """(trees, 1, nodes, stem + nodes): how far before a token another stands on its way; -1: it is not."""


@dataclass
class Grove:
    """Trees as one row, and what stands before all of them."""

    input_ids: Tensor
    position_ids: Tensor
    blocks: tuple[Block, ...]
    stem: States = field(default_factory=dict)
    """What the layers made of the stem; while `records`, they are put here."""
    records: bool = False
    masks: dict[tuple[int, int | None, torch.dtype], Tensor] = field(default_factory=dict)
    """Made by the first layer that needs one, for all."""


@contextmanager
def tree_attention(model: PreTrainedModel) -> Iterator[None]:
    """While inside, `model` takes `grove` beside its `input_ids` and `position_ids`.

    The model must get its attention from transformers' registry, and hand down what it does not know.
    """
    ALL_ATTENTION_FUNCTIONS.register(TREES, attend)
    before = model.config._attn_implementation
    model.set_attn_implementation(TREES)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def grove(trees: Sequence[Tree], device: torch.device, stem: States | None = None, length: int = 0) -> Grove:
    """The trees, best of similar size side by side, behind a stem of `length` tokens."""
    places = np.cumsum([0, *map(len, trees)])
    return Grove(
        torch.from_numpy(np.concatenate([tree.tokens for tree in trees]))[None].to(device),
        torch.from_numpy(np.concatenate([tree.depth for tree in trees]) + length)[None].to(device),
        tuple(
            _block(trees[first:last], int(places[first]), length, device)
            for first, last in _similar(trees, WASTE.get(device.type, WASTE_ELSEWHERE))
        ),
        stem or {},
    )


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None = None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    grove: Grove | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """As transformers calls it: `query` (1, heads, tokens, head size); `key`, `value` may have fewer heads.

    Returns (1, tokens, heads, head size) and no weights.
    """
    if grove is None:
        raise TypeError("this model does not hand its arguments down to its attention")
    refuse_variants(more)
    layer = int(module.layer_idx)  # type: ignore[arg-type]
    if grove.records:
        grove.stem[layer] = key, value
        before = None
    else:
        before = grove.stem.get(layer)
    parts = [
        _block_of(grove, number, query, key, value, before, scaling, sliding_window)
        for number in range(len(grove.blocks))
    ]
    return torch.cat(parts)[None] if len(parts) > 1 else parts[0][None], None


def _block_of(
    grove: Grove,
    number: int,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    before: tuple[Tensor, Tensor] | None,
    scaling: float | None,
    window: int | None,
) -> Tensor:
    block = grove.blocks[number]
    q, k, v = (_of_trees(states, block) for states in (query, key, value))
    if before is not None:
        k, v = (
            torch.cat([old.expand(len(new), -1, -1, -1), new], dim=2)
            for old, new in zip(before, (k, v), strict=True)
        )
    name = (number, window, query.dtype)
    if name not in grove.masks:
        sees = block.distance >= 0
        sees = sees & (block.distance < window) if window else sees
        grove.masks[name] = torch.zeros(sees.shape, dtype=query.dtype, device=query.device).masked_fill_(
            ~sees, torch.finfo(query.dtype).min
        )
    shared = q.shape[1] != k.shape[1]
    out = F.scaled_dot_product_attention(q, k, v, grove.masks[name], scale=scaling, enable_gqa=shared)
    flat = out.transpose(1, 2).flatten(0, 1)
    return flat if block.own is None else flat[block.own]


def _of_trees(states: Tensor, block: Block) -> Tensor:
    """(trees, heads, nodes of the largest, head size), of (1, heads, tokens, head size)."""
    if block.places is None:
        count = block.distance.shape[0]
        part = states[0, :, block.start : block.end]
        return part.reshape(part.shape[0], count, -1, part.shape[2]).transpose(0, 1)
    return states[0].transpose(0, 1)[block.places].transpose(1, 2)


def _similar(trees: Sequence[Tree], waste: float) -> Iterator[tuple[int, int]]:
    """Where to cut so that no part pads its pairs of nodes to more than `waste` times their number."""
    start, largest, pairs = 0, 0, 0
    for place, tree in enumerate(trees):
        size = max(largest, len(tree))
        own = pairs + len(tree) ** 2
        if place > start and size**2 * (place + 1 - start) > waste * own:
            yield start, place
            start, size, own = place, len(tree), len(tree) ** 2
        largest, pairs = size, own
    yield start, len(trees)


def _block(trees: Sequence[Tree], start: int, stem: int, device: torch.device) -> Block:
    width = max(map(len, trees))
    distance = np.full((len(trees), 1, width, stem + width), -1, dtype=np.int32)
    distance[:, 0, np.arange(width), stem + np.arange(width)] = 0  # a padded place sees itself: no 0 / 0
    places = np.zeros((len(trees), width), dtype=np.int64)
    ends = np.cumsum([start, *map(len, trees)])
    for row, (tree, (begin, end)) in enumerate(zip(trees, pairwise(ends), strict=True)):
        nodes = len(tree)
        steps = (tree.depth[:, None] - tree.depth).astype(np.int32)
        distance[row, 0, :nodes, stem : stem + nodes] = np.where(tree.seen, steps, -1)
        distance[row, 0, :nodes, :stem] = tree.depth[:, None] + np.arange(stem, 0, -1)
        places[row, :nodes] = np.arange(begin, end)
    of_one_size = len(trees) * width == ends[-1] - start
    own = np.concatenate([row * width + np.arange(len(tree)) for row, tree in enumerate(trees)])
    return Block(
        start,
        int(ends[-1]),
        None if of_one_size else torch.from_numpy(places).to(device),
        None if of_one_size else torch.from_numpy(own).to(device),
        torch.from_numpy(distance).to(device),
    )
