"""p values, Holm's adjustment and equivalence: against SciPy and published figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from alpaca_exp.statistics.combined import combined
from alpaca_exp.statistics.crossed import crossed
from alpaca_exp.statistics.intervals import Doubt, Interval, Part
from alpaca_exp.statistics.significance import equivalence, holm, p_value
from tests.crossed_worlds import World

SEEDS_AND_DOCUMENTS = (Part(0.5, 2), Part(1.0, 79))


@pytest.mark.parametrize("limits", [None, (-10.0, 20.0)])
def test_the_ends_of_an_interval_have_a_p_value_of_5_per_cent(limits: tuple[float, float] | None) -> None:
    found = combined(3.0, SEEDS_AND_DOCUMENTS, 3, Doubt.seeds, limits)
    assert found.low is not None and found.high is not None
    assert p_value(found, found.low) == pytest.approx(0.05) == p_value(found, found.high)
    assert p_value(found, found.mean) == 1.0


def test_the_farther_the_null_the_smaller_the_p_value() -> None:
    found = combined(0.0, SEEDS_AND_DOCUMENTS, 3, Doubt.seeds)
    p_values = [p_value(found, null) or 0 for null in (0.1, 1, 3, 10, 30, 1e4)]
    assert p_values == sorted(p_values, reverse=True) and p_values[-1] < 1e-6


def test_it_lies_between_the_normals_and_that_of_the_seeds_alone() -> None:
    distance = 3.0
    p = p_value(combined(distance, SEEDS_AND_DOCUMENTS, 3, Doubt.seeds)) or 0
    stderr = math.sqrt(1.5)
    assert 2 * stats.norm.sf(distance / stderr) < p < 2 * stats.t.sf(distance / stderr, 2)


def test_an_estimate_without_doubt_has_none() -> None:
    assert p_value(Interval(1.0, None, None, 1, Doubt.unknown)) is None
    assert equivalence(Interval(1.0, None, None, 1, Doubt.unknown), 1.0) is None


def test_holms_adjustment_is_that_of_r() -> None:
    # p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0] and holm([0.02]) == [0.02] and holm([]) == []


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.1, math.nan])
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([1.2])


def test_equality_within_a_margin_is_shown_by_two_one_sided_tests() -> None:
    values = np.random.default_rng(2).normal(0.1, 1, 200)
    above = stats.ttest_1samp(values, -0.3, alternative="greater").pvalue
    below = stats.ttest_1samp(values, 0.3, alternative="less").pvalue
    assert equivalence(crossed(values), 0.3) == pytest.approx(max(above, below))
    shifted = crossed(values + 1)
    assert equivalence(shifted, 0.3) == pytest.approx(
        stats.ttest_1samp(values + 1, 0.3, alternative="less").pvalue
    )


def test_that_nothing_was_seen_shows_no_equality() -> None:
    few = crossed(np.random.default_rng(0).normal(size=8))
    assert (p_value(few) or 0) > 0.05 and (equivalence(few, 0.1) or 0) > 0.05


@pytest.mark.parametrize("margin", [0.0, -1.0, math.nan])
def test_equality_needs_a_margin(margin: float) -> None:
    with pytest.raises(ValueError, match="margin above 0"):
        equivalence(crossed([1.0, 2.0]), margin)


@pytest.mark.parametrize("seeds", [2, 3])
def test_tables_of_20_nulls_are_seldom_false(seeds: int) -> None:
    world, false = World((0.6,) * 21), 0
    for drawn in world.draw(np.random.default_rng(seeds), 60, (seeds, 80, 2.0), (1.0, *[0.0] * 20)):
        for cells in np.moveaxis(drawn.cells, 1, 0):
            p_values = [p_value(crossed(row - cells[0])) or 0.0 for row in cells[1:]]
            false += min(holm(p_values)) <= 0.05
    assert false <= 6


def test_beyond_the_margin_equality_is_as_improbable_as_the_one_sided_test_of_the_nearer_end_says() -> None:
    values = np.random.default_rng(3).normal(0.6, 1.0, 50)
    above = float(stats.ttest_1samp(values, 0.4, alternative="less").pvalue)
    below = float(stats.ttest_1samp(values, -0.4, alternative="greater").pvalue)
    assert values.mean() > 0.4
    assert equivalence(crossed([values]), 0.4) == pytest.approx(max(above, below))
