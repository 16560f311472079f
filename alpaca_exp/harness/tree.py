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

SHORTEST_STEM = 8
"""A beginning that all requests share is worth a pass of its own from so many tokens on."""
SHARE = 8
"""A request joins a tree that has its beginning, unless what is new is so many times longer."""


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
    """How many nodes stand before each on its way."""
    branches: tuple[tuple[int, Tokens], ...]
    """Nodes are numbered branch after branch. Of each: how many they are, and all on the way to its end."""
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
    first = min(requests, key=_order)
    last = max(requests, key=_order)
    free = min(len(request.read) - len(request.targets) for request in requests)
    length = min(common(first.read, last.read), free)
    return first.read[: length if length >= SHORTEST_STEM else 0]


def trees(requests: Sequence[Asked], stem: int = 0, most: int = 1024) -> Iterator[Tree]:
    """The requests, all of which begin with the same `stem` tokens, in trees without these.

    A tree has at most `most` nodes, or is one request's.
    """
    grown: list[Asked] = []
    shared: list[int] = []
    nodes = 0
    for request in sorted(requests, key=_order):
        begun = common(grown[-1].read, request.read) - stem if grown else 0
        new = len(request.read) - stem - begun
        if grown and (begun * SHARE < new or nodes + new > most):
            yield _tree(grown, shared, stem)
            grown, shared, nodes, begun, new = [], [], 0, 0, len(request.read) - stem
        grown.append(request)
        shared.append(begun)
        nodes += new
    if grown:
        yield _tree(grown, shared, stem)


def common(one: Tokens, other: Tokens) -> int:
    """How many tokens two sequences share at their beginning."""
    length = min(len(one), len(other))
    differs = one[:length] != other[:length]
    place = int(differs.argmax()) if length else 0
    return place if length and differs[place] else length


def _order(request: Asked) -> bytes:
    """Sorts requests so that those with a common beginning are neighbours."""
    return request.read.astype(">i8").tobytes()


def _tree(requests: Sequence[Asked], shared: Sequence[int], stem: int) -> Tree:
    """Of sorted requests, each of which shares so much with the one before it, and with none more."""
    way = np.empty(0, dtype=np.int64)
    size, branches, paths, tokens, depth = 0, [], [], [], []
    for request, begun in zip(requests, shared, strict=True):
        length = len(request.read) - stem
        new = length - begun
        way = np.concatenate([way[:begun], np.arange(size, size + new)])
        if new:
            branches.append((new, way))
        paths.append(Path(request.number, way[length - len(request.targets) :], request.targets))
        tokens.append(request.read[stem + begun :])
        depth.append(np.arange(begun, length))
        size += new
    return Tree(np.concatenate(tokens), np.concatenate(depth), tuple(branches), tuple(paths))
