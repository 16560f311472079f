"""Which factor did how much: effects, interactions and Shapley values, as weights on the cells of a design.

A cell is a place of a full factorial: one level of each factor. Every quantity here is a linear contrast, a
weight a cell, so that one interval serves for all (`statistics.crossed` of the weighted cells).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import numpy.typing as npt

Cell = tuple[str, ...]
"""A level of each factor, in the order of the factors."""
Weights = Mapping[Cell, float]
_SMALL = 1e-9


@dataclass(frozen=True)
class Factor:
    """What was varied. The first level is the baseline: effects are told against it."""

    name: str
    levels: tuple[str, ...]


@dataclass(frozen=True)
class Effect:
    """A main effect, of one term, or an interaction, of several; each term is a level of a factor.

    A main effect is the difference from the factor's baseline, averaged over all places of the other
    factors. An interaction of two is by how much the one's difference is greater at the other's level than
    at its baseline; of three, by how much that is greater; and so on; averaged over the places of the rest.
    """

    terms: tuple[tuple[str, str], ...]
    weights: Weights
    """Empty where it is not identified."""
    places: int
    """Of the other factors, over how many places it is averaged."""
    all_places: int
    missing: tuple[Cell, ...]
    """The cells that the other places would need."""
    additive: bool = False
    """It holds only if the factors do not interact: no place has both levels."""
    aliases: tuple[tuple[str, str], ...] = ()
    """Terms that change along with it, where nothing tells them apart."""


@dataclass(frozen=True)
class Shapley:
    """How the difference between two cells is shared out among the factors in which they differ."""

    start: Cell
    end: Cell
    total: Weights
    values: Mapping[str, Weights]
    """By factor; empty, as `total`, where it is not identified."""
    missing: tuple[Cell, ...]
    """The cells that lack: it needs each cell that mixes levels of the two."""


def cells(factors: Sequence[Factor]) -> list[Cell]:
    """All places of the full factorial."""
    return list(product(*(factor.levels for factor in factors)))


def effects(factors: Sequence[Factor], present: Collection[Cell]) -> list[Effect]:
    """All main effects, then the interactions of two, of three ...: one less than there are cells.

    Of an incomplete design an effect is averaged over the places that have all levels it needs. Where no
    place has, a main effect is found by least squares as if the factors did not interact, if the rank of the
    design allows it; else its `aliases` are named.
    """
    found = []
    for size in range(1, len(factors) + 1):
        for chosen in combinations(range(len(factors)), size):
            for levels in product(*(factors[at].levels[1:] for at in chosen)):
                effect = _effect(factors, dict(zip(chosen, levels, strict=True)), present)
                alone = size == 1 and not effect.weights
                found.append(_without_interactions(factors, effect, present) if alone else effect)
    return found


def shapley(factors: Sequence[Factor], present: Collection[Cell], start: Cell, end: Cell) -> Shapley:
    """The Shapley values (1953) of the factors for the way from `start` to `end`; they add up to it.

    A factor's value is what changing it brings, averaged over all orders in which the factors can be changed:
    of k of them, a step behind s others counts s! (k - 1 - s)! / k!.
    """
    moved = [at for at, (one, other) in enumerate(zip(start, end, strict=True)) if one != other]

    def mixed(changed: Iterable[int]) -> Cell:
        taken = set(changed)
        return tuple(end[at] if at in taken else start[at] for at in range(len(factors)))

    subsets = [part for size in range(len(moved) + 1) for part in combinations(moved, size)]
    missing = tuple(cell for cell in map(mixed, subsets) if cell not in present)
    if missing:
        return Shapley(start, end, {}, {}, missing)
    values: dict[str, Weights] = {}
    for at in moved:
        weights: dict[Cell, float] = {}
        for part in subsets:
            if at not in part:
                orders = math.factorial(len(part)) * math.factorial(len(moved) - 1 - len(part))
                share = orders / math.factorial(len(moved))
                weights[mixed((*part, at))] = weights.get(mixed((*part, at)), 0.0) + share
                weights[mixed(part)] = weights.get(mixed(part), 0.0) - share
        values[factors[at].name] = weights
    total = {end: 1.0, start: -1.0} if moved else {}
    return Shapley(start, end, total, values, ())


def rank(factors: Sequence[Factor], present: Collection[Cell]) -> tuple[int, int]:
    """Of the model without interactions: how many of its parameters these cells identify, and of how many."""
    design = _design(factors, sorted(present))
    return (int(np.linalg.matrix_rank(design)) if present else 0), design.shape[1]


def _effect(factors: Sequence[Factor], chosen: Mapping[int, str], present: Collection[Cell]) -> Effect:
    others = [factor.levels if at not in chosen else ("",) for at, factor in enumerate(factors)]
    complete: list[dict[Cell, float]] = []
    missing: dict[Cell, None] = {}
    places = list(product(*others))
    for place in places:
        signed = _differenced(factors, chosen, place)
        lacking = [cell for cell in signed if cell not in present]
        missing |= dict.fromkeys(lacking)
        complete += [signed] * (not lacking)
    weights = {cell: sign / len(complete) for one in complete for cell, sign in one.items()}
    terms = tuple((factors[at].name, level) for at, level in chosen.items())
    return Effect(terms, weights, len(complete), len(places), tuple(missing))


def _differenced(factors: Sequence[Factor], chosen: Mapping[int, str], place: Cell) -> dict[Cell, float]:
    """The difference of differences at one place of the other factors: a sign a cell."""
    ways = [
        ((chosen[at], 1.0), (factor.levels[0], -1.0)) if at in chosen else ((place[at], 1.0),)
        for at, factor in enumerate(factors)
    ]
    return {tuple(level for level, _ in way): math.prod(sign for _, sign in way) for way in product(*ways)}


def _without_interactions(factors: Sequence[Factor], effect: Effect, present: Collection[Cell]) -> Effect:
    """By least squares over the cells that are there; where the rank does not allow it, with its aliases."""
    there = sorted(present)
    names, design = _terms(factors), _design(factors, there)
    column = 1 + names.index(effect.terms[0])
    if not there or not design[:, column].any():
        return effect
    solution = np.linalg.pinv(design)[column]
    identified = np.zeros(design.shape[1])
    identified[column] = 1.0
    if np.allclose(solution @ design, identified, atol=_SMALL):
        weights = {
            cell: float(weight) for cell, weight in zip(there, solution, strict=True) if abs(weight) > _SMALL
        }
        return Effect(effect.terms, weights, 0, effect.all_places, effect.missing, additive=True)
    kernel = _kernel(design)
    along = abs(kernel[abs(kernel[:, column]) > _SMALL]).max(0)
    aliases = tuple(
        name
        for at, name in enumerate(names, start=1)
        if at != column and along[at] > _SMALL and design[:, at].any()
    )
    return Effect(effect.terms, {}, 0, effect.all_places, effect.missing, aliases=aliases)


def _terms(factors: Sequence[Factor]) -> list[tuple[str, str]]:
    return [(factor.name, level) for factor in factors for level in factor.levels[1:]]


def _design(factors: Sequence[Factor], there: Sequence[Cell]) -> npt.NDArray[np.float64]:
    """A row a cell: a constant, then 1 where a factor is at a level that is not its baseline."""
    terms = [(at, level) for at, factor in enumerate(factors) for level in factor.levels[1:]]
    rows = [[1.0, *(float(cell[at] == level) for at, level in terms)] for cell in there]
    return np.array(rows).reshape(len(there), 1 + len(terms))


def _kernel(design: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What can be added to the parameters without changing any cell: an orthonormal row a dimension."""
    _, sizes, right = np.linalg.svd(design)
    known = int((sizes > _SMALL * max(design.shape) * sizes[0]).sum())
    return np.asarray(right[known:])
