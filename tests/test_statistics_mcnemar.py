"""McNemar's exact test against the binomial test that it is, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from alpaca_exp.statistics.mcnemar import mcnemar


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_binomial_test_of_the_questions_that_one_model_alone_got_right(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 2, (2, 5 + 10 * seed))
    gained, lost = int((first > second).sum()), int((first < second).sum())
    expected = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert mcnemar(first, second) == pytest.approx(expected)
    assert mcnemar(second, first) == mcnemar(first, second)


def test_models_that_are_right_on_the_same_questions_do_not_differ() -> None:
    assert mcnemar([1, 0, 1], [1, 0, 1]) == 1.0 and mcnemar([], []) == 1.0


@pytest.mark.parametrize(("first", "second"), [([0.5], [1.0]), ([1, 0], [1])])
def test_what_is_no_right_or_wrong_is_refused(first: list[float], second: list[float]) -> None:
    with pytest.raises(ValueError, match="pairs of right"):
        mcnemar(first, second)
