"""What verdicts add up to."""

from __future__ import annotations

import random
from math import sqrt
from statistics import fmean, stdev

import pytest

from alpaca_exp.judging.protocol import preferred
from alpaca_exp.judging.replies import scores_of
from alpaca_exp.judging.scores import judge_scores, mean_words, ratio_of_sums
from alpaca_exp.records import Row, Score


def row(question: str, order: str, text: str) -> Row:
    shown = scores_of(text) or (None, None)
    score_1, score_2 = shown if order == "12" else shown[::-1]
    scores = {"score_1": score_1, "score_2": score_2, "preference": preferred(score_1, score_2)}
    return {"question_id": question, "order": order, "parsed": score_1 is not None, **scores}


def scored(rows: list[Row]) -> dict[str, Score]:
    return {score.metric: score for score in judge_scores(rows)}


def test_scores_are_those_of_the_model_against_its_opponent() -> None:
    found = scored([row("a", "12", "8 6"), row("b", "12", "4 8"), row("c", "12", "4 4")])
    assert found["percent"].value == pytest.approx(100 * 18 / 16)
    assert found["win_rate"].value == pytest.approx(50.0)
    assert found["score"].value == pytest.approx(6.0)
    assert found["opponent_score"].value == pytest.approx(16 / 3)
    assert "flip_rate" not in found
    assert {score.task for score in found.values()} == {"judge"} and found["percent"].n == 3


def test_both_orders_of_a_question_count_as_one() -> None:
    rows = [row("a", "12", "8 6"), row("a", "21", "8 4"), row("b", "12", "5 5"), row("b", "21", "5 5")]
    found = scored(rows)
    assert found["percent"].n == 2
    assert found["percent"].value == pytest.approx(100 * (7.0 + 5.0) / (6.0 + 5.0))
    assert found["win_rate"].value == pytest.approx(50.0)  # a: lost once, won once
    assert found["flip_rate"].value == pytest.approx(50.0)


def test_what_was_not_read_is_counted_and_enters_nothing() -> None:
    rows = [row("a", "12", "8 6"), row("a", "21", "who knows"), row("b", "12", "12 3"), row("b", "21", "")]
    found = scored(rows)
    assert (found["unparsed"].value, found["unparsed"].n) == (3.0, 4)
    assert found["percent"].value == pytest.approx(75.0) and found["percent"].n == 1
    assert found["percent"].stderr is None and "flip_rate" not in found


def test_nothing_read_leaves_the_count_alone() -> None:
    assert scored([row("a", "12", "hm")]).keys() == {"unparsed"}


def test_equal_answers_make_a_hundred_per_cent_without_doubt() -> None:
    found = scored([row(str(n), "12", f"{n} {n}") for n in range(1, 10)])
    assert (found["percent"].value, found["percent"].stderr) == (pytest.approx(100), pytest.approx(0))


def test_the_error_of_the_ratio_is_that_of_many_samples() -> None:
    rng = random.Random(0)
    ratios, errors = [], []
    for _ in range(2000):
        others = [rng.uniform(4, 10) for _ in range(60)]
        values = [0.8 * other + rng.gauss(0, 1.5) for other in others]
        ratio, error = ratio_of_sums(values, others)
        ratios.append(ratio)
        errors.append(error or 0.0)
    assert fmean(errors) == pytest.approx(stdev(ratios), rel=0.05)


def test_words_have_their_mean_and_error() -> None:
    found = mean_words([2, 4, 6])
    assert (found.task, found.metric, found.value) == ("words", "mean", 4.0)
    assert found.stderr == pytest.approx(2 / sqrt(3))
