"""Intervals: against textbook values, and against what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from alpaca_exp.statistics.bootstrap import bootstrap_interval, mean_interval
from alpaca_exp.statistics.crossed import crossed
from alpaca_exp.statistics.intervals import Doubt, of_checkpoint, paired_stderr


def test_three_seeds_have_students_interval_with_two_degrees_of_freedom() -> None:
    found = crossed([[1.0], [2.0], [3.0]])
    assert (found.mean, found.n, found.doubt) == (2.0, 3, Doubt.seeds)
    assert found.high == pytest.approx(2.0 + 4.302653 / math.sqrt(3))
    assert found.low == pytest.approx(2.0 - 4.302653 / math.sqrt(3))


def test_one_seed_has_the_evaluations_own_interval_and_says_so() -> None:
    found = of_checkpoint(0.5, 0.1)
    assert found.doubt is Doubt.checkpoint
    assert found.low == pytest.approx(0.304, abs=1e-3) and found.high == pytest.approx(0.696, abs=1e-3)


def test_without_a_standard_error_one_value_has_no_interval() -> None:
    assert of_checkpoint(0.5, None).low is None


def test_a_paired_error_is_smaller_where_documents_share_their_difficulty() -> None:
    rng = np.random.default_rng(0)
    hard = rng.normal(size=400)
    first, second = hard + rng.normal(scale=0.1, size=400), hard + rng.normal(scale=0.1, size=400)
    paired = paired_stderr(first.tolist(), second.tolist())
    assert paired == pytest.approx(0.1 * math.sqrt(2 / 400), rel=0.15)
    assert paired_stderr([1.0], [0.0]) is None


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_interval_over_seeds_covers_the_truth_in_19_of_20_worlds(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    found = [crossed(values) for values in rng.normal(size=(4000, seeds, 1))]
    covered = np.mean([one.low is not None and one.low < 0 < (one.high or 0) for one in found])
    assert 0.935 < covered < 0.965


def test_a_bootstrap_of_a_mean_is_students_interval_for_well_behaved_values() -> None:
    values = np.random.default_rng(0).normal(3, 2, 60)
    low, high = mean_interval(values.tolist()) or (0, 0)
    student = crossed(values)
    assert low == pytest.approx(student.low, abs=0.03) and high == pytest.approx(student.high, abs=0.03)


@pytest.mark.parametrize("n", [8, 20, 80])
def test_a_bootstrapped_interval_holds_the_mean_in_19_of_20_samples(n: int) -> None:
    samples = np.random.default_rng(n).normal(size=(400, n)).tolist()
    found = [mean_interval(values) or (0.0, 0.0) for values in samples]
    assert 0.915 < np.mean([low < 0 < high for low, high in found]) < 0.985


def test_where_all_questions_are_won_the_interval_is_not_a_point() -> None:
    won, lost = mean_interval([100.0] * 10, (0, 100)), mean_interval([0.0] * 10, (0, 100))
    assert won and won[1] == 100 and won[0] == pytest.approx(69.15, abs=0.01)
    assert lost and lost[0] == 0 and lost[1] == pytest.approx(30.85, abs=0.01)
    assert mean_interval([0.0] * 9 + [100.0], (0, 100)) != (0, 0)


def test_a_bootstrap_is_the_same_every_time_and_says_nothing_of_one_question() -> None:
    values = [1.0, 2.0, 4.0]
    assert mean_interval(values) == mean_interval(values)
    assert mean_interval([1.0]) is None
    assert bootstrap_interval(lambda counts: counts[:, 0] * np.nan, 5) is None
