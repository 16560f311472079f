"""Cohen's kappa: how far two raters agree beyond what chance would bring, with its doubt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from alpaca_exp.statistics.bootstrap import bootstrap_interval

Table = Sequence[Sequence[int]]
"""How often the first rater's class (row) met the second's (column)."""
NO_DOUBT = 1e-6
FEWEST_DEFINED = 0.95
"""The share of resamples in which kappa must exist for their percentiles to be an interval."""


class Weights(Enum):
    """What a disagreement counts, the classes being in order: 1 - (distance / greatest distance) ^ power."""

    none = 0
    """Any disagreement counts as full."""
    linear = 1
    quadratic = 2


@dataclass(frozen=True)
class Kappa:
    """Agreement of two raters. Where both always said the same one class, kappa does not exist: None."""

    value: float | None
    stderr: float | None
    observed: float
    """The share of agreement; weighted, where weights are."""
    expected: float
    """The share that raters with these habits would reach by chance."""
    n: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """The analytic 95 % interval, cut at -1 and 1; for independent units, not too few of them.

        None where the formula knows no doubt: of full agreement its error is 0, however few the units.
        """
        if self.value is None or self.stderr is None or self.stderr < NO_DOUBT:
            return None
        half = 1.959964 * self.stderr
        return max(-1.0, self.value - half), min(1.0, self.value + half)


def kappa(table: Table, weights: Weights = Weights.none) -> Kappa:
    """Cohen's kappa of a square table of counts (Cohen 1960, Educ. Psychol. Meas. 20; weighted: 1968).

    The standard error is the large-sample one that needs no hypothesis (Fleiss, Cohen and Everitt 1969,
    Psychol. Bull. 72:323, formula 13, with formula 8 as its unweighted case). Raises ValueError for an
    empty table.
    """
    counts = np.asarray(table, dtype=float)
    n = counts.sum()
    if not n:
        raise ValueError("agreement needs at least one unit that both have rated")
    p, w = counts / n, agreement_weights(len(counts), weights)
    rows, columns = p.sum(1), p.sum(0)
    observed, expected = float((w * p).sum()), float(rows @ w @ columns)
    left = 1 - expected
    if left < 1e-12:
        return Kappa(None, None, observed, expected, int(n))
    first = float((p * _influence(p, w) ** 2).sum())
    second = (observed * expected - 2 * expected + observed) ** 2
    stderr = math.sqrt(max(0.0, first - second) / n) / left**2
    return Kappa((observed - expected) / left, stderr, observed, expected, int(n))


def kappa_moves(table: Table) -> NDArray[np.float64] | None:
    """By how much a unit of each cell moves unweighted kappa; over all units they sum to 0.

    The root of the sum of their squares is kappa's standard error. None where kappa does not exist.
    """
    found = kappa(table)
    if found.value is None:
        return None
    p = np.asarray(table, dtype=float) / found.n
    moved = _influence(p, agreement_weights(len(p), Weights.none))
    moves: NDArray[np.float64] = (moved - float((p * moved).sum())) / (1 - found.expected) ** 2 / found.n
    return moves


def _influence(p: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
    """What stands within the sum of formula 13, by cell."""
    rows, columns = p.sum(1), p.sum(0)
    habits = (w @ columns)[:, None] + (rows @ w)[None, :]
    left, apart = 1 - float(rows @ w @ columns), 1 - float((w * p).sum())
    return np.asarray(w * left - habits * apart)


def resampled_kappa(tables: Sequence[Table], weights: Weights = Weights.none) -> tuple[float, float] | None:
    """The 95 % bootstrap interval of kappa over questions, `tables` being one table a question.

    What belongs to one question (several pairs of models, several raters) is drawn together. None where no
    draw differs, as of full agreement, and where kappa does not exist in more than 5 % of the draws.
    """
    flat = np.asarray(tables, dtype=float)
    w = agreement_weights(flat.shape[1], weights)
    found: list[NDArray[np.float64]] = []

    def drawn(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        found.append(_values(counts @ flat.reshape(len(flat), -1), w))
        return found[-1]

    interval = bootstrap_interval(drawn, len(flat))
    if interval is None:
        return None
    exists = np.isfinite(np.concatenate(found))
    known = exists.mean() >= FEWEST_DEFINED and interval[1] - interval[0] > NO_DOUBT
    return interval if known else None


def agreement_weights(size: int, weights: Weights) -> NDArray[np.float64]:
    """What each pair of `size` ordered classes counts as agreement, 0 to 1."""
    if weights is Weights.none:
        return np.eye(size)
    places = np.arange(size)
    distance = np.abs(places[:, None] - places[None, :]) / max(size - 1, 1)
    counted: NDArray[np.float64] = 1.0 - distance**weights.value
    return counted


def _values(flat: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kappa of many tables at once, each a row; nan where it does not exist."""
    p = flat.reshape(len(flat), *w.shape) / flat.sum(1)[:, None, None]
    observed = (p * w).sum((1, 2))
    expected = np.einsum("bi,ij,bj->b", p.sum(2), w, p.sum(1))
    left = 1 - expected
    exists = left > 1e-12
    found: NDArray[np.float64] = np.full(len(flat), np.nan)
    found[exists] = (observed - expected)[exists] / left[exists]
    return found
