"""Judges that are simulated, so that the truth is known: their fondness for length, and the true gap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
QUESTIONS = 80


@dataclass(frozen=True)
class Lengths:
    """How the log of the length ratio is distributed over questions."""

    name: str
    mean: float
    spread: float
    skewed: bool = False

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> tuple[Array, Array]:
        """The opponent's and the model's words."""
        theirs = np.exp(rng.normal(np.log(120), 0.5, size))
        shape = (rng.gamma(2.0, 1.0, size) - 2) / np.sqrt(2) if self.skewed else rng.normal(size=size)
        return np.maximum(np.rint(theirs), 1), np.maximum(
            np.rint(theirs * np.exp(self.mean + self.spread * shape)), 1
        )


LENGTHS = (
    Lengths("longer", 0.5, 0.6),
    Lengths("either", 0.0, 0.8, skewed=True),
    Lengths("shorter", -0.4, 0.4),
)
BEYOND = Lengths("much longer", 1.0, 0.4)
"""Equal length lies 2.5 standard deviations away."""


CURVES: dict[str, Callable[[Array, Array], Array]] = {
    "ratio": lambda theirs, ours: np.log(ours / theirs),
    "tanh": lambda theirs, ours: np.tanh((ours - theirs) / (ours - theirs).std()),
    "words": lambda theirs, ours: (ours - theirs) / 100,
    "step": lambda theirs, ours: np.sign(ours - theirs) * (abs(ours - theirs) > 10),
}
"""Of the two lengths: the log of their ratio, AlpacaEval's tanh, hundreds of words, which one is longer."""


@dataclass(frozen=True)
class Judge:
    """Prefers the model's answer with probability Phi(gap + difficulty + fondness x log of the length ratio).

    So the fitted model is not the truth: that is a probit, of the ratio without the one word more.
    """

    fondness: float
    gap: float
    both_orders: bool = True
    difficulty: float = 0.5
    """The standard deviation over questions."""
    first_is_better: float = 0.3
    """What being shown first is worth; with one order it is drawn which."""
    curve: str = "ratio"
    """What the fondness is of: one of CURVES."""

    @property
    def truth(self) -> float:
        """The probability at equal length, over questions and orders."""
        spread = np.sqrt(1 + self.difficulty**2)
        return float(np.mean([_phi((self.gap + side * self.first_is_better) / spread) for side in (-1, 1)]))

    def preferences(self, rng: np.random.Generator, theirs: Array, ours: Array) -> Array:
        """Of each question, averaged over its orders."""
        chance = self._liking(rng, theirs, ours)
        first = rng.choice((-1.0, 1.0), size=ours.shape)
        orders = (first, -first) if self.both_orders else (first,)
        shown = [rng.random(ours.shape) < _phi(chance + self.first_is_better * one) for one in orders]
        return np.asarray(np.mean(shown, axis=0))

    def points(self, rng: np.random.Generator, theirs: Array, ours: Array) -> tuple[Array, Array]:
        """Scores of 1 to 10 in half points, the opponent's and the model's."""
        ease, liked = 7.0 + rng.normal(size=ours.shape), self._liking(rng, theirs, ours)
        noise = 0.7 * rng.normal(size=(2, *ours.shape))
        return _half_points(ease + noise[0]), _half_points(ease + liked + noise[1])

    def true_points(self) -> tuple[float, float]:
        """The mean difference of the scores and the win rate at equal length, over two million questions."""
        same = np.ones((1, 2_000_000))
        theirs, ours = self.points(np.random.default_rng(99), same, same)
        return float((ours - theirs).mean()), float((0.5 + 0.5 * np.sign(ours - theirs)).mean())

    def _liking(self, rng: np.random.Generator, theirs: Array, ours: Array) -> Array:
        """How far the model's answer is liked better, before chance."""
        own = self.gap + self.difficulty * rng.normal(size=ours.shape)
        return np.asarray(own + self.fondness * CURVES[self.curve](theirs, ours))


def ratio(theirs: Array, ours: Array) -> Array:
    """As it is read off verdicts."""
    return np.log((ours + 1) / (theirs + 1))


def covers(low: Array, high: Array, truth: float) -> float:
    """The share of intervals that hold the truth."""
    return float(np.mean((low <= truth) & (truth <= high)))


def _half_points(values: Array) -> Array:
    return np.clip(np.rint(2 * values) / 2, 1, 10)


def _phi(x: Array | float) -> Array:
    from scipy.special import ndtr

    return np.asarray(ndtr(x))
