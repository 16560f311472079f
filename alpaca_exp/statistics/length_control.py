"""A comparison read at equal length: what would be preferred if both answers were equally long.

A logistic model in the manner of AlpacaEval 2 (Dubois et al. 2024, arXiv:2404.04475): the log-odds of a
preference are a model term, plus a slope times the difference in length, plus the question's difficulty;
read where the difference is 0. It departs from theirs in four ways, so that it holds on some dozens of one's
own questions:

- The difference in length is the log of the ratio. It needs no scale of the data's own, and a difference
  in ratio is what readers notice.
- With one pair of models a question's difficulty cannot be told from chance, and a free term for each would
  bias the rest. It is left in the spread: the model is of the average over questions (the marginal model of
  Zeger, Liang and Albert 1988, Biometrics 44). With more models it is an offset that the others tell
  (`difficulty`).
- Jeffreys' prior (Firth 1993, Biometrika 80) keeps estimates finite where one side wins always.
- The interval is of the profile penalised likelihood (Heinze and Schemper 2002, Statistics in Medicine 21),
  over a dispersion as in quasi-likelihood (McCullagh and Nelder 1989, 4.5): both orders of a question, ties
  and probabilities spread less than single wins do.

All functions take any leading axes: a thousand simulated judges are one call.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
LEAST_QUESTIONS = 4
LEAST_SPREAD = 1e-6
"""Of the length ratios' logarithms: below it nothing tells what length does."""
_MOST_STEPS, _DOUBLINGS, _HALVINGS = 100, 12, 24
_DOUBT = 0.25
"""Added to both sides of the dispersion, in squared preferences."""
_FAR = 30.0
"""Log-odds beyond which a share is 0 or 1."""


@dataclass(frozen=True)
class EqualLength:
    """Shares of 1, one for each comparison along the leading axes."""

    value: Array
    stderr: Array
    low: Array
    high: Array
    slope: Array
    """Log-odds for each unit of the length ratio's logarithm."""
    slope_stderr: Array


def win_rate_at_equal_length(preferences: Array, ratio: Array, offset: Array | float = 0.0) -> EqualLength:
    """The share of preferences, 0 to 1, at equal length, and its 95 % interval.

    The last axis is that of the questions: `preferences` 0 to 1, averaged over a question's verdicts;
    `ratio` the log of the length ratio; `offset` the question's difficulty in log-odds, if known. With an
    offset the value is the mean over the questions, and the interval counts their own spread too.
    `stderr` is half the interval over Student's t: the curve's own, at the estimate, is next to nothing where
    the estimate is near 0 or 1, however little is known.
    Raises ValueError for fewer than four questions, or where all ratios are equal.
    """
    model, level, slope = _fitted(preferences, ratio, offset)
    y = model.y
    phi, reach, slope_stderr = model.doubt(level, slope)
    limit = phi * _t(y.shape[-1] - 2) ** 2 / 2
    top = model.profile(level, slope)
    low, high = (model.end(level, slope, top - limit, side * reach) for side in (-1, 1))
    value, low, high = (model.at_equal_length(one) for one in (level, low, high))
    t = _t(y.shape[-1] - 2)
    spread = t * model.spread(level)
    low, high = value - np.hypot(value - low, spread), value + np.hypot(high - value, spread)
    low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
    return EqualLength(value, (high - low) / (2 * t), low, high, slope, slope_stderr)


def moves_at_equal_length(
    preferences: Array, ratio: Array, offset: Array | float = 0.0
) -> tuple[Array, Array]:
    """By how much each question moves that share, and the slope: their influence (Hampel 1974, JASA 69).

    The question's penalised score times the inverse information at the fit; they sum to 0. The root of the
    sum of their squares is the sandwich error (White 1982, Econometrica 50). Raises ValueError as above.
    """
    model, level, slope = _fitted(preferences, ratio, offset)
    of_level, of_slope = model.moves(level, slope)
    shares = _share(level[..., None] + model.offset)
    return (shares * (1 - shares)).mean(-1, keepdims=True) * of_level, of_slope


def difference_at_equal_length(differences: Array, ratio: Array) -> tuple[Array, Array, Array, Array]:
    """The mean difference of two scores at equal length, its standard error and its 95 % interval.

    The linear analogue for scores of 1 to 10: least squares of the difference on the log of the length
    ratio, read at 0. The error is HC3 (MacKinnon and White 1985, J. Econometrics 29; for small samples Long
    and Ervin 2000, The American Statistician 54), which asks for no equal variances: half points, ties and
    ceilings have none. Student's t with n - 2 degrees of freedom. Raises ValueError as above.
    """
    y, x = np.broadcast_arrays(np.asarray(differences, np.float64), np.asarray(ratio, np.float64))
    n = y.shape[-1]
    if n < LEAST_QUESTIONS or np.any(np.ptp(x, axis=-1) < LEAST_SPREAD):
        raise ValueError("equal length cannot be read off so few questions, or off one ratio of lengths")
    mean = x.mean(-1, keepdims=True)
    square = ((x - mean) ** 2).sum(-1, keepdims=True)
    # The value at 0 is linear in the differences; these are their weights.
    weights = 1 / n - mean * (x - mean) / square
    value = (weights * y).sum(-1)
    slope = ((x - mean) * y).sum(-1, keepdims=True) / square
    leverage = np.minimum(1 / n + (x - mean) ** 2 / square, 1 - 1e-9)
    residual = (y - value[..., None] - slope * x) / (1 - leverage)
    stderr = np.sqrt(((weights * residual) ** 2).sum(-1))
    half = _t(n - 2) * stderr
    return value, stderr, value - half, value + half


def moves_of_difference(differences: Array, ratio: Array) -> Array:
    """By how much each question moves that difference: its weight times its residual; they sum to 0."""
    y, x = np.broadcast_arrays(np.asarray(differences, np.float64), np.asarray(ratio, np.float64))
    mean = x.mean(-1, keepdims=True)
    square = ((x - mean) ** 2).sum(-1, keepdims=True)
    slope = ((x - mean) * y).sum(-1, keepdims=True) / square
    residual = y - y.mean(-1, keepdims=True) - slope * (x - mean)
    return np.asarray((1 / y.shape[-1] - mean * (x - mean) / square) * residual)


def _fitted(preferences: Array, ratio: Array, offset: Array | float) -> tuple[_Model, Array, Array]:
    """The model, its prior weighed by the dispersion, with its level and slope."""
    y, x = np.broadcast_arrays(np.asarray(preferences, np.float64), np.asarray(ratio, np.float64))
    if y.shape[-1] < LEAST_QUESTIONS or np.any(np.ptp(x, axis=-1) < LEAST_SPREAD):
        raise ValueError("equal length cannot be read off so few questions, or off one ratio of lengths")
    model = _Model(y, x, np.broadcast_to(np.asarray(offset, np.float64), y.shape))
    model = replace(model, prior=np.minimum(model.doubt(*model.fit())[0], 1))
    return model, *model.fit()


@dataclass(frozen=True)
class _Model:
    """log-odds = level + slope x ratio + offset, with Jeffreys' prior."""

    y: Array
    x: Array
    offset: Array
    prior: Array | float = 1.0
    """The prior's weight: the dispersion, so that it weighs as much beside verdicts that spread less."""

    def fit(self) -> tuple[Array, Array]:
        """The level and the slope of the highest penalised likelihood, by Fisher scoring."""
        level, slope = np.zeros(self.y.shape[:-1]), np.zeros(self.y.shape[:-1])
        for _ in range(_MOST_STEPS):
            at = self._at(level, slope)
            out = (at.first * at.centred).sum(-1) / at.square
            up = at.first.sum(-1) / at.weight - out * at.middle
            largest = np.maximum(abs(up), abs(out))
            shrink = np.minimum(1, 2 / np.maximum(largest, 1e-12))
            level, slope = level + shrink * up, slope + shrink * out
            if np.max(largest) < 1e-9:
                break
        return level, slope

    def moves(self, level: Array, slope: Array) -> tuple[Array, Array]:
        """What each question's score does to the level and to the slope."""
        at = self._at(level, slope)
        out = at.first * at.centred / at.square[..., None]
        return at.first / at.weight[..., None] - at.middle[..., None] * out, out

    def profile(self, level: Array, slope: Array) -> Array:
        """The highest penalised log-likelihood at a given level; `slope` is where the search begins."""
        for _ in range(_MOST_STEPS // 4):
            at = self._at(level, slope)
            step = np.clip((at.first * self.x).sum(-1) / (at.square + at.weight * at.middle**2), -1, 1)
            slope = slope + step
            if np.max(abs(step)) < 1e-6:
                break
        at = self._at(level, slope)
        likelihood = (self.y * at.log_odds - np.logaddexp(0, at.log_odds)).sum(-1)
        return np.asarray(likelihood + 0.5 * self.prior * np.log(at.weight * at.square))

    def doubt(self, level: Array, slope: Array) -> tuple[Array, Array, Array]:
        """The dispersion, the level's rough standard error, and the slope's.

        The dispersion is the sum of the squared residuals over what single wins would have, a part of a
        question added to each: where losses are too rare to tell, it is that of single wins.
        """
        at = self._at(level, slope)
        expected = (at.weights * (1 - at.leverage)).sum(-1)
        phi = (((self.y - at.share) ** 2).sum(-1) + _DOUBT) / (expected + _DOUBT)
        of_level = phi * (1 / at.weight + at.middle**2 / at.square)
        return phi, np.sqrt(of_level), np.sqrt(phi / at.square)

    def end(self, level: Array, slope: Array, least: Array, reach: Array) -> Array:
        """How far the level can go in the direction of `reach` before its profile falls below `least`."""
        inside, outside = level, level + 2 * reach
        for _ in range(_DOUBLINGS):
            within = self.profile(outside, slope) > least
            if not within.any():
                break
            outside = np.where(within, level + 2 * (outside - level), outside)
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            within = self.profile(middle, slope) > least
            inside, outside = np.where(within, middle, inside), np.where(within, outside, middle)
        return (inside + outside) / 2

    def at_equal_length(self, level: Array) -> Array:
        """The mean over the questions."""
        return np.asarray(_share(level[..., None] + self.offset).mean(-1))

    def spread(self, level: Array) -> Array:
        """The standard error of that mean from the questions' own difficulties."""
        shares = _share(level[..., None] + self.offset)
        return np.asarray(shares.std(-1, ddof=1) / np.sqrt(shares.shape[-1]))

    def _at(self, level: Array, slope: Array) -> _Parts:
        log_odds = np.clip(level[..., None] + slope[..., None] * self.x + self.offset, -_FAR, _FAR)
        share = _share(log_odds)
        weights = share * (1 - share)
        weight = weights.sum(-1)
        middle = (weights * self.x).sum(-1) / weight
        centred = self.x - middle[..., None]
        square = np.maximum((weights * centred**2).sum(-1), np.finfo(np.float64).tiny)
        leverage = weights * (1 / weight[..., None] + centred**2 / square[..., None])
        first = self.y - share + np.asarray(self.prior)[..., None] * leverage * (0.5 - share)
        return _Parts(log_odds, share, weights, leverage, first, centred, weight, middle, square)


@dataclass(frozen=True)
class _Parts:
    """What the likelihood's slope and curvature are made of: a number a question, then sums over them."""

    log_odds: Array
    share: Array
    weights: Array
    leverage: Array
    first: Array
    """The contributions to the penalised score of the level."""
    centred: Array
    weight: Array
    middle: Array
    square: Array


def _share(log_odds: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def _t(degrees: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.975))
