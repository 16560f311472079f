"""Cohen's kappa and its two intervals, against published figures, hand calculation and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from alpaca_exp.statistics.kappa import Weights, agreement_weights, kappa, resampled_kappa

DIAGNOSES = [[75, 1, 4], [5, 4, 1], [0, 0, 10]]
"""Fleiss, Levin and Paik 2003, Statistical Methods for Rates and Proportions, table 18.1, of 100 patients."""


def test_the_textbooks_example_has_the_textbooks_kappa_and_standard_error() -> None:
    found = kappa(DIAGNOSES)
    assert (found.observed, found.expected) == (pytest.approx(0.89), pytest.approx(0.66))
    assert found.value == pytest.approx((0.89 - 0.66) / (1 - 0.66))
    assert found.stderr is not None and round(found.stderr, 3) == 0.088
    assert found.interval == (pytest.approx(0.505, abs=5e-4), pytest.approx(0.848, abs=5e-4))


def test_two_classes_by_hand() -> None:
    found = kappa([[20, 5], [10, 15]])  # both agree on 35 of 50; 0.5 x 0.6 + 0.5 x 0.4 is chance
    assert (found.observed, found.expected, found.n) == (pytest.approx(0.7), pytest.approx(0.5), 50)
    assert found.value == pytest.approx(0.4)


def test_weights_count_a_tie_against_a_winner_as_half() -> None:
    assert agreement_weights(3, Weights.linear).tolist() == [[1, 0.5, 0], [0.5, 1, 0.5], [0, 0.5, 1]]
    table = [[4, 2, 0], [1, 3, 1], [1, 0, 4]]
    observed = (4 + 3 + 4 + 0.5 * (2 + 1 + 1 + 0)) / 16
    rows, columns = [6, 5, 5], [6, 5, 5]
    w = agreement_weights(3, Weights.linear)
    expected = sum(w[i][j] * rows[i] * columns[j] for i in range(3) for j in range(3)) / 256
    assert kappa(table, Weights.linear).value == pytest.approx((observed - expected) / (1 - expected))


def slopes(table: np.ndarray, weights: Weights) -> np.ndarray:
    """How kappa changes with each cell's share, by finite differences."""
    w = agreement_weights(len(table), weights)

    def of(p: np.ndarray) -> float:
        p = p / p.sum()
        expected = p.sum(1) @ w @ p.sum(0)
        return float(((w * p).sum() - expected) / (1 - expected))

    step = 1e-6
    p, found = table / table.sum(), np.zeros(table.size)
    for cell in range(table.size):
        up = np.zeros(table.size)
        up[cell] = step
        found[cell] = (of(p + up.reshape(p.shape)) - of(p - up.reshape(p.shape))) / (2 * step)
    return found


@pytest.mark.parametrize("weights", list(Weights))
def test_the_standard_error_is_that_of_the_delta_method(weights: Weights) -> None:
    table = np.array(DIAGNOSES, dtype=float)
    p, slope = (table / table.sum()).ravel(), slopes(table, weights)
    variance = (p * slope**2).sum() - (p * slope).sum() ** 2
    assert kappa(DIAGNOSES, weights).stderr == pytest.approx(math.sqrt(variance / table.sum()), rel=1e-5)


def test_full_agreement_is_one_with_an_interval_that_nobody_knows_and_reversal_is_below_nought() -> None:
    found = kappa([[5, 0], [0, 7]])
    assert (found.value, found.stderr) == (pytest.approx(1), pytest.approx(0, abs=1e-7))
    assert found.interval is None and resampled_kappa([[[1, 0], [0, 0]], [[0, 0], [0, 1]]] * 5) is None
    assert kappa([[0, 6], [6, 0]]).value == pytest.approx(-1)


def test_raters_who_always_say_the_same_class_have_no_kappa() -> None:
    found = kappa([[9, 0], [0, 0]])
    assert (found.value, found.stderr, found.interval, found.observed) == (None, None, None, 1.0)
    assert resampled_kappa([[[1, 0], [0, 0]]] * 9) is None
    with pytest.raises(ValueError, match="at least one unit"):
        kappa([[0, 0], [0, 0]])


def units(table: list[list[int]]) -> list[list[list[int]]]:
    """One table a question: one unit each."""
    size = range(len(table))
    return [
        [[int((i, j) == (a, b)) for j in size] for i in size]
        for a in size
        for b in size
        for _ in range(table[a][b])
    ]


def test_resampling_questions_of_one_unit_each_agrees_with_the_formula() -> None:
    low, high = resampled_kappa(units(DIAGNOSES)) or (0, 0)
    analytic = kappa(DIAGNOSES).interval or (0, 0)
    assert abs(low - analytic[0]) < 0.03 and abs(high - analytic[1]) < 0.03
    assert resampled_kappa(units(DIAGNOSES)) == (low, high), "the same draws every time"


def test_questions_that_were_rated_four_times_are_no_fourfold_evidence() -> None:
    once = resampled_kappa(units(DIAGNOSES)) or (0, 0)
    four = resampled_kappa([(4 * np.array(one)).tolist() for one in units(DIAGNOSES)])
    assert four == pytest.approx(once)
    independent = kappa((4 * np.array(DIAGNOSES)).tolist()).interval or (0, 0)
    assert independent[1] - independent[0] < 0.6 * (once[1] - once[0])


def test_the_analytic_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    p = np.array([0.35, 0.06, 0.09, 0.03, 0.09, 0.03, 0.06, 0.04, 0.25])
    truth = kappa((p.reshape(3, 3) * 100_000).round().astype(int).tolist()).value
    assert truth is not None
    found = [kappa(rng.multinomial(200, p).reshape(3, 3).tolist()).interval for _ in range(2000)]
    covered = np.mean([low <= truth <= high for low, high in filter(None, found)])
    assert 0.93 < covered < 0.97
