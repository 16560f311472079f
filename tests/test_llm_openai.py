"""An OpenAI-compatible server, at its best and at its worst, asked through the whole machinery."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.errors import InputError, Stopped
from alpaca_exp.ledger import consumed
from alpaca_exp.llm import attempts
from alpaca_exp.llm.model import Request
from alpaca_exp.schemas import Endpoint
from tests.asking import HELLO, ask, then
from tests.servers import Answer, Body, Reply, Server, stage_folder


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "FIRST_PAUSE_S", 0.01)


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], Server]]:
    running: list[Server] = []

    def start(answer: Answer) -> Server:
        running.append(Server(answer).__enter__())
        return running[-1]

    yield start
    for server in running:
        server.__exit__(None, None, None)


def journal(outputs: Path) -> list[dict[str, Any]]:
    lines = (outputs / "journal" / "fake.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_request_says_what_it_was_told_to_say(tmp_path: Path) -> None:
    request = Request("fake", "Say hello.", 16, 0.5, 0.9, ("###",), "Be brief.", seed=7)
    with Server(lambda body, number: "Hello.") as server:
        [answer] = ask(server, tmp_path, request)
    assert server.bodies == [
        {
            "model": "fake",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Say hello."},
            ],
            "temperature": 0.5,
            "top_p": 0.9,
            "max_tokens": 16,
            "stop": ["###"],
            "seed": 7,
        }
    ]
    assert (answer.text, answer.finish_reason, answer.model) == ("Hello.", "stop", "fake")
    assert answer.usage.usd == pytest.approx((2 * 1.0 + 1 * 4.0) / 1e6)


WORTH_ANOTHER_ATTEMPT = {
    "rate limit": Reply(status=429, error="rate_limit_exceeded"),
    "a wait in milliseconds": Reply(status=429, error="rate", headers={"retry-after-ms": "5"}),
    "a wait as a date": Reply(
        status=429, error="rate", headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}
    ),
    "an unreadable wait": Reply(status=429, error="rate", headers={"Retry-After": "soon"}),
    "server error": Reply(status=500, error="boom"),
    "bad gateway as a page": Reply(status=503, raw=b"<html>bad gateway</html>"),
    "time-out status": Reply(status=408, error="timeout"),
    "connection dropped": Reply(drop=True),
    "body cut short": Reply("a long answer " * 20, cut=True),
    "truncated JSON": Reply(raw=b'{"id":"c1","object":"chat.compl'),
    "empty body": Reply(raw=b""),
    "a page under JSON's name": Reply(raw=b"<html>login</html>"),
    "a page": Reply(raw=b"<html>login</html>", content_type="text/html"),
    "a JSON list": Reply(raw=b"[]"),
    "no choices": Reply(raw=b'{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[]}'),
    "an empty choice": Reply(raw=b'{"id":"x","object":"chat.completion","choices":[{}]}'),
    "no choice at all": Reply(raw=b'{"id":"x","object":"chat.completion","choices":[null]}'),
    "an error inside a 200": Reply(error="overloaded"),
}


@pytest.mark.parametrize("fault", WORTH_ANOTHER_ATTEMPT)
def test_what_may_pass_is_tried_again(fault: str, serve: Callable[[Answer], Server], tmp_path: Path) -> None:
    server = serve(then(WORTH_ANOTHER_ATTEMPT[fault], Reply("Hello.")))
    assert [answer.text for answer in ask(server, tmp_path)] == ["Hello."]
    assert server.count == 2
    assert [line["state"] for line in journal(tmp_path)] == ["sent", "failed", "sent", "answered"]


@pytest.mark.parametrize("fault", ["server error", "connection dropped", "truncated JSON", "no choices"])
def test_what_does_not_pass_ends_resumable(
    fault: str, serve: Callable[[Answer], Server], tmp_path: Path
) -> None:
    server = serve(then(WORTH_ANOTHER_ATTEMPT[fault]))
    with pytest.raises(Stopped, match=r"after 3 attempts.*run the same command again"):
        ask(server, tmp_path)
    assert server.count == 3


def test_an_answer_that_never_comes_ends_in_time(serve: Callable[[Answer], Server], tmp_path: Path) -> None:
    server = serve(then(Reply("late", delay_s=1.0)))
    with pytest.raises(Stopped, match="no answer in time"):
        ask(server, tmp_path, timeout_s=0.2, max_retries=1)


def test_a_wait_of_ninety_seconds_is_cut_to_the_time_limit(
    serve: Callable[[Answer], Server], tmp_path: Path
) -> None:
    server = serve(then(Reply(status=429, error="rate", headers={"Retry-After": "90"}), Reply("Hello.")))
    assert [answer.text for answer in ask(server, tmp_path, timeout_s=0.5)] == ["Hello."]


def test_a_lost_reply_counts_against_the_budget_and_not_as_paid(
    serve: Callable[[Answer], Server], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(then(Reply(drop=True), Reply("Hello.")))
    ask(server, tmp_path)
    assert consumed(stage_folder(tmp_path)).usd == pytest.approx(6 / 1e6)
    assert "replies were lost; up to $0.0001 may have been billed" in capsys.readouterr().err
    assert [line["usd"] > 0.0001 for line in journal(tmp_path)] == [True, True, True, False]


def test_a_web_page_instead_of_an_answer_points_to_the_address(
    serve: Callable[[Answer], Server], tmp_path: Path
) -> None:
    server = serve(then(WORTH_ANOTHER_ATTEMPT["a page"]))
    with pytest.raises(Stopped, match=r"is teacher\.base_url right\?"):
        ask(server, tmp_path)


HOPELESS = {
    401: "ALPACA_EXP_TEST_KEY",
    403: "ALPACA_EXP_TEST_KEY",
    404: r"check teacher\.model",
    422: "check the settings of teacher",
    400: "check the settings of teacher",
}


@pytest.mark.parametrize("status", HOPELESS)
def test_what_asking_again_cannot_help_is_said_at_once(
    status: int, serve: Callable[[Answer], Server], tmp_path: Path
) -> None:
    server = serve(then(Reply(status=status, error="invalid")))
    with pytest.raises(InputError, match=HOPELESS[status]):
        ask(server, tmp_path)
    assert server.count == 1


UNKNOWN = {
    "the model": ('{"error": {"message": "The model `m` does not exist."}}', {}, "knows no model fake"),
    "batches": (
        '{"detail": "Not Found"}',
        {"batch": True},
        r"has no Batch API at /v1/files.*Not Found.*batch=false",
    ),
    "completions": (
        '{"detail": "Not Found"}',
        {"endpoint": Endpoint.completions},
        r"knows nothing at /v1/completions \(HTTP 404.*Not Found.*teacher\.endpoint=chat",
    ),
    "chat": ("404 page not found", {}, r"knows nothing at /v1/chat/completions .*ends in /v1"),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_a_404_names_what_the_server_does_not_know_and_what_it_said(
    what: str, serve: Callable[[Answer], Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, settings, said = UNKNOWN[what]
    server = serve(then(Reply(status=404, raw=body.encode())))
    monkeypatch.setattr(server.batches, "post", lambda path, sent: (404, body.encode()))
    with pytest.raises(InputError, match=said):
        ask(server, tmp_path, **settings)


@pytest.mark.parametrize(("status", "code"), [(429, "insufficient_quota"), (402, "payment_required")])
def test_a_used_up_quota_stops_at_once(
    status: int, code: str, serve: Callable[[Answer], Server], tmp_path: Path
) -> None:
    server = serve(then(Reply(status=status, error=code)))
    with pytest.raises(Stopped, match="top it up and run the same command again"):
        ask(server, tmp_path)
    assert server.count == 1


MERELY_BAD = {
    "length": Reply("cut", finish_reason="length"),
    "content_filter": Reply(None, finish_reason="content_filter"),
    "refusal": Reply(None, refusal="I cannot."),
    "stop": Reply("fine", finish_reason="eos_token"),
}


@pytest.mark.parametrize("reason", MERELY_BAD)
def test_a_bad_answer_is_an_answer(reason: str, serve: Callable[[Answer], Server], tmp_path: Path) -> None:
    server = serve(then(MERELY_BAD[reason]))
    [answer] = ask(server, tmp_path)
    assert (answer.finish_reason, answer.text) == (reason, MERELY_BAD[reason].text or "")
    assert server.count == 1


def test_one_prompt_that_is_too_long_does_not_stop_the_others(
    serve: Callable[[Answer], Server], tmp_path: Path
) -> None:
    def answer(body: Body, number: int) -> Reply:
        long = "long" in body["messages"][0]["content"]
        return Reply(status=400, error="context_length_exceeded") if long else Reply("Hello.")

    answers = ask(serve(answer), tmp_path, Request("fake", "a long text", 16), HELLO)
    assert [(a.text, a.finish_reason) for a in answers] == [("", "length"), ("Hello.", "stop")]


def test_a_model_that_wants_its_limit_by_another_name_gets_it(
    serve: Callable[[Answer], Server], tmp_path: Path
) -> None:
    def answer(body: Body, number: int) -> Reply:
        old = "max_tokens" in body
        return Reply(status=400, error="use max_completion_tokens instead") if old else Reply("Hello.")

    server = serve(answer)
    answers = ask(server, tmp_path, HELLO, Request("fake", "Again.", 16))
    assert [answer.text for answer in answers] == ["Hello.", "Hello."]
    assert server.bodies[-1]["max_completion_tokens"] == 16


def test_tokens_that_the_server_did_not_count_are_bounded(
    serve: Callable[[Answer], Server], tmp_path: Path
) -> None:
    raw = b'{"choices":[{"message":{"content":"Hello."}}],"usage":{"prompt_tokens":"many"}}'
    [answer] = ask(serve(then(Reply(raw=raw))), tmp_path)
    assert (answer.text, answer.model, answer.finish_reason) == ("Hello.", "fake", "stop")
    assert (answer.usage.tokens_in, answer.usage.tokens_out) == (len(HELLO.prompt), len("Hello."))


def test_half_a_surrogate_pair_does_not_spoil_the_files(
    serve: Callable[[Answer], Server], tmp_path: Path
) -> None:
    raw = b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
    raw += b'"finish_reason":"stop","message":{"role":"assistant","content":"half \\ud83d"}}]}'
    [answer] = ask(serve(then(Reply(raw=raw))), tmp_path)
    assert answer.text == "half ?"
