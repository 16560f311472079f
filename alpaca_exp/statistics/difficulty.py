"""How easy each question is, told by several models that all were compared with one opponent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
LEAST_MODELS = 2
_ROUNDS, _START, _CLOSE = 300, 1.0, 1e-4
_WEAK = 1e-3
"""The precision of the models' own terms: as good as none, and yet no model wins without end."""


def difficulties(questions: Sequence[str], models: Sequence[Mapping[str, tuple[float, float]]]) -> Array:
    """The log-odds that each question adds for whoever answers it, around a mean of 0.

    `models` hold, by question, the preference for the model, 0 to 1, and the log of the length ratio. A joint
    logistic model with a level for each model, one slope for length, and one term a question, drawn from a
    normal distribution: penalised quasi-likelihood (Breslow and Clayton 1993, JASA 88), its variance by EM.
    The slope is that within questions (Mundlak 1978, Econometrica 46): where easy questions get longer
    answers from everyone, ease is not taken for a fondness for length. With fewer than two models all are
    0: one model's luck is no difficulty. The model that they are to be used for must not be among them, or
    its own chance would be taken out of it.
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
    counts = np.maximum(np.bincount(which, minlength=len(questions)), 1)
    usual = np.bincount(which, x, len(questions)) / counts
    design = np.column_stack([who[:, None] == np.unique(who), x - usual[which]]).astype(np.float64)
    own, ease = _fitted(y, design, which, len(questions))
    ease = ease - own[-1] * (usual - usual.mean())
    return np.asarray(ease - ease.mean())


def _fitted(y: Array, design: Array, which: npt.NDArray[np.int64], count: int) -> tuple[Array, Array]:
    """Newton's steps on the models' and the questions' terms together, then on the variance between these."""
    own, ease, variance = np.zeros(design.shape[1]), np.zeros(count), _START
    for _ in range(_ROUNDS):
        share = 1 / (1 + np.exp(-np.clip(design @ own + ease[which], -30, 30)))
        weight = share * (1 - share)
        precision = np.bincount(which, weight, count) + 1 / variance
        shared = np.zeros((count, design.shape[1]))
        np.add.at(shared, which, weight[:, None] * design)
        pull_own = design.T @ (y - share) - _WEAK * own
        pull = np.bincount(which, y - share, count) - ease / variance
        # The questions' block is diagonal: it is solved for, and the models' is what remains.
        curvature = design.T @ (weight[:, None] * design) + _WEAK * np.eye(len(own))
        remaining = curvature - shared.T @ (shared / precision[:, None])
        step = np.linalg.solve(remaining, pull_own - shared.T @ (pull / precision))
        move = (pull - shared @ step) / precision
        largest = max(np.max(abs(step)), np.max(abs(move)))
        own, ease = own + step * min(1, 2 / largest), ease + move * min(1, 2 / largest)
        before, variance = variance, max(float(np.mean(ease**2 + 1 / precision)), 1e-6)
        if max(largest, abs(variance - before)) < _CLOSE:
            break
    return own, ease
