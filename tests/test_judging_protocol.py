"""The four protocols: what is asked about two answers, in which order, and whose the result is."""

from __future__ import annotations

from math import log
from typing import Any

import pytest

from alpaca_exp.judging.protocol import (
    Reading,
    count_requests,
    is_read,
    preferred,
    read,
    readings,
    requests,
    retests,
)
from alpaca_exp.records import Completion, Row
from alpaca_exp.schemas import FileQuestionsConfig, JudgeProtocol, OpenAIJudgeConfig

QUESTION: Row = {"question_id": "q", "text": "Why?", "category": "generic"}


def judge_of(protocol: str, **more: Any) -> OpenAIJudgeConfig:
    return OpenAIJudgeConfig(
        model="j", protocol=JudgeProtocol[protocol], questions=FileQuestionsConfig(), **more
    )


def said(*texts: str) -> list[Completion]:
    return [Completion("", text, "j", "stop") for text in texts]


@pytest.mark.parametrize("protocol", ["vicuna", "pairwise", "preference"])
def test_the_answers_are_shown_in_the_order_asked_for(protocol: str) -> None:
    judge = judge_of(protocol)
    one, other = (
        requests(judge, reading)[0].prompt for reading in readings(judge, QUESTION, "FIRST", "SECOND")
    )
    assert one.index("FIRST") < one.index("SECOND") and other.index("SECOND") < other.index("FIRST")


def test_a_single_answer_is_shown_without_the_other() -> None:
    judge = judge_of("single")
    [reading] = readings(judge, QUESTION, "FIRST", "SECOND")
    first, second = (request.prompt for request in requests(judge, reading))
    assert "FIRST" in first and "SECOND" not in first
    assert "SECOND" in second and "FIRST" not in second


@pytest.mark.parametrize(
    ("protocol", "order", "replies", "expected"),
    [
        ("vicuna", "12", ["9 4"], (9.0, 4.0, 0.0)),
        ("vicuna", "21", ["9 4"], (4.0, 9.0, 1.0)),
        ("vicuna", "21", ["7.5 7.5"], (7.5, 7.5, 0.5)),
        ("pairwise", "12", ["verdict: 1"], (None, None, 0.0)),
        ("pairwise", "21", ["verdict: 1"], (None, None, 1.0)),
        ("pairwise", "21", ["verdict: tie"], (None, None, 0.5)),
        ("preference", "12", ["M"], (None, None, 1.0)),
        ("preference", "21", ["M"], (None, None, 0.0)),
        ("single", "12", ["rating: 3", "rating: 8"], (3.0, 8.0, 1.0)),
        ("single", "12", ["rating: 3", "no"], (3.0, None, None)),
        ("vicuna", "21", ["9 40"], (None, None, None)),
    ],
)
def test_what_a_reply_says_is_turned_to_models_1_and_2(
    protocol: str, order: str, replies: list[str], expected: tuple[float | None, ...]
) -> None:
    judge, reading = judge_of(protocol), Reading(QUESTION, "a", "b", order)
    verdict = read(judge, reading, said(*replies))
    assert (verdict.score_1, verdict.score_2, verdict.preference) == expected
    assert (
        verdict.parsed
        == (expected[2] is not None)
        == all(is_read(judge, reading, reply) for reply in said(*replies))
    )


def test_a_weighted_preference_for_what_was_shown_first_is_one_against_model_2() -> None:
    reply = Completion("", "m", "j", "length", top_logprobs={"m": log(0.8), "M": log(0.2)})
    judge = judge_of("preference")
    found = [read(judge, Reading(QUESTION, "a", "b", order), [reply]).preference for order in ("12", "21")]
    assert found == [pytest.approx(0.2), pytest.approx(0.8)]


@pytest.mark.parametrize(("text", "preference"), [("8 6", 0.0), ("6 8", 1.0), ("7.5 7.5", 0.5)])
def test_the_preference_is_for_model_2(text: str, preference: float) -> None:
    assert preferred(*map(float, text.split())) == preference


def test_coding_and_maths_have_prompts_of_their_own_and_the_reference() -> None:
    judge = judge_of("vicuna")
    prompts = {
        category: requests(judge, Reading({**QUESTION, "category": category, "reference": "REF"}, "a", "b"))[
            0
        ].prompt
        for category in ("generic", "coding", "Math")
    }
    assert len({prompt.partition("[Question]")[0] for prompt in prompts.values()}) == 3
    assert all("REF" in prompt for prompt in prompts.values())
    assert "last line" in prompts["Math"] and "first line" in prompts["coding"]
    maths = {**QUESTION, "category": "math"}
    assert read(judge, Reading(maths, "a", "b"), said("1 2\nx is 3\n8 6")).score_1 == 8.0


def test_every_protocol_shows_the_reference() -> None:
    known = {**QUESTION, "reference": "REF"}
    for protocol in JudgeProtocol:
        judge = judge_of(protocol.name)
        assert all("REF" in one.prompt for one in requests(judge, Reading(known, "a", "b")))
        assert not any("REF" in one.prompt for one in requests(judge, Reading(QUESTION, "a", "b")))


def test_an_empty_answer_is_shown_as_one() -> None:
    for protocol in JudgeProtocol:
        judge = judge_of(protocol.name)
        shown = [one.prompt.count("(no answer)") for one in requests(judge, Reading(QUESTION, "", " \n"))]
        assert sum(shown) == 2


def test_a_preference_is_one_token_with_its_log_probabilities() -> None:
    [request] = requests(judge_of("preference"), Reading(QUESTION, "a", "b"))
    assert (request.max_tokens, request.top_logprobs) == (1, 5)


def test_one_order_is_the_first_for_vicuna_and_drawn_by_question_for_others() -> None:
    questions = [{**QUESTION, "question_id": str(n)} for n in range(80)]

    def orders(protocol: str) -> list[str]:
        judge = judge_of(protocol, both_orders=False)
        return [one.order for each in questions for one in readings(judge, each, "a", "b")]

    assert set(orders("vicuna")) == {"12"}
    assert 25 < orders("preference").count("12") < 55
    assert orders("preference") == orders("pairwise") == orders("preference")


def test_retests_are_a_share_drawn_by_question_and_other_samples_of_the_same() -> None:
    judge = judge_of("vicuna", retest=0.05)
    asked = [one for n in range(80) for one in readings(judge, {**QUESTION, "question_id": str(n)}, "a", "b")]
    again = retests(judge, asked)
    assert len(asked) == 160 and len(again) == 8 and all(one.retest for one in again)
    fewer = [one for one in asked if int(one.question["question_id"]) < 40]
    kept = {(one.question["question_id"], one.order) for one in again}
    assert {(one.question["question_id"], one.order) for one in retests(judge, fewer)} >= {
        place for place in kept if int(place[0]) < 40
    }
    first = next(one for one in asked if (one.question, one.order) == (again[0].question, again[0].order))
    samples = [requests(judge, one, attempt)[0] for one in (first, again[0]) for attempt in (0, 1)]
    assert len({request.prompt for request in samples}) == 1
    assert len({request.key for request in samples}) == 4
    assert retests(judge_of("vicuna", retest=0.0), asked) == []


@pytest.mark.parametrize("protocol", list(JudgeProtocol))
@pytest.mark.parametrize("both", [True, False])
def test_requests_are_counted_before_they_are_made(protocol: JudgeProtocol, both: bool) -> None:
    judge = judge_of(protocol.name, both_orders=both, retest=0.07)
    asked = [one for n in range(23) for one in readings(judge, {**QUESTION, "question_id": str(n)}, "a", "b")]
    made = [request for one in asked + retests(judge, asked) for request in requests(judge, one)]
    assert count_requests(judge, 23) == len(made)
