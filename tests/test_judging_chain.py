"""Per cent of a reference, chained through models that both were compared with."""

from __future__ import annotations

import random
from pathlib import Path
from statistics import fmean, stdev

import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.judging.published import read_published
from alpaca_exp.judging.published_scores import differences
from alpaca_exp.judging.scores import judge_scores
from alpaca_exp.judging.scores_chain import apart, percent_of
from alpaca_exp.judging.scores_questions import compared
from alpaca_exp.records import Row


def read_beside(one: str, other: str, points: list[tuple[float, float]]) -> list[Row]:
    return [
        {
            "question_id": str(n), "model_1": one, "model_2": other, "score_1": a, "score_2": b,
            "order": "12", "preference": 0.5 + 0.5 * ((b > a) - (b < a)), "parsed": True,
        }
        for n, (a, b) in enumerate(points)
    ]  # fmt: skip


def with_judge(rows: list[Row]) -> list[Row]:
    return [row | {"judge": "j"} for row in rows]


ROWS = read_beside("small", "pivot", [(4, 8), (5, 8)]) + read_beside(
    "pivot", "big", [(9, 10), (7, 8), (8, 9)]
)


def test_a_chain_is_the_product_of_its_links_in_whichever_place_a_model_stands() -> None:
    found = percent_of(ROWS, "small", "big")
    assert found.value == pytest.approx(100 * 9 / 16 * 24 / 27)
    assert [(one.model, one.reference, one.points, one.reference_points, one.n) for one in found.links] == [
        ("small", "pivot", 9, 16, 2), ("pivot", "big", 24, 27, 3),
    ]  # fmt: skip
    assert found.n == 3 and found.low is not None and found.high is not None
    assert percent_of(ROWS, "big", "small").value == pytest.approx(100 * 100 / found.value)


def test_a_direct_comparison_needs_no_chain_and_is_judges_own_percent() -> None:
    rows = read_beside("small", "big", [(4, 8), (5, 9), (6, 6)])
    found = percent_of([*ROWS, *rows], "small", "big")
    assert len(found.links) == 1 and found.value == pytest.approx(100 * 15 / 23)
    turned = read_beside("big", "small", [(8, 4), (9, 5), (6, 6)])
    same = next(score for score in judge_scores(turned) if score.metric == "percent")
    assert (found.value, found.stderr) == (pytest.approx(same.value), pytest.approx(same.stderr))
    assert percent_of([*ROWS, *rows], "small", "big", through=["pivot"]).value == pytest.approx(50.0)


def test_models_that_are_not_joined_or_joined_twice_are_named() -> None:
    with pytest.raises(InputError, match="lead from small to nobody; compared are big and pivot; pivot and"):
        percent_of(ROWS, "small", "nobody")
    twice = [*ROWS, *read_beside("small", "other", [(1, 2)]), *read_beside("other", "big", [(1, 2)])]
    with pytest.raises(InputError, match="through other or pivot; name one as --pivot"):
        percent_of(twice, "small", "big")
    with pytest.raises(InputError, match="small and big are not compared with scores"):
        percent_of(ROWS, "small", "big", through=[])


def test_the_chains_interval_holds_the_truth_since_it_draws_a_question_in_all_its_links() -> None:
    rng = random.Random(1)
    values, held = [], 0
    for _ in range(150):
        first, second = [], []
        for _ in range(60):
            ease = rng.gauss(0, 1.0)
            small, pivot, big = (level + ease + rng.gauss(0, 0.5) for level in (5.0, 7.0, 8.0))
            first.append((small, pivot))
            second.append((pivot + rng.gauss(0, 0.3), big))
        rows = read_beside("small", "pivot", first) + read_beside("pivot", "big", second)
        found = percent_of(rows, "small", "big")
        values.append((found.value, found.stderr or 0.0))
        held += found.low is not None and found.low < 62.5 < (found.high or 0)
    assert 0.89 <= held / 150 <= 0.99
    assert fmean(error for _, error in values) == pytest.approx(stdev(value for value, _ in values), rel=0.2)


def test_alpaca_13b_has_76_24_per_cent_of_chatgpt_in_vicunas_reviews(shared_data: Path) -> None:
    folder = shared_data / "vicuna"
    found = read_published(
        sorted((folder / "review").glob("*.jsonl")),
        questions=folder / "question.jsonl",
        answers=sorted((folder / "answer").glob("*.jsonl")),
    )
    percent = percent_of(found.verdicts, "alpaca-13b", "gpt35")
    assert [(one.points, one.reference_points) for one in percent.links] == [(583.0, 704.0), (638.0, 693.0)]
    assert percent.value == pytest.approx(100 * 583.0 / 704.0 * 638.0 / 693.0, rel=1e-12)
    assert (percent.low, percent.high) == (pytest.approx(71, abs=0.5), pytest.approx(81, abs=0.5))
    both = [
        one
        for model in ("alpaca-13b", "gpt35")
        for one in compared([row for row in found.verdicts if model in (row["model_1"], row["model_2"])])
    ]
    longer = [(one.ratio or 0) * (one.preference - 0.5) for one in both]
    untied = [gain for gain in longer if gain]
    assert sum(gain > 0 for gain in untied) / len(untied) == pytest.approx(0.77, abs=0.005)


def test_two_models_are_apart_by_what_their_chains_do_not_share() -> None:
    rng = random.Random(2)
    ease = [rng.gauss(0, 1.5) for _ in range(80)]
    small = [(4 + e, 8 + e) for e in ease]
    better = [(a + 0.8 + rng.gauss(0, 0.1), b) for a, b in small]
    rows = [
        *read_beside("small", "pivot", small),
        *read_beside("better", "pivot", better),
        *read_beside("pivot", "big", [(8 + e, 9 + e) for e in ease]),
    ]
    one, other = (percent_of(rows, name, "big") for name in ("better", "small"))
    found = apart(rows, "better", "small", "big")
    assert found.value == pytest.approx(one.value - other.value)
    assert None not in (found.low, found.high, one.low, one.high)
    assert found.low < found.value < found.high  # type: ignore[operator]
    assert found.high - found.low < 0.5 * (one.high - one.low)  # type: ignore[operator]
    told = {(pair.model, pair.other): pair.value for pair in differences(with_judge(rows), "big", "pivot")}
    assert told["better", "small"] == pytest.approx(found.value)
    assert told["pivot", "small"] == pytest.approx(percent_of(rows, "pivot", "big").value - other.value)


def test_better_data_brings_15_8_points_in_vicunas_reviews(shared_data: Path) -> None:
    found = read_published(sorted((shared_data / "vicuna" / "review").glob("*.jsonl")))
    told = {(one.model, one.other): one for one in differences(found.verdicts, "gpt35", "vicuna-13b")}
    data = told["vicuna-13b", "alpaca-13b"]
    assert data.value == pytest.approx(15.8, abs=0.05) and data.low is not None and data.low > 10


@pytest.mark.parametrize(
    ("models", "points", "bounds"),
    [
        (("alpaca-13b", "llama-13b"), 8.2, (3, 13)),
        (("vicuna-13b", "vicuna-7b"), 4.3, None),
        (("bard", None), 93, None),
        (("llama-13b", None), 68, None),
    ],
)
def test_further_pairs_of_vicunas_reviews_give_what_is_known_of_them(
    shared_data: Path, models: tuple[str, str | None], points: float, bounds: tuple[float, float] | None
) -> None:
    found = read_published(sorted((shared_data / "vicuna" / "review").glob("*.jsonl")))
    present = {row[key] for row in found.verdicts for key in ("model_1", "model_2")}
    if missing := {model for model in models if model} - present:
        pytest.skip(f"../shared/data has no reviews of {', '.join(sorted(missing))}")
    one, other = models
    if other is None:
        told = percent_of(found.verdicts, one, "gpt35", ["vicuna-13b"])
        assert told.value == pytest.approx(points, abs=0.5)
    else:
        difference = apart(found.verdicts, one, other, "gpt35", ["vicuna-13b"])
        assert difference.value == pytest.approx(points, abs=0.05)
        assert bounds is None or (difference.low, difference.high) == pytest.approx(bounds, abs=0.6)


@pytest.mark.parametrize(
    ("model", "win_rate", "theirs"), [("alpaca-7b", 2.59, 5.88), ("vicuna-13b", 5.83, 9.22)]
)
def test_alpaca_evals_raw_win_rates_are_theirs(
    shared_data: Path, model: str, win_rate: float, theirs: float
) -> None:
    found = read_published([shared_data / "alpaca_eval" / model / "annotations.json"])
    scores = {score.metric: score for score in judge_scores(found.verdicts)}
    assert round(scores["win_rate"].value, 2) == win_rate
    assert scores["win_rate"].n == 805
    # Read at equal length both rise, as theirs do, by other models, lengths and difficulties.
    assert win_rate < scores["win_rate_lc"].value < 3 * theirs
