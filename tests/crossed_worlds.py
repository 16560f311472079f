"""Worlds in which the truth is known: quantities measured on seeds x documents, both drawn at random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Array = npt.NDArray[np.float64]
PILOT, NODES = 100_000, 201
AT_ONCE = 2_000_000
"""Numbers that are drawn at once."""
Design = tuple[int, int, float]
"""Seeds, documents, and how far seeds deviate: in standard errors that the documents leave one checkpoint."""
_HALVINGS = 30


@dataclass(frozen=True)
class Drawn:
    """Many worlds of one kind."""

    cells: Array
    """(cells, worlds, seeds, documents)."""
    truths: Array
    """(cells, worlds): the mean over all seeds and documents; with one seed that of this checkpoint."""

    def contrast(self, weights: Sequence[float]) -> tuple[Array, Array]:
        """The weighted sum of the cells, and its truth."""
        return np.tensordot(weights, self.cells, 1), np.tensordot(weights, self.truths, 1)


@dataclass(frozen=True)
class World:
    """Cells of a design whose models answer the same documents.

    A value is a latent one, level + seed + document + document for this cell + chance, or how many of the
    marks it reaches. Seeds are of each cell's own, unless its seeds do nothing.
    """

    means: tuple[float, ...] = (0.5,)
    """What each cell's value is in truth."""
    marks: tuple[float, ...] | None = (0.0,)
    """Where the latent value reaches the next mark, of marks equally spaced from 0 to 1; None: as it is."""
    shared: float = 1.0
    """The standard deviation of what documents are to all cells, chance's being 1."""
    own: float = 0.5
    """Of what they are to one cell."""
    untuned: tuple[int, ...] = ()
    """Cells that are one model, whatever the seed."""
    uneven: bool = False
    """Whether some documents are far noisier than others."""
    sizes: tuple[int, ...] | None = None
    """Of the documents' groups, over and over; a group shares half of its documents' variance."""

    def draw(
        self, rng: np.random.Generator, worlds: int, design: Design, weights: tuple[float, ...]
    ) -> Iterator[Drawn]:
        """Of the contrast with these weights; as many worlds at once as memory is fit for."""
        seeds, n, deviation = design
        curves = self.curves(deviation * self.error(n, weights))
        chunk = max(1, AT_ONCE // (seeds * n * len(self.means)))
        for start in range(0, worlds, chunk):
            yield self.some(rng, min(chunk, worlds - start), seeds, n, curves)

    def curves(self, spread: float) -> list[tuple[float, float]]:
        """Each cell's level, and how far seeds move it, for this spread of its values around its mean."""
        return [
            _calibrated(self, mean, 0.0 if cell in self.untuned else spread)
            for cell, mean in enumerate(self.means)
        ]

    def clusters(self, n: int) -> tuple[int, ...] | None:
        """The documents' groups; None where each is by itself."""
        if self.sizes is None:
            return None
        return tuple(np.repeat(np.arange(n), np.resize(self.sizes, n))[:n].tolist())

    def error(self, n: int, weights: tuple[float, ...]) -> float:
        """By how much a cell's seeds must spread for the contrast's to spread by one standard error."""
        moving = [weight for cell, weight in enumerate(weights) if cell not in self.untuned]
        if self.sizes is None:
            design = n**-0.5
        else:  # documents of a group share about a third of the variance of what is right or wrong
            sizes = np.bincount(self.clusters(n) or ())
            design = float(np.sqrt(n + 0.3 * (sizes * (sizes - 1)).sum())) / n
        return float(_unit(replace(self, sizes=None), weights) * design / np.linalg.norm(moving))

    def some(
        self, rng: np.random.Generator, worlds: int, seeds: int, n: int, curves: list[tuple[float, float]]
    ) -> Drawn:
        """So many worlds; `curves` say where the cells are, and what seeds do."""
        common = self.shared * self._documents(rng, worlds, n)
        cells, truths = [], []
        for cell, (level, spread) in enumerate(curves):
            effects = level + spread * rng.standard_normal((worlds, seeds))
            chance = rng.standard_normal((worlds, 1 if cell in self.untuned else seeds, n))
            latent = chance + (common + self.own * self._documents(rng, worlds, n))[:, None]
            if self.uneven:
                latent *= np.exp(0.8 * rng.standard_normal((worlds, 1, n)))
            cells.append(self._marked(effects[..., None] + latent))
            truths.append(self.mean(effects[:, 0]) if seeds == 1 else np.full(worlds, self.means[cell]))
        return Drawn(np.stack(cells), np.stack(truths))

    def _documents(self, rng: np.random.Generator, worlds: int, n: int) -> Array:
        alone = rng.standard_normal((worlds, n))
        groups = self.clusters(n)
        if groups is None:
            return alone
        common = rng.standard_normal((worlds, groups[-1] + 1))[:, list(groups)]
        return np.asarray(np.sqrt(0.5) * (alone + common))

    def _marked(self, latent: Array) -> Array:
        if self.marks is None:
            return latent
        return np.asarray(sum((latent > mark).astype(np.float64) for mark in self.marks) / len(self.marks))

    def mean(self, level: Array) -> Array:
        """Over documents and chance, of a model at this level."""
        if self.marks is None:
            return level
        width = np.sqrt(1 + self.shared**2 + self.own**2)
        return np.asarray(np.mean([ndtr((level - mark) / width) for mark in self.marks], axis=0))


@cache
def _unit(world: World, weights: tuple[float, ...]) -> float:
    """The standard deviation of a document's contrast, without seeds."""
    drawn = world.some(np.random.default_rng(0), 1, 1, PILOT, world.curves(0.0))
    return float(drawn.contrast(weights)[0].std())


@cache
def _calibrated(world: World, mean: float, spread: float) -> tuple[float, float]:
    """The level, and the seeds' deviation on its scale, that give values this mean and spread."""
    if world.marks is None:
        return mean, spread
    nodes = ndtri((np.arange(NODES) + 0.5) / NODES)
    nodes /= nodes.std()

    def level(deviation: float) -> float:
        low, high = -30.0, 30.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            below = world.mean(middle + deviation * nodes).mean() < mean
            low, high = (middle, high) if below else (low, middle)
        return low

    low, high = 0.0, 20.0
    for _ in range(_HALVINGS if spread else 0):
        middle = (low + high) / 2
        narrow = world.mean(level(middle) + middle * nodes).std() < spread
        low, high = (middle, high) if narrow else (low, middle)
    return level(low), low
