"""Judgings in worlds where the truth is known: what is read at equal length, seeds on the same questions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from alpaca_exp.report.judged_values import moved
from alpaca_exp.report.metrics import Reading, limits
from alpaca_exp.statistics.intervals import Limits
from alpaca_exp.statistics.length_control import (
    _fitted,
    difference_at_equal_length,
    moves_at_equal_length,
    moves_of_difference,
    win_rate_at_equal_length,
)

Array = npt.NDArray[np.float64]
STEP, PILOT = 0.3, (2_000, 400)


@dataclass(frozen=True)
class JudgedWorld:
    """A model against an opponent: its lead in log-odds, and what each unit of the ratio's logarithm adds."""

    metric: str
    lead: float
    slope: float = 0.8
    questions: float = 1.0
    """The standard deviation of what questions are to it."""

    def draw(self, rng: np.random.Generator, worlds: int, seeds: int, n: int, spread: float) -> Array:
        """(3, worlds, seeds, n): the ratios' logarithms, both orders' preferences, differences of points."""
        question, longer = rng.standard_normal((2, worlds, 1, n)) * [[[[self.questions]]], [[[0.5]]]]
        ratio = 0.2 + longer + 0.3 * rng.standard_normal((worlds, seeds, n))
        merit = self.lead + spread * rng.standard_normal((worlds, seeds, 1)) + self.slope * ratio + question
        won = (merit + rng.logistic(size=(2, *ratio.shape)) > 0).mean(0)
        points = np.clip(np.round(1.5 * merit + 1.5 * rng.standard_normal(ratio.shape)), -9, 9)
        return np.stack([ratio, won, points])

    def estimates(self, drawn: Array) -> tuple[Array, Array, Array, Array]:
        """Of each world's each seed: the metric, its standard error and its own interval."""
        ratio, won, points = drawn
        if self.metric == "difference_lc":
            value, stderr, low, high = difference_at_equal_length(points, ratio)
            return value, stderr, np.maximum(low, -9.0), np.minimum(high, 9.0)
        found = win_rate_at_equal_length(won, ratio)
        return 100 * found.value, 100 * found.stderr, 100 * found.low, 100 * found.high

    def values(self, drawn: Array) -> Array:
        """By question, as the report reads them."""
        ratio, won, points = drawn
        by = (
            moves_of_difference(points, ratio)
            if self.metric == "difference_lc"
            else moves_at_equal_length(won, ratio)[0]
        )
        value, stderr, low, high = self.estimates(drawn)
        found: Array = np.empty_like(ratio)
        for at in np.ndindex(value.shape):
            bounds = float(low[at]), float(high[at])
            one = Reading(float(value[at]), float(stderr[at]), ratio.shape[-1], None, "", bounds)
            moves = {str(place): float(move) for place, move in enumerate(by[at])}
            found[at] = list(moved(one, moves, self.limits).values())
        return found

    @property
    def limits(self) -> Limits:
        """What no value lies beyond."""
        return limits(f"judge.{self.metric}")

    def spread(self, rng: np.random.Generator, n: int) -> float:
        """How far seeds must move the lead for the metric to move by one standard error of the questions."""
        worlds, many = PILOT
        error = float(self._values(rng, worlds, n, 0.0, 0.0).std())
        ends = [float(self._values(rng, worlds // 10, many, 0.0, side * STEP).mean()) for side in (1, -1)]
        return error / ((ends[0] - ends[1]) / 2 / STEP)

    def truth(self, rng: np.random.Generator, spread: float) -> float:
        """The mean over seeds and questions."""
        worlds, many = PILOT
        return float(self._values(rng, worlds, many, spread, 0.0).mean())

    def _values(self, rng: np.random.Generator, worlds: int, n: int, spread: float, more: float) -> Array:
        world = replace(self, lead=self.lead + more)
        ratio, won, points = world.draw(rng, worlds, 1, n, spread)
        if self.metric == "difference_lc":
            return difference_at_equal_length(points, ratio)[0]
        model, level, _ = _fitted(won, ratio, 0.0)  # the fit alone: intervals take a hundred times as long
        return 100 * model.at_equal_length(level)
