"""The interval of a mean over seeds and documents: against hand and SciPy, and against what it promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from alpaca_exp.statistics.combined import combined, critical, pooled
from alpaca_exp.statistics.crossed import crossed, crossed_apart, difference
from alpaca_exp.statistics.intervals import Doubt, Interval, Part
from alpaca_exp.statistics.significance import p_value
from tests.crossed_worlds import Array, World


def bounds(one: Interval) -> tuple[float, float]:
    assert one.low is not None and one.high is not None
    return one.low, one.high


def test_the_variance_is_that_of_the_mean_squares() -> None:
    # Mean squares by hand: seeds 13.5, documents 6.5, both 1.5; the rest is what rounding may hide.
    found = crossed([[1, 2, 3], [3, 4, 8]])
    seeds, documents = found.parts
    assert found.mean == 3.5 and found.n == 2 and found.doubt is Doubt.seeds
    assert documents.variance == pytest.approx((6.5 - 1.5) / 6) and documents.df == 2
    assert seeds.variance == pytest.approx(13.5 / 6 + 4 * 2.75 / 9 / 12 / 2) and seeds.df == 1
    assert found.stderr == pytest.approx(math.sqrt(seeds.variance + documents.variance))


def test_one_seed_has_students_interval_over_the_documents_and_says_so() -> None:
    values = np.random.default_rng(0).normal(1, 2, 30)
    found, student = crossed([values]), stats.ttest_1samp(values, 0)
    assert found.doubt is Doubt.checkpoint and found.n == 1
    assert bounds(found) == pytest.approx(tuple(student.confidence_interval()))
    assert p_value(found) == pytest.approx(student.pvalue) and found.df == pytest.approx(29)


def test_without_documents_it_is_students_interval_over_the_seeds() -> None:
    values = [0.61, 0.66, 0.64, 0.58]
    found, student = crossed([[one] for one in values]), stats.ttest_1samp(values, 0.5)
    assert bounds(found) == pytest.approx(tuple(student.confidence_interval()))
    assert p_value(found, 0.5) == pytest.approx(student.pvalue) and found.df == pytest.approx(3)


def test_a_paired_difference_of_two_checkpoints_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(3)
    hard = rng.normal(size=50)
    first, second = (hard + rng.normal(scale=0.3, size=50) for _ in range(2))
    found = crossed(first - second)
    assert p_value(found) == pytest.approx(stats.ttest_rel(first, second).pvalue)


def test_one_document_of_one_seed_has_no_interval() -> None:
    assert crossed([[0.4]]).low is None and p_value(crossed([[0.4]])) is None
    assert crossed([[0.4, 0.5]], clusters=["a", "a"]).low is None


@pytest.mark.parametrize("values", [[], [[]], [[1.0, math.nan]], [[[1.0]]]])
def test_what_is_no_array_of_numbers_is_refused(values: list[object]) -> None:
    with pytest.raises(ValueError, match="seeds by documents"):
        crossed(np.array(values, np.float64))


def test_clusters_must_be_as_many_as_documents() -> None:
    with pytest.raises(ValueError, match="2 documents have 3 clusters"):
        crossed([[1.0, 2.0]], clusters=[1, 2, 3])


def test_documents_that_are_each_a_cluster_are_documents() -> None:
    values = np.random.default_rng(0).normal(size=(3, 20))
    assert bounds(crossed(values, list(range(20)))) == pytest.approx(bounds(crossed(values)))


def test_copies_of_a_document_are_no_more_evidence_than_one() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=12) + 0.3 * rng.normal(size=(3, 12))
    copied, clusters = np.repeat(values, 4, axis=1), np.repeat(np.arange(12), 4).tolist()
    once, twice = crossed(values), crossed(copied, clusters)
    assert twice.stderr == pytest.approx(once.stderr, rel=0.01)
    assert [part.df for part in twice.parts] == pytest.approx([part.df for part in once.parts])
    assert (crossed(copied).stderr or 0) < 0.8 * (once.stderr or 0)


def test_near_its_limits_it_is_wilsons_interval() -> None:
    right = np.array([1.0] * 1940 + [0.0] * 60)
    wilson = stats.binomtest(1940, 2000).proportion_ci(method="wilson")
    found = crossed(right, limits=(0, 1))
    assert bounds(found) == pytest.approx((wilson.low, wilson.high), abs=2e-5)
    per_cent = crossed(100 * right, limits=(0, 100))
    assert bounds(per_cent) == pytest.approx((100 * bounds(found)[0], 100 * bounds(found)[1]))


@pytest.mark.parametrize("n", [5, 80])
def test_where_all_is_right_it_is_clopper_and_pearsons_interval(n: int) -> None:
    exact = stats.binomtest(n, n).proportion_ci(method="exact")
    found = crossed([[1.0] * n] * 3, limits=(0, 1))
    assert bounds(found) == pytest.approx((exact.low, 1.0))
    assert p_value(found, exact.low) == pytest.approx(0.05)


def test_documents_that_all_answer_alike_do_not_prove_that_two_models_are_equal() -> None:
    low, high = bounds(crossed([[0.0] * 20] * 3, limits=(-1, 1)))
    assert low == pytest.approx(-high) and high == pytest.approx(1 - 0.025 ** (1 / 20))


def test_two_seeds_that_agree_by_chance_are_no_certainty() -> None:
    rng = np.random.default_rng(0)
    values = (rng.random((2, 80)) < 0.6).astype(float)
    values[1] = rng.permutation(values[0])  # the very same mean
    found = crossed(values - 0.45)
    assert found.mean > 0.1 and (p_value(found) or 0) > 0.001


def test_an_endless_part_alone_makes_it_normal_and_a_seeds_part_alone_students() -> None:
    assert critical([Part(1.0, math.inf)], 0.05) == pytest.approx(1.959964)
    assert critical([Part(1.0, 2), Part(0.0, 99)], 0.05) == pytest.approx(4.302653)
    between = critical([Part(1.0, 2), Part(1.0, math.inf)], 0.05)
    # Satterthwaite's is 2.78, with 8 degrees of freedom at half shares and half that for their doubt.
    assert 2.6 < between < 3.2
    assert combined(0.0, [Part(1.0, 2), Part(1.0, math.inf)], 3, Doubt.seeds).df == pytest.approx(
        5.0, abs=1.5
    )


def test_pooled_seeds_of_two_models_have_satterthwaites_degrees_of_freedom() -> None:
    assert pooled([Part(1.0, 2), Part(0.0, 2)]) == Part(1.0, 2)
    assert pooled([Part(1.0, 2), Part(1.0, 2)]) == Part(2.0, 4)
    assert pooled([Part(1.0, math.inf), Part(2.0, math.inf)]) == Part(3.0, math.inf)


def test_two_samples_that_share_nothing_have_welchs_interval() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.3, 1, 40), rng.normal(0, 3, 60)
    found = difference(crossed(first), crossed(second))
    assert found is not None and found.doubt is Doubt.checkpoint
    welch = stats.ttest_ind(first, second, equal_var=False)
    assert bounds(found) == pytest.approx(tuple(welch.confidence_interval()))
    assert difference(crossed(first), crossed(rng.normal(size=(3, 40)))) is None


def test_seeds_that_are_no_pairs_leave_the_documents_paired() -> None:
    rng = np.random.default_rng(0)
    hard = 3 * rng.normal(size=100)
    ours, theirs = (hard + 0.1 * rng.normal(size=(seeds, 100)) for seeds in (3, 5))
    found = crossed_apart(ours + 0.2, theirs)
    assert found.mean == pytest.approx(0.2, abs=0.03) and (found.stderr or 1) < 0.02
    apart = difference(crossed(ours + 0.2), crossed(theirs))
    assert apart is not None and (apart.stderr or 0) > 10 * (found.stderr or 1)
    with pytest.raises(ValueError, match="two or more"):
        crossed_apart(ours[:1], theirs)
    with pytest.raises(ValueError, match="unequal documents"):
        crossed_apart(ours[:, :50], theirs)


def held(values: Array, truths: Array, **more: object) -> float:
    found = [bounds(crossed(one, **more)) for one in values]  # type: ignore[arg-type]
    return float(np.mean([low <= truth <= high for (low, high), truth in zip(found, truths, strict=True)]))


@pytest.mark.parametrize("deviation", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_it_holds_the_truth_in_19_of_20_worlds(seeds: int, deviation: float) -> None:
    world = World((0.0,), None)
    (drawn,) = world.draw(np.random.default_rng(10 + seeds), 600, (seeds, 80, deviation), (1.0,))
    assert 0.925 < held(*drawn.contrast((1.0,))) < 0.975


@pytest.mark.parametrize(
    "world",
    [World((0.95,), (-0.4, 0.4)), World((0.9,)), World((0.7,), sizes=(1, 1, 2, 3, 1, 6))],
    ids=["win rate", "accuracy", "clusters"],
)
def test_it_does_so_near_a_limit_and_over_few_clusters(world: World) -> None:
    (drawn,) = world.draw(np.random.default_rng(1), 500, (3, 80, 0.5), (1.0,))
    values, truths = drawn.contrast((1.0,))
    assert 0.925 < held(values, truths, clusters=world.clusters(80), limits=(0.0, 1.0)) < 0.98


def test_t_over_seeds_alone_would_not() -> None:
    """So that a wrong interval is seen: what documents leave is no part of it."""
    (drawn,) = World((0.0,), None, own=0.0).draw(np.random.default_rng(1), 500, (3, 80, 0.0), (1.0,))
    values, truths = drawn.contrast((1.0,))
    assert held(values.mean(2, keepdims=True), truths) < 0.9 < held(values, truths)
