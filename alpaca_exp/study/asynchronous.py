"""A pruner for trials that run side by side: a trial is held against all that have come as far.

Optuna's median and percentile pruners look at complete trials alone: with more workers fewer are there to
compare with, and less is pruned. Here trials that still run count, as in asynchronous successive halving
(Li et al. 2020), and those that were given up: else survivors would be compared with ever better ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from optuna.pruners import BasePruner
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

STATES = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)


class AsynchronousPercentilePruner(BasePruner):
    """Gives up a trial whose value is not among the best `percentile` per cent at the same step."""

    def __init__(self, percentile: float = 25.0, n_min_trials: int = 3, n_warmup_steps: int = 10) -> None:
        """`n_min_trials`: so many others must have come as far; before `n_warmup_steps` nothing is given up.

        Raises ValueError for what cannot be.
        """
        if not 0 < percentile <= 100:
            raise ValueError(f"percentile is {percentile}; it must lie above 0, up to 100")
        if n_min_trials < 1:
            raise ValueError(f"n_min_trials is {n_min_trials}; it must be 1 or more")
        if n_warmup_steps < 0:
            raise ValueError(f"n_warmup_steps is {n_warmup_steps}; it must be 0 or more")
        self._percentile, self._fewest, self._warmup = percentile, n_min_trials, n_warmup_steps

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether to give it up, by its value at the last step that enough others have come to."""
        told = {step: value for step, value in trial.intermediate_values.items() if step >= self._warmup}
        if not told:
            return False
        if math.isnan(told[max(told)]):
            return True
        others = [
            one.intermediate_values
            for one in study.get_trials(deepcopy=False, states=STATES)
            if one.number != trial.number
        ]
        for step in sorted(told, reverse=True):
            values = [one[step] for one in others if step in one and not math.isnan(one[step])]
            if len(values) >= self._fewest:
                return self._is_behind(told[step], values, study.direction)
        return False

    def _is_behind(self, own: float, others: Sequence[float], direction: StudyDirection) -> bool:
        if direction == StudyDirection.MAXIMIZE:
            return own < float(np.percentile(others, 100 - self._percentile))
        return own > float(np.percentile(others, self._percentile))
