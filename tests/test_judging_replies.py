"""What a judge's reply says in each protocol, and what it does not say."""

from __future__ import annotations

import json
from math import log
from pathlib import Path

import pytest

from alpaca_exp.judging.replies import (
    is_out_of_range,
    is_rating_out_of_range,
    rating_of,
    scores_of,
    verdict_of,
    weight_of,
)
from alpaca_exp.records import Completion


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        ("8 6\nBecause.", (8.0, 6.0)),
        ("8.5 7", (8.5, 7.0)),
        ("\n\n 9, 10 \nreasons: 3 4", (9.0, 10.0)),
        ("9/10 7 / 10\n", (9.0, 7.0)),
        ("**8 1**", (8.0, 1.0)),
        ("8 and 1", (8.0, 1.0)),
        ("10 1", (10.0, 1.0)),
        ("<think>\nThe first is 3 4 to 1.\n</think>\n\n8 7\nBecause.", (8.0, 7.0)),
        ("The first is right, so 9 3?\n</think>\n8 7", (8.0, 7.0)),
        ("```\n8 7\n```", (8.0, 7.0)),
        ("```text\n8 7\n```\nBecause.", (8.0, 7.0)),
        ("Scores: 8 7\nBecause.", (8.0, 7.0)),
        ("**Final scores:** 8, 7", (8.0, 7.0)),
        ("Assistant 1: 8\nAssistant 2: 7", (8.0, 7.0)),
        ("Scores:\n**Assistant 1**: 8.5/10\n**Assistant 2**: 7/10\nThe first is better.", (8.5, 7.0)),
        ("Assistant 1: 8, Assistant 2: 7\nBecause.", (8.0, 7.0)),
        ("8,5 7,5", (8.5, 7.5)),
        ("8 7\nThe answer holds a </think> tag.", (8.0, 7.0)),
    ],
)
def test_two_scores_on_the_first_line_are_read(text: str, scores: tuple[float, float]) -> None:
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
        "8,5 7",
        "**8** and **1**",
        "Assistant 1 wins with 8 to 6",
        "Reasons first.\n8 6",
        "Beide Antworten sind gut: acht und sechs",
        "\u4e24\u4e2a\u7b54\u6848\u90fd\u5f88\u597d",
        "1000000 3",
        "<think>\nPerhaps 8 7, or",
        "<think>\n8 7",
        "Scores: -8 7",
        "8,5 7,5 6,5",
        "8,7 9",
        "Assistant 1: 8\nAssistant 2 is worse.",
        "Assistant 1: 8\nAssistant 2: 7 of the 9 steps are right.",
        "Assistant 1: 12\nAssistant 2: 7",
        "Assistant 1 is better.\nAssistant 1: 8\nAssistant 2: 7",
    ],
)
def test_what_holds_no_two_scores_of_one_to_ten_is_not_read(text: str) -> None:
    assert scores_of(text) is None


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        ("First, x = 10 and 3 + 4 is 7.\n\n9 2", (9.0, 2.0)),
        ("2 3\nis no score.\n**10 4.5**", (10.0, 4.5)),
        ("x = 10\n\nScores:\nAssistant 1: 10\nAssistant 2: 6\n\nAssistant 1 is right.", (10.0, 6.0)),
        ("Assistant 1: 3 steps are wrong.\nAssistant 1: 2 (wrong)\nAssistant 2: 8 (right)", (2.0, 8.0)),
        ("- **Assistant 1**: 7.5/10\n- **Assistant 2**: 4/10\nDone.", (7.5, 4.0)),
        ("x = 3\n```\n8 6\n```", (8.0, 6.0)),
        ("<think>\n3 4\n</think>\nx = 3\n\n9 2", (9.0, 2.0)),
        ("So the scores are (1, 5) for Assistant 1 and Assistant 2. Both are wrong.", (1.0, 5.0)),
    ],
)
def test_where_the_judge_solves_first_the_scores_stand_at_the_end(
    text: str, scores: tuple[float, float]
) -> None:
    assert scores_of(text, at_the_end=True) == scores


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9 2\nand then reasons without any score.",
        "Assistant 1: 10",
        "Assistant 1: 11\nAssistant 2: 6",
        "Assistant 1: right\nAssistant 2: wrong",
        "Assistant 1: -3\nAssistant 2: 6",
        "The points (3, 4) and (1, 2) lie on the line.",
        "f(2) = 5 * 8 - 4 + 3 = 39",
    ],
)
def test_numbers_of_a_solution_are_no_scores(text: str) -> None:
    assert scores_of(text, at_the_end=True) is None


@pytest.mark.parametrize(
    ("pair", "sums"), [("alpaca-13b", (583.0, 704.0)), ("gpt35", (693.0, 638.0))], ids=lambda told: str(told)
)
def test_every_published_review_is_read_as_its_authors_read_it(
    shared_data: Path, pair: str, sums: tuple[float, float]
) -> None:
    questions = (shared_data / "vicuna" / "question.jsonl").read_text().splitlines()
    maths = {row["question_id"] for row in map(json.loads, questions) if row["category"] == "math"}
    file = shared_data / "vicuna" / "review" / f"review_{pair}_vicuna-13b.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    read = [scores_of(row["text"], at_the_end=row["question_id"] in maths) for row in rows]
    assert [list(scores) for scores in read if scores] == [row["score"] for row in rows]
    assert tuple(map(sum, zip(*filter(None, read), strict=True))) == sums


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Both err, the second less.\nverdict: 2", "2"),
        ("**Verdict: tie**", "tie"),
        ("Final verdict: Assistant 1.", "1"),
        ("verdict: [[2]]\n\n", "2"),
        ("<think>verdict: 1</think>\nverdict: 2", "2"),
        ("<think>\nverdict: 1", None),
        ("Equal.\n```\nverdict: tie\n```", "tie"),
        ("verdict: 2\nThat is, the second.", None),
        ("verdict: 1 or 2", None),
        ("verdict: 3", None),
        ("Urteil: 1", None),
        ("The first is better.", None),
        ("", None),
    ],
)
def test_a_verdict_is_what_the_last_line_says(text: str, verdict: str | None) -> None:
    assert verdict_of(text) == verdict


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("Clear and right.\nrating: 8", 8.0),
        ("**Rating: 7.5/10**", 7.5),
        ("Rating: [[10]]", 10.0),
        ("Score: 9 out of 10.", 9.0),
        ("<think>\nHm.\n</think>\nGood.\nrating: 8", 8.0),
        ("rating: 8\nI liked it.", None),
        ("rating: 0", None),
        ("rating: 11", None),
        ("rating: -3", None),
        ("rating: 80%", None),
        ("rating: 7 or 8", None),
        ("Bewertung: acht", None),
        ("8", None),
        ("", None),
    ],
)
def test_a_rating_is_what_the_last_line_says(text: str, rating: float | None) -> None:
    assert rating_of(text) == rating


def test_numbers_in_their_place_that_are_no_scores_are_told_from_none_at_all() -> None:
    assert [is_out_of_range(text) for text in ("12 15", "8 0", "8 6", "Fine.", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert is_out_of_range("x\n11 2", at_the_end=True) and not is_out_of_range("x\n11 2")
    assert [is_rating_out_of_range(text) for text in ("rating: 80", "rating: 8", "Good.")] == [
        True,
        False,
        False,
    ]


def test_a_preference_is_weighted_by_how_likely_each_letter_was() -> None:
    def told(text: str, **chances: float) -> Completion:
        return Completion("", text, "j", "length", top_logprobs={k: log(v) for k, v in chances.items()})

    assert weight_of(told("M", M=0.6, m=0.2, The=0.1)) == pytest.approx(0.75)
    assert weight_of(told("m", m=0.9)) == 0.0
    assert weight_of(told("The", The=0.9)) is None
    blank = Completion("", "m", "j", "length", top_logprobs={" m": log(0.3), "m": log(0.3), "M": log(0.2)})
    assert weight_of(blank) == pytest.approx(0.25)


def test_without_log_probabilities_the_letter_itself_counts() -> None:
    assert [weight_of(Completion("", text, "j", "stop")) for text in ("m", " M\n", "Mm", "", "n")] == [
        0.0,
        1.0,
        None,
        None,
        None,
    ]
