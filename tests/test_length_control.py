"""The win rate at equal length: what it promises, on judges whose fondness for length is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from alpaca_exp.statistics.difficulty import difficulties
from alpaca_exp.statistics.length_control import difference_at_equal_length, win_rate_at_equal_length
from tests.judged_worlds import BEYOND, LENGTHS, QUESTIONS, Judge, covers, ratio

T = 1.990063  # Student's, of 79 degrees of freedom


def raw_covers(preferences: np.ndarray, truth: float) -> float:
    half = T * preferences.std(1, ddof=1) / np.sqrt(QUESTIONS)
    return covers(preferences.mean(1) - half, preferences.mean(1) + half, truth)


@pytest.mark.parametrize("both", [False, True])
def test_a_judge_who_likes_length_is_seen_through_and_the_raw_rate_is_not(both: bool) -> None:
    rng = np.random.default_rng(5)
    judge = Judge(fondness=1.0, gap=0.5, both_orders=both)
    theirs, ours = LENGTHS[0].draw(rng, (300, QUESTIONS))
    preferences = judge.preferences(rng, theirs, ours)
    found = win_rate_at_equal_length(preferences, ratio(theirs, ours))
    assert 0.91 <= covers(found.low, found.high, judge.truth) <= 0.99
    assert abs(found.value.mean() - judge.truth) < 0.02
    assert raw_covers(preferences, judge.truth) < 0.7


def test_without_fondness_both_agree() -> None:
    rng = np.random.default_rng(6)
    judge = Judge(fondness=0.0, gap=0.5)
    theirs, ours = LENGTHS[0].draw(rng, (300, QUESTIONS))
    preferences = judge.preferences(rng, theirs, ours)
    found = win_rate_at_equal_length(preferences, ratio(theirs, ours))
    assert abs(found.value.mean() - preferences.mean()) < 0.01
    assert covers(found.low, found.high, judge.truth) > 0.91
    assert raw_covers(preferences, judge.truth) > 0.91


def test_points_of_ten_are_read_at_equal_length_too() -> None:
    rng = np.random.default_rng(7)
    judge = Judge(fondness=1.0, gap=0.5, both_orders=False)
    difference, share = judge.true_points()
    theirs, ours = LENGTHS[0].draw(rng, (300, QUESTIONS))
    points = judge.points(rng, theirs, ours)
    gained = points[1] - points[0]
    _, _, low, high = difference_at_equal_length(gained, ratio(theirs, ours))
    assert 0.91 <= covers(low, high, difference) <= 0.99
    found = win_rate_at_equal_length(0.5 + 0.5 * np.sign(gained), ratio(theirs, ours))
    assert 0.91 <= covers(found.low, found.high, share) <= 0.99


@pytest.mark.long
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("lengths", [*LENGTHS, BEYOND], ids=lambda one: one.name)
def test_the_interval_holds_the_truth_in_93_to_97_of_100_judgings(lengths: object, both: bool) -> None:
    assert isinstance(lengths, type(BEYOND))
    shares = {}
    for number, (fondness, gap) in enumerate(itertools.product((0.0, 0.5, 1.0), (0.0, 0.5, 1.0))):
        rng = np.random.default_rng((number, 1))
        judge = Judge(fondness, gap, both)
        theirs, ours = lengths.draw(rng, (1_000, QUESTIONS))
        preferences = judge.preferences(rng, theirs, ours)
        found = win_rate_at_equal_length(preferences, ratio(theirs, ours))
        shares[fondness, gap] = covers(found.low, found.high, judge.truth)
    assert 0.94 <= np.mean(list(shares.values())) <= 0.965
    # One share of a thousand has an error of .007.
    least, most = (0.93, 0.97) if lengths != BEYOND else (0.90, 0.98)
    assert all(least - 0.007 <= share <= most + 0.007 for share in shares.values()), shares


def test_a_model_that_always_wins_has_an_interval_and_one_that_ties_always_is_even() -> None:
    lengths = np.random.default_rng(0).normal(0.5, 0.6, QUESTIONS)
    won = win_rate_at_equal_length(np.ones(QUESTIONS), lengths)
    assert 0.9 < won.low < won.value < won.high <= 1
    lost = win_rate_at_equal_length(np.zeros(QUESTIONS), lengths)
    assert lost.high == pytest.approx(1 - won.low)
    even = win_rate_at_equal_length(np.full(QUESTIONS, 0.5), lengths)
    assert even.value == pytest.approx(0.5) and even.low < 0.5 < even.high
    told_by_length = win_rate_at_equal_length((lengths > 0).astype(float), lengths)
    assert told_by_length.low < 0.5 < told_by_length.high


def test_the_error_is_as_wide_as_the_interval_also_where_the_rate_is_next_to_one() -> None:
    lengths = np.linspace(0.8, 1.6, 20)
    found = win_rate_at_equal_length((np.arange(20) % 5 < 3 - np.arange(20) // 7).astype(float), lengths)
    assert found.value > 0.9 and found.low < 0.5
    assert found.stderr == pytest.approx((found.high - found.low) / (2 * 2.100922))


def test_swapping_the_models_mirrors_the_rate() -> None:
    rng = np.random.default_rng(3)
    lengths, wins = rng.normal(0.3, 0.5, QUESTIONS), rng.integers(0, 3, QUESTIONS) / 2
    one, other = win_rate_at_equal_length(wins, lengths), win_rate_at_equal_length(1 - wins, -lengths)
    assert float(one.value) == pytest.approx(1 - float(other.value), abs=1e-6)
    assert float(one.low) == pytest.approx(1 - float(other.high), abs=1e-5)


def test_one_judging_alone_is_what_it_is_among_many() -> None:
    rng = np.random.default_rng(4)
    lengths, wins = rng.normal(0.3, 0.5, (5, QUESTIONS)), rng.integers(0, 2, (5, QUESTIONS)).astype(float)
    many, one = win_rate_at_equal_length(wins, lengths), win_rate_at_equal_length(wins[2], lengths[2])
    assert float(one.low) == pytest.approx(float(many.low[2]), abs=1e-5)


@pytest.mark.parametrize("lengths", [[0.1, 0.2, 0.3], [0.5] * 10])
def test_what_cannot_be_told_is_refused(lengths: list[float]) -> None:
    with pytest.raises(ValueError, match="equal length cannot be read"):
        win_rate_at_equal_length(np.ones(len(lengths)), np.array(lengths))
    with pytest.raises(ValueError, match="equal length cannot be read"):
        difference_at_equal_length(np.ones(len(lengths)), np.array(lengths))


def test_many_models_tell_which_questions_are_easy() -> None:
    """Where easy questions get longer answers, one pair alone takes that for fondness; many do not."""
    rng = np.random.default_rng(8)
    names = [str(n) for n in range(400)]
    ease = rng.normal(0, 1.5, len(names))
    models = []
    for _ in range(12):
        lengths = 0.4 + 0.5 * ease + rng.normal(0, 0.4, len(names))
        chance = 1 / (1 + np.exp(-(ease - 0.3 + 0.5 * lengths)))
        won = (rng.random(len(names)) < chance).astype(float)
        models.append(dict(zip(names, zip(won.tolist(), lengths.tolist(), strict=True), strict=True)))
    found = difficulties(names, models[1:])
    assert np.corrcoef(found, ease)[0, 1] > 0.8 and abs(found.mean()) < 1e-9
    truth = (1 / (1 + np.exp(-(ease - 0.3)))).mean()
    won, lengths = (np.array([models[0][name][place] for name in names]) for place in (0, 1))
    alone = win_rate_at_equal_length(won, lengths)
    told = win_rate_at_equal_length(won, lengths, found)
    assert abs(told.value - truth) < abs(alone.value - truth)
    assert told.low < truth < told.high


def test_one_further_model_tells_no_difficulty() -> None:
    assert not difficulties(["a", "b"], [{"a": (1.0, 0.0), "b": (0.0, 0.1)}]).any()
