"""Attention over several trees of tokens laid end to end: each token sees those on its way from its root.

All else that a model does with a token does not look at the others, so that a row of many trees goes
through it without any padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from alpaca_exp.harness.tree import Tree
from alpaca_exp.tuning.attention import refuse_variants, replaced

TREES = "trees"
"""The name under which transformers finds this attention."""
WASTE = {"cpu": 1.2}
"""By how much the pairs of tokens that are compared together may exceed those that must be, by device."""
WASTE_ELSEWHERE = 4.0

Branch = tuple[int, np.ndarray[Any, Any]]
"""How many tokens it has, and the places in the row of all that stand on the way to its end."""
States = dict[int, tuple[Tensor, Tensor]]
"""A layer's keys and values, (1, heads, tokens, head size), by the layer's number."""


@dataclass(frozen=True)
class Block:
    """Branches of similar size, padded to one size for their attention alone."""

    queries: Tensor
    """(branches x tokens of the longest,): the place in the row of each token of each branch."""
    keys: Tensor
    """(branches x nodes of the longest way,): of each node on the way to the branch's end."""
    shape: tuple[int, int, int]
    """Branches, tokens of the longest, nodes of the longest way."""
    distance: Tensor
    """(branches, 1, tokens, stem + nodes): how far before a token another stands; below 0: not before it."""
    whole: bool
    """Every branch begins at its tree's root."""


@dataclass
class Grove:
    """Trees as one row, and what stands before all of them."""

    input_ids: Tensor
    position_ids: Tensor
    blocks: tuple[Block, ...]
    order: Tensor
    """Where each token's output stands among those of all blocks, one after the other with their padding."""
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
    with replaced(model, TREES, attend):
        yield


def grove(trees: Sequence[Tree], device: torch.device, stem: States | None = None, length: int = 0) -> Grove:
    """The trees behind a stem of `length` tokens."""
    starts = np.cumsum([0, *map(len, trees)])
    ways = [
        (new, way + start) for tree, start in zip(trees, starts, strict=False) for new, way in tree.branches
    ]
    # By kind and size, so that those that are padded to one are alike.
    ways.sort(key=lambda branch: (branch[0] == len(branch[1]), len(branch[1]), branch[0]), reverse=True)
    waste = WASTE.get(device.type, WASTE_ELSEWHERE)
    parts = list(_similar(ways, waste))
    order = np.zeros(starts[-1], dtype=np.int64)
    passed = 0
    for first, last in parts:
        widest = max(new for new, _ in ways[first:last])
        for new, way in ways[first:last]:
            order[way[len(way) - new :]] = passed + np.arange(new)
            passed += widest
    told = torch.from_numpy
    return Grove(
        told(np.concatenate([tree.tokens for tree in trees]))[None].to(device),
        told(np.concatenate([tree.depth for tree in trees]) + length)[None].to(device),
        tuple(_block(ways[first:last], length, device) for first, last in parts),
        told(order).to(device),
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
    flat = [states[0].transpose(0, 1) for states in (query, key, value)]
    parts = [
        _block_of(grove, number, flat, before, scaling, sliding_window) for number in range(len(grove.blocks))
    ]
    return torch.cat(parts).index_select(0, grove.order)[None], None


def _block_of(
    grove: Grove,
    number: int,
    flat: Sequence[Tensor],
    before: tuple[Tensor, Tensor] | None,
    scaling: float | None,
    window: int | None,
) -> Tensor:
    """(branches x tokens, heads, head size), padding included; `flat`: all tokens' queries, keys, values."""
    block = grove.blocks[number]
    count, tokens, nodes = block.shape
    q = flat[0].index_select(0, block.queries).reshape(count, tokens, *flat[0].shape[1:]).transpose(1, 2)
    k, v = (
        states.index_select(0, block.keys).reshape(count, nodes, *states.shape[1:]).transpose(1, 2)
        for states in flat[1:]
    )
    if before is not None:
        k, v = (
            torch.cat([old.expand(count, -1, -1, -1), new], dim=2)
            for old, new in zip(before, (k, v), strict=True)
        )
    shared = q.shape[1] != k.shape[1]
    if block.whole and before is None and not window:
        # What follows a token in its own branch, padding too, is all that it does not see.
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scaling, enable_gqa=shared)
    else:
        mask = _mask(grove, number, window, q.dtype)
        out = F.scaled_dot_product_attention(q, k, v, mask, scale=scaling, enable_gqa=shared)
    return out.transpose(1, 2).flatten(0, 1)


def _mask(grove: Grove, number: int, window: int | None, numbers: torch.dtype) -> Tensor:
    name, distance = (number, window, numbers), grove.blocks[number].distance
    if name not in grove.masks:
        sees = (distance >= 0) & (distance < window) if window else distance >= 0
        grove.masks[name] = torch.zeros_like(sees, dtype=numbers).masked_fill_(
            ~sees, torch.finfo(numbers).min
        )
    return grove.masks[name]


def _similar(ways: Sequence[Branch], waste: float) -> Iterator[tuple[int, int]]:
    """Where to cut so that no part compares more than `waste` times the pairs of tokens that it must."""
    start, tokens, nodes, pairs = 0, 0, 0, 0
    for place, (new, way) in enumerate(ways):
        wide, long = max(tokens, new), max(nodes, len(way))
        own = pairs + new * len(way)
        if place > start and wide * long * (place + 1 - start) > waste * own:
            yield start, place
            start, wide, long, own = place, new, len(way), new * len(way)
        tokens, nodes, pairs = wide, long, own
    yield start, len(ways)


def _block(ways: Sequence[Branch], stem: int, device: torch.device) -> Block:
    tokens, nodes = max(new for new, _ in ways), max(len(way) for _, way in ways)
    queries = np.zeros((len(ways), tokens), dtype=np.int64)
    keys = np.zeros((len(ways), nodes), dtype=np.int64)
    # A token of a branch is as far from the stem's end as the nodes before it are many.
    last = np.zeros((len(ways), tokens), dtype=np.int32)
    for row, (new, way) in enumerate(ways):
        queries[row, :new] = way[len(way) - new :]
        keys[row, : len(way)] = way
        last[row, :new] = np.arange(len(way) - new, len(way))
    distance = last[:, None, :, None] - np.arange(-stem, nodes, dtype=np.int32)
    return Block(
        torch.from_numpy(queries).flatten().to(device),
        torch.from_numpy(keys).flatten().to(device),
        (len(ways), tokens, nodes),
        torch.from_numpy(distance).to(device),
        all(new == len(way) for new, way in ways),
    )
