"""Whether two models that were asked the same questions are right equally often."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def mcnemar(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """The exact two-sided p value of McNemar's test (1947, Psychometrika 12): binomial, over unlike pairs.

    `first` and `second` are 1 where the model was right, question by question, and 0 where it was not. Only
    questions that one of them alone got right tell; without any the p value is 1. Raises ValueError for other
    values, or unequal numbers of them.
    """
    from scipy.special import bdtr

    ours, theirs = (np.asarray(one, np.float64) for one in (first, second))
    if ours.shape != theirs.shape or not np.isin(np.concatenate([ours, theirs]), (0.0, 1.0)).all():
        raise ValueError("McNemar's test compares pairs of right (1) and wrong (0)")
    gained, lost = int((ours > theirs).sum()), int((ours < theirs).sum())
    if gained == lost:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(gained, lost), gained + lost, 0.5)))
