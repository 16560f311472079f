"""Requests that begin alike as trees: what several have in common is a branch that is computed once.

A request is what the model reads and, of its last positions, the tokens whose probability is asked. The
choices of one document begin with its text; sorted, requests that share much stand side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int64]
Mask = NDArray[np.bool_]

SHORTEST_STEM = 8
"""A beginning that all requests share is worth a pass of its own from so many tokens on."""
MOST_NODES = 2048
"""A tree grows no larger: its mask has the square of this."""


@dataclass(frozen=True)
class Asked:
    """One request. `targets` are asked at the last `len(targets)` places of `read`, each the next token."""

    number: int
    """Its place among all requests."""
    read: Tokens
    targets: Tokens
    cut: bool = False
    """Its beginning did not fit."""


@dataclass(frozen=True)
class Path:
    """One request in a tree: at which nodes which tokens are asked."""

    number: int
    nodes: Tokens
    targets: Tokens


@dataclass(frozen=True)
class Tree:
    """Requests with a common beginning. A node is a token after those on its way from the root."""

    tokens: Tokens
    depth: Tokens
    seen: Mask
    """(nodes, nodes): true where the first sees the second, which stands on its way or is itself."""
    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.tokens)


def asked(number: int, context: Sequence[int], continuation: Sequence[int], longest: int) -> Asked:
    """A request as lm-eval's HFLM reads it: beyond `longest` tokens the beginning is cut off."""
    whole = np.concatenate([np.asarray(part, dtype=np.int64) for part in (context, continuation)])
    read = whole[-(longest + 1) :][:-1]
    return Asked(number, read, whole[len(context) :], cut=len(whole) > longest + 1)


def stem(requests: Sequence[Asked]) -> Tokens:
    """What all of the requests begin with, before the first place where anything is asked; often nothing."""
    if len(requests) < 2:
        return np.empty(0, dtype=np.int64)
    first = min(requests, key=lambda request: tuple(request.read))
    last = max(requests, key=lambda request: tuple(request.read))
    free = min(len(request.read) - len(request.targets) for request in requests)
    length = min(common(first.read, last.read), free)
    return first.read[: length if length >= SHORTEST_STEM else 0]


def trees(requests: Sequence[Asked], stem: int = 0, pairs_a_token: int = 1500) -> Iterator[Tree]:
    """The requests, all of which begin with the same `stem` tokens, in trees without these.

    `pairs_a_token`: how many pairs of tokens attention compares in the time that the rest of the model
    takes for one token. A request joins a tree where it saves more than it makes attention compare.
    """
    grown: list[Asked] = []
    nodes = 0
    for request in sorted(requests, key=lambda request: tuple(request.read)):
        shared = common(grown[-1].read, request.read) - stem if grown else 0
        new = len(request.read) - stem - shared
        worth = shared * pairs_a_token > 2 * nodes * new and nodes + new <= MOST_NODES
        if grown and not worth:
            yield _tree(grown, stem)
            grown, nodes, new = [], 0, len(request.read) - stem
        grown.append(request)
        nodes += new
    if grown:
        yield _tree(grown, stem)


def common(one: Tokens, other: Tokens) -> int:
    """How many tokens two sequences share at their beginning."""
    length = min(len(one), len(other))
    differs = one[:length] != other[:length]
    return int(differs.argmax()) if differs.any() else length


def _tree(requests: Sequence[Asked], stem: int) -> Tree:
    """Of sorted requests: each shares with an earlier one at most what it shares with the one before it."""
    ways: list[Tokens] = []
    parts: list[Tokens] = []
    size = 0
    for place, request in enumerate(requests):
        shared = common(requests[place - 1].read, request.read) - stem if place else 0
        new = request.read[stem + shared :]
        kept = ways[-1][:shared] if place else np.empty(0, dtype=np.int64)
        ways.append(np.concatenate([kept, np.arange(size, size + len(new))]))
        parts.append(new)
        size += len(new)
    seen, depth = np.zeros((size, size), dtype=np.bool_), np.empty(size, dtype=np.int64)
    for way in ways:
        seen[np.ix_(way, way)] |= np.tri(len(way), dtype=np.bool_)
        depth[way] = np.arange(len(way))
    paths = tuple(
        Path(request.number, way[len(way) - len(request.targets) :], request.targets)
        for request, way in zip(requests, ways, strict=True)
    )
    return Tree(np.concatenate(parts), depth, seen, paths)
