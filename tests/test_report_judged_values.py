"""What each question adds to a judge's metric: of one judging its own doubt, of several what they share."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from alpaca_exp.judging.scores import judge_scores
from alpaca_exp.judging.scores_questions import compared
from alpaca_exp.records import Row, as_row, write_jsonl
from alpaca_exp.report.judged_values import question_values
from alpaca_exp.report.metrics import reading
from alpaca_exp.report.shares import NONE, shares
from alpaca_exp.statistics.crossed import crossed
from alpaca_exp.statistics.intervals import Interval
from alpaca_exp.statistics.significance import p_value

QUESTIONS = 80
METRICS = (
    "win_rate_lc", "difference_lc", "length_slope", "longer_preferred", "retest_agreement",
    "retest_kappa", "retest_difference", "percent", "win_rate_lc_clean", "percent_clean",
)  # fmt: skip
EASE = np.random.default_rng(7).normal(size=QUESTIONS)
"""Of the questions, to whoever answers them."""


def verdicts(seed: int, lead: float = 0.0) -> list[Row]:
    """Both orders of 80 questions and 40 that are asked again; three cannot be read."""
    rng = np.random.default_rng(seed)
    words = np.exp(4 + 0.5 * rng.normal(size=(QUESTIONS, 2))).astype(int) + 1
    rows = []
    for question in range(QUESTIONS):
        for order in ("12", "21"):
            for retest in (False, True)[: 1 + (question % 2 and order == "12")]:
                merit = lead + EASE[question] + 0.4 * np.log(words[question, 1] / words[question, 0])
                ours, theirs = np.clip(np.round(rng.normal([6 + merit, 6])), 1, 10).tolist()
                parsed = question >= 3 or order == "21" or retest
                rows.append({
                    "question_id": str(question), "category": "", "model_1": "opponent", "model_2": "model",
                    "judge": "judge", "protocol": "scores", "order": order, "retest": retest,
                    "score_1": theirs if parsed else None, "score_2": ours if parsed else None,
                    "preference": ((ours > theirs) + (ours >= theirs)) / 2 if parsed else None,
                    "parsed": parsed,
                    "words_1": int(words[question, 0]), "words_2": int(words[question, 1]),
                })  # fmt: skip
    return rows


def judging(outputs: Path, name: str, rows: list[Row]) -> dict[str, str]:
    """The artifact of a judging, as the stage leaves it; five questions are in the training data."""
    taken = {str(question) for question in range(10, 15)}
    scores = judge_scores(rows)
    clean = judge_scores([row for row in rows if row["question_id"] not in taken])
    scores += [dataclasses.replace(one, metric=f"{one.metric}_clean") for one in clean]
    folder = outputs / "judge" / name
    folder.mkdir(parents=True)
    write_jsonl(rows, folder / "verdicts.jsonl")
    write_jsonl(compared(rows), folder / "questions.jsonl")
    write_jsonl([as_row(score) for score in scores], folder / "scores.jsonl")
    write_jsonl([{"doc_id": question} for question in sorted(taken)], folder / "overlaps.jsonl")
    return {"judge": name}


def over_seeds(metric: str, judgings: list[dict[str, str]], outputs: Path) -> Interval:
    """As `report.evidence` has it: the readings, and by how much each question moves each."""
    rows = []
    for artifacts in judgings:
        one = reading(metric, artifacts, outputs)
        assert one is not None
        _, deviations = shares(metric, one.source, one.value, outputs)
        rows.append(one.value + deviations * math.sqrt(len(deviations) * (len(deviations) - 1)))
    return crossed(rows)


@pytest.mark.parametrize("metric", METRICS)
def test_of_one_judging_the_questions_add_up_to_the_reading_and_to_its_own_standard_error(
    tmp_path: Path, metric: str
) -> None:
    artifacts = judging(tmp_path, "one", verdicts(1))
    one = reading(f"judge.{metric}", artifacts, tmp_path)
    assert one is not None and one.stderr
    values = question_values(f"judge.{metric}", artifacts, tmp_path)
    assert np.mean(list(values.values())) == pytest.approx(one.value)
    columns, deviations = shares(f"judge.{metric}", one.source, one.value, tmp_path)
    assert columns is not NONE and len(columns.documents) == len(values)
    assert np.sqrt((deviations**2).sum()) == pytest.approx(one.stderr, rel=0.04)


def test_what_could_not_be_read_is_counted_by_question(tmp_path: Path) -> None:
    values = question_values("judge.unparsed", judging(tmp_path, "one", verdicts(1)), tmp_path)
    assert np.mean(list(values.values())) == pytest.approx(3.0)
    assert {question for question, value in values.items() if value} == {"0", "1", "2"}


@pytest.mark.parametrize("metric", ["win_rate_lc", "difference_lc", "percent"])
def test_three_judgings_of_the_same_questions_are_not_surer_than_the_questions_allow(
    tmp_path: Path, metric: str
) -> None:
    """Had each question its own answer to whichever seed, three judgings would know it no better than one."""
    same = [judging(tmp_path, f"seed{seed}", verdicts(1)) for seed in range(3)]
    one, three = (over_seeds(f"judge.{metric}", some, tmp_path) for some in (same[:1], same))
    assert three.stderr == pytest.approx(one.stderr)
    others = [judging(tmp_path, f"other{seed}", verdicts(seed)) for seed in range(3)]
    several = over_seeds(f"judge.{metric}", others, tmp_path)
    assert several.stderr is not None and one.stderr is not None
    assert 0.4 * one.stderr < several.stderr < 1.5 * one.stderr


def test_where_one_side_always_wins_the_doubt_is_that_of_its_own_interval(tmp_path: Path) -> None:
    """The fitted curve hardly moves with any one question: the sandwich would be sure of next to nothing."""
    artifacts = judging(tmp_path, "one", verdicts(1, lead=-9.0))
    one = reading("judge.win_rate_lc", artifacts, tmp_path)
    assert one is not None and one.bounds is not None and one.value < 2
    values = list(question_values("judge.win_rate_lc", artifacts, tmp_path).values())
    found = crossed([values], limits=(0.0, 100.0))
    assert found.high == pytest.approx(one.bounds[1], rel=0.02)


def test_seeds_alone_that_are_all_alike_tell_nothing_of_others() -> None:
    for values in ([[10.0]] * 3, [[0.0]] * 2):
        found = crossed(values, limits=(0.0, 100.0))
        assert (found.low, found.high, p_value(found)) == (None, None, None)
    unlimited = crossed(np.full((3, 80), 5.0))
    assert (unlimited.low, unlimited.high, p_value(unlimited)) == (None, None, None)
