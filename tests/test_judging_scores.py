"""What verdicts add up to."""

from __future__ import annotations

import random
from math import sqrt
from statistics import fmean, stdev

import pytest

from alpaca_exp.judging.protocol import preferred
from alpaca_exp.judging.replies import scores_of
from alpaca_exp.judging.scores import JudgeScore, judge_scores, mean_words, ratio_of_sums, remarks
from alpaca_exp.records import Row, Score
from alpaca_exp.report.judged import RANGES
from alpaca_exp.report.metrics import limits


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


def verdict(question: str, preference: float | None, **more: object) -> Row:
    told = {"order": "12", "score_1": None, "score_2": None, "parsed": preference is not None}
    return {"question_id": question, "preference": preference, **told, **more}


def test_a_judge_who_names_winners_and_turns_with_the_order_saw_a_tie() -> None:
    rows = [
        verdict(name, preference, order=order, protocol="pairwise")
        for name, both in {"a": (1.0, 0.0), "b": (1.0, 0.5), "c": (1.0, 1.0)}.items()
        for order, preference in zip(("12", "21"), both, strict=True)
    ]
    found = scored(rows)
    assert found["win_rate"].value == pytest.approx(100 * (0.5 + 0.5 + 1) / 3)
    assert found["flip_rate"].value == pytest.approx(200 / 3)
    assert not found.keys() & {"percent", "score", "opponent_score", "difference"}


def test_weighted_preferences_are_averaged_and_flip_only_with_their_winner() -> None:
    rows = [
        verdict("a", 0.9),
        verdict("a", 0.7, order="21"),
        verdict("b", 0.8),
        verdict("b", 0.2, order="21"),
    ]
    found = scored(rows)
    assert found["win_rate"].value == pytest.approx(100 * (0.8 + 0.5) / 2)
    assert found["flip_rate"].value == pytest.approx(50.0)


def test_what_was_asked_again_enters_no_score_but_its_own() -> None:
    rows = [verdict("a", 1.0), verdict("b", 0.0), verdict("c", 1.0, order="21")]
    again = [verdict("a", 0.0, retest=True), verdict("c", 1.0, order="21", retest=True)]
    found, alone = scored(rows + again), scored(rows)
    assert found["retest_agreement"].value == pytest.approx(50.0) and found["retest_agreement"].n == 2
    assert {name: score for name, score in found.items() if not name.startswith("retest_")} == alone
    assert found["unparsed"].n == 3


def test_intervals_keep_to_the_metrics_range_and_agree_with_the_analytic_errors() -> None:
    rng = random.Random(3)
    rows = [
        verdict(
            str(n), rng.choice((0.0, 0.5, 1.0)), score_1=rng.uniform(5, 9), score_2=rng.uniform(4, 9),
            words_1=rng.randint(40, 200), words_2=rng.randint(40, 200),
        )
        for n in range(80)
    ]  # fmt: skip
    for metric, score in scored(rows).items():
        if metric == "unparsed":
            continue
        assert isinstance(score, JudgeScore) and score.low is not None and score.high is not None
        assert score.low <= score.value <= score.high
        assert metric in RANGES
        lowest, highest = limits(f"judge.{metric}")
        assert lowest <= score.low and score.high <= highest
        assert score.high - score.low == pytest.approx(2 * 1.99 * (score.stderr or 0), rel=0.12), metric


def test_the_longer_answers_share_counts_untied_pairs_of_different_length() -> None:
    lengths = [(10, 20, 1.0), (20, 10, 1.0), (10, 20, 0.5), (10, 10, 1.0), (10, 30, 1.0), (None, 3, 1.0)]
    rows = [verdict(str(n), p, words_1=a, words_2=b) for n, (a, b, p) in enumerate(lengths)]
    found = scored(rows)["longer_preferred"]
    assert found.value == pytest.approx(200 / 3) and found.n == 3


def test_a_judge_who_sees_nothing_but_length_is_even_at_equal_length() -> None:
    rows = [
        verdict(str(n), float(ours > 100), words_1=100, words_2=ours)
        for n, ours in enumerate([*range(60, 100, 5), *range(105, 200, 5)])
    ]
    found = scored(rows)
    assert found["win_rate"].value > 65 and found["longer_preferred"].value == 100
    rate, slope = found["win_rate_lc"], found["length_slope"]
    assert isinstance(rate, JudgeScore) and rate.low is not None and rate.high is not None
    assert rate.low < 50 < rate.high
    assert slope.value > 30


AT_EQUAL_LENGTH = {"win_rate_lc", "difference_lc", "length_slope"}


def lengthy(pairs: list[tuple[int, int]]) -> list[Row]:
    """Verdicts on answers of so many words, every third won by the model, each with points."""
    rows = []
    for n, (theirs, ours) in enumerate(pairs):
        won = float(n % 3 == 0)
        points = {"score_1": 5.0, "score_2": 4.0 + 3 * won}
        rows.append(verdict(str(n), won, words_1=theirs, words_2=ours, **points))
    return rows


@pytest.mark.parametrize(("words", "side"), [(40, "shorter"), (120, "longer")])
def test_beyond_the_data_there_is_no_number_at_equal_length_but_a_sentence(words: int, side: str) -> None:
    rows = lengthy([(100, words + n % 20) for n in range(50)])
    assert not scored(rows).keys() & AT_EQUAL_LENGTH
    [said] = remarks(rows)
    assert said.startswith("there is no win_rate_lc, difference_lc or length_slope: ")
    assert f"the model's answer is the {side} one in 50 of 50 questions" in said


def test_at_the_edge_of_the_data_equal_length_is_told_with_a_sentence() -> None:
    rows = lengthy([(100, 120 + n % 20) for n in range(58)] + [(100, 90), (100, 80)])
    assert scored(rows).keys() > AT_EQUAL_LENGTH
    assert "longer one in 58 of 60 questions; equal length lies at the edge" in "".join(remarks(rows))


def test_one_odd_answer_does_not_reach_equal_length() -> None:
    assert not scored(lengthy([*[(8, 12 + n) for n in range(19)], (20, 9)])).keys() & AT_EQUAL_LENGTH


def test_empty_answers_tell_nothing_of_length() -> None:
    filled = lengthy([(100, 60 + 4 * n) for n in range(30)])
    empty = [verdict(f"e{n}", 1.0, score_1=1.0, score_2=8.0, words_1=0, words_2=90) for n in range(4)]
    with_them, without = scored(filled + empty), scored(filled)
    for metric in AT_EQUAL_LENGTH | {"longer_preferred"}:
        assert with_them[metric] == without[metric], metric
    assert with_them["win_rate"].value > without["win_rate"].value


def test_fewer_than_five_questions_are_not_made_to_look_certain() -> None:
    alike = [verdict(str(n), 0.5, score_1=8.0, score_2=8.5) for n in range(3)]
    again = [row | {"retest": True, "preference": 1.0 * (n % 2)} for n, row in enumerate(alike)]
    for score in scored(alike + again).values():
        assert isinstance(score, JudgeScore)
        assert (score.stderr, score.low, score.high) == (None, None, None)
    some = scored([verdict(str(n), n / 4) for n in range(4)])["win_rate"]
    assert isinstance(some, JudgeScore) and some.stderr and some.low is None


def test_a_category_in_which_nothing_can_be_read_is_named_and_counted() -> None:
    rows = [verdict(str(n), 1.0, category="coding") for n in range(5)]
    rows += [verdict(f"m{n}", None, category="math", order=order) for n in range(3) for order in ("12", "21")]
    found = scored(rows)
    assert "win_rate/math" not in found
    assert (found["unparsed/math"].value, found["unparsed/math"].n) == (6.0, 6)
    assert found["unparsed/coding"].value == 0.0
    said = list(remarks(rows))
    assert "of 3 of 8 questions no verdict can be read; they have no score" in said
    assert "the category math has no scores: no verdict on its 3 questions can be read" in said


def test_questions_that_rest_on_one_readable_order_are_counted() -> None:
    rows = [verdict(str(n), 1.0, order=order) for n in range(5) for order in ("12", "21")]
    rows[1] |= {"preference": None, "parsed": False}
    [said] = remarks(rows)
    assert said.startswith("1 of the 5 questions with a score rest on one order of the answers")
    assert list(remarks([row for row in rows if row["order"] == "12"])) == []  # asked in one order


def test_verdicts_of_several_versions_of_a_judge_are_said_with_their_counts() -> None:
    rows = [
        verdict(str(n), 1.0, judge="g", judge_version=f"g-{n % 2}", protocol="pairwise") for n in range(5)
    ]
    assert list(remarks(rows)) == [
        "the verdicts come from several versions of g, which may differ: g-0 (3), g-1 (2)"
    ]


def test_categories_have_scores_of_their_own_where_there_are_several() -> None:
    rows = [verdict(str(n), float(n < 2), category="maths" if n < 2 else "coding") for n in range(6)]
    found = scored(rows)
    assert (found["win_rate/maths"].value, found["win_rate/coding"].value) == (100.0, 0.0)
    assert found["win_rate/coding"].n == 4
    one = [row | {"category": "maths"} for row in rows]
    assert not [name for name in scored(one) if "/" in name]


def test_ties_alone_say_what_so_many_alike_leave_open() -> None:
    told = {"score_1": 7.0, "score_2": 7.0}
    rows = [verdict(str(n), 0.5, words_1=20 + n % 7, words_2=20 + n % 5, **told) for n in range(80)]
    found = {score.metric: score for score in judge_scores(rows)}
    unseen = 1 - 0.025 ** (1 / 80)  # of 80 questions, the share of others of which none may have been seen
    worst, best = (7 + unseen * (end - 7) for end in (1, 10))
    percent, apart = found["percent"], found["difference_lc"]
    assert isinstance(percent, JudgeScore) and isinstance(apart, JudgeScore)
    assert (percent.value, percent.low, percent.high) == pytest.approx(
        (100.0, 100 * worst / best, 100 * best / worst)
    )
    assert (apart.value, apart.low, apart.high) == pytest.approx((0.0, -9 * unseen, 9 * unseen))
