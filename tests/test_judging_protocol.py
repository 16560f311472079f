"""Vicuna's protocol: what a judge's reply says, and what it does not say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alpaca_exp.judging.protocol import comparison, orders, preference, read_verdict, scores_of
from alpaca_exp.schemas import FileQuestionsConfig, OpenAIJudgeConfig


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        ("8 6\nBecause.", (8.0, 6.0)),
        ("8.5 7", (8.5, 7.0)),
        ("\n\n 9, 10 \nreasons: 3 4", (9.0, 10.0)),
        ("9/10 7 / 10\n", (9.0, 7.0)),
        ("**8** and **1**", None),
        ("**8 1**", (8.0, 1.0)),
        ("8 and 1", (8.0, 1.0)),
        ("10 1", (10.0, 1.0)),
    ],
)
def test_two_scores_on_the_first_line_are_read(text: str, scores: tuple[float, float] | None) -> None:
    assert scores_of(text) == scores


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Both are fine.",
        "8",
        "8 6 7",
        "11 6",
        "8 0",
        "0.5 8",
        "-8 6",
        "8.6",
        "Assistant 1 wins with 8 to 6",
        "Reasons first.\n8 6",
        "Beide Antworten sind gut: acht und sechs",
        "1000000 3",
    ],
)
def test_what_holds_no_two_scores_of_one_to_ten_is_not_read(text: str) -> None:
    verdict = read_verdict("q", "12", text)
    assert not verdict.parsed and preference(verdict) is None
    assert (verdict.score_1, verdict.score_2) == (None, None)


def test_swapped_answers_are_swapped_back() -> None:
    verdict = read_verdict("q", "21", "9 4\n")
    assert (verdict.score_1, verdict.score_2) == (4.0, 9.0)
    assert preference(verdict) == 1.0


@pytest.mark.parametrize(("text", "preferred"), [("8 6", 0.0), ("6 8", 1.0), ("7.5 7.5", 0.5)])
def test_the_preference_is_for_model_2(text: str, preferred: float) -> None:
    assert preference(read_verdict("q", "12", text)) == preferred


def test_the_answers_are_shown_in_the_order_asked_for() -> None:
    judge = OpenAIJudgeConfig(model="j", questions=FileQuestionsConfig())
    one = comparison(judge, "Why?", "FIRST", "SECOND", "12").prompt
    other = comparison(judge, "Why?", "FIRST", "SECOND", "21").prompt
    assert one.index("FIRST") < one.index("SECOND") and other.index("SECOND") < other.index("FIRST")
    assert orders(judge) == ("12", "21")
    judge.both_orders = False
    assert orders(judge) == ("12",)


def test_published_reviews_are_read_as_their_authors_read_them(shared_data: Path) -> None:
    file = shared_data / "vicuna" / "review" / "review_alpaca-13b_vicuna-13b.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    read = [(scores_of(row["text"]), tuple(row["score"])) for row in rows]
    told = [(ours, theirs) for ours, theirs in read if ours is not None]
    assert len(told) >= 75 and all(ours == theirs for ours, theirs in told)
