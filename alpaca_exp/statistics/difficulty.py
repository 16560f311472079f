"""How easy each question is, told by several models that all were compared with one opponent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
LEAST_MODELS = 2
_ROUNDS, _START = 200, 1.0
_WEAK = 1e-3
"""The precision of the models' own terms: as good as none, and yet no model wins without end."""


def difficulties(questions: Sequence[str], models: Sequence[Mapping[str, tuple[float, float]]]) -> Array:
    """The log-odds that each question adds for whoever answers it, around a mean of 0.

    `models` hold, by question, the preference for the model, 0 to 1, and the log of the length ratio. A joint
    logistic model with a level and a length slope for each model and one term a question, which is drawn
    from a normal distribution: penalised quasi-likelihood (Breslow and Clayton 1993, JASA 88), its variance
    by the EM step of the same. With fewer than two models all are 0: one model's luck is no difficulty.
    The model that they are to be used for must not be among them, or its own chance would be taken out of it.
    """
    place = {name: number for number, name in enumerate(questions)}
    cells = [
        (number, place[name], preference, ratio)
        for number, told in enumerate(models)
        for name, (preference, ratio) in told.items()
        if name in place
    ]
    if len({cell[0] for cell in cells}) < LEAST_MODELS:
        return np.zeros(len(questions))
    who, which = (np.array([cell[n] for cell in cells]) for n in (0, 1))
    y, x = (np.array([cell[n] for cell in cells], np.float64) for n in (2, 3))
    design = np.zeros((len(cells), 2 * len(models)))
    design[np.arange(len(cells)), 2 * who] = 1
    design[np.arange(len(cells)), 2 * who + 1] = x
    return _fitted(y, design, which, len(questions))


def _fitted(y: Array, design: Array, which: npt.NDArray[np.int64], count: int) -> Array:
    """Newton steps on the models' terms and the questions' in turn, and on the variance between them."""
    own, ease, variance = np.zeros(design.shape[1]), np.zeros(count), _START
    for _ in range(_ROUNDS):
        share = 1 / (1 + np.exp(-np.clip(design @ own + ease[which], -30, 30)))
        weight = share * (1 - share)
        curvature = design.T @ (weight[:, None] * design) + _WEAK * np.eye(len(own))
        step = np.linalg.solve(curvature, design.T @ (y - share) - _WEAK * own)
        own = own + np.clip(step, -1, 1)
        share = 1 / (1 + np.exp(-np.clip(design @ own + ease[which], -30, 30)))
        precision = np.bincount(which, share * (1 - share), count) + 1 / variance
        move = (np.bincount(which, y - share, count) - ease / variance) / precision
        ease = ease + np.clip(move, -1, 1)
        variance = max(float(np.mean(ease**2 + 1 / precision)), 1e-6)
        if max(np.max(abs(step)), np.max(abs(move))) < 1e-6:
            break
    return np.asarray(ease - ease.mean())
