"""Asking many questions: in order, many at once, each paid for once, never over the budget."""

from __future__ import annotations

import asyncio
import json
import random
import tracemalloc
from pathlib import Path

import pytest

from alpaca_exp.errors import ConfigError, InputError
from alpaca_exp.ledger import consumed
from alpaca_exp.llm import ask, attempts
from alpaca_exp.llm.ask import ask_all
from alpaca_exp.llm.build import build_model, model_name, owner
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Completion, Usage
from alpaca_exp.schemas import (
    LanguageModelConfig,
    MiniatureTeacherConfig,
    NoCriticConfig,
    OpenAIJudgeConfig,
    OpenAITeacherConfig,
    RuntimeConfig,
    WorldConfig,
)
from tests.servers import Body, Reply, Server, prompt_of, stage_folder, teacher_at


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "FIRST_PAUSE_S", 0.01)


def questions(count: int) -> list[Request]:
    return [Request("fake", f"Question {n}", 16) for n in range(count)]


def echo(body: Body, number: int) -> Reply:
    """The question turned round, after a pause that depends on it, so that answers overtake one another."""
    prompt = prompt_of(body)
    return Reply(f"Answer to {prompt}", delay_s=random.Random(prompt).random() / 50)


def texts(config: LanguageModelConfig, requests: list[Request], out: Path) -> list[str]:
    return [c.text for c in ask_all(config, requests, runtime=RuntimeConfig(), out=out, title="test")]


@pytest.mark.parametrize("concurrency", [1, 7, 64])
def test_answers_come_in_the_order_of_the_questions_at_any_concurrency(
    concurrency: int, tmp_path: Path
) -> None:
    with Server(echo) as server:
        config = teacher_at(server, concurrency=concurrency)
        found = texts(config, questions(40), stage_folder(tmp_path))
    assert found == [f"Answer to Question {n}" for n in range(40)]
    assert server.peak <= concurrency


def test_the_same_questions_are_not_asked_again(tmp_path: Path) -> None:
    out = stage_folder(tmp_path)
    with Server(echo) as server:
        first = texts(teacher_at(server), questions(5), out)
        paid = consumed(out)
        assert texts(teacher_at(server), questions(5), out) == first
        assert server.count == 5
    assert consumed(out) == paid == Usage(5, 10, 20, pytest.approx(90 / 1e6))


def test_what_another_experiment_paid_for_is_avoided_cost(tmp_path: Path) -> None:
    with Server(echo) as server:
        texts(teacher_at(server), questions(5), stage_folder(tmp_path))
        other = stage_folder(tmp_path, fingerprint="fedcba9876543210")
        texts(teacher_at(server), questions(6), other)
        assert server.count == 6
    assert consumed(other).requests == 1
    assert consumed(other).usd_avoided == pytest.approx(90 / 1e6)


def test_a_replay_needs_neither_server_nor_key(tmp_path: Path) -> None:
    with Server(echo) as server:
        first = texts(teacher_at(server), questions(5), stage_folder(tmp_path))
    elsewhere = OpenAITeacherConfig(model="fake", base_url="https://models.example/v1", api_key_env="NO_KEY")
    assert texts(elsewhere, questions(5), stage_folder(tmp_path)) == first


def test_the_same_question_twice_is_asked_once_and_other_samples_are_asked(tmp_path: Path) -> None:
    again = Request("fake", "Question 0", 16, sample=1)
    with Server(lambda body, number: f"answer {number}") as server:
        found = texts(
            teacher_at(server, concurrency=1), [*questions(1), *questions(1), again], stage_folder(tmp_path)
        )
    assert found == ["answer 0", "answer 0", "answer 1"]


def test_later_rounds_know_the_answers_of_earlier_ones_and_of_other_processes(tmp_path: Path) -> None:
    out, other = stage_folder(tmp_path), stage_folder(tmp_path, "curate")
    with Server(echo) as server:
        config = teacher_at(server)
        with ask.Session(config, runtime=RuntimeConfig(), out=out, title="test") as session:
            session.ask(questions(2))
            texts(config, questions(4), other)
            assert server.count == 4
            assert [answer.text for answer in session.ask(questions(4))] == [
                f"Answer to Question {n}" for n in range(4)
            ]
            assert server.count == 4
    assert (consumed(out).requests, consumed(other).requests) == (2, 2)
    assert consumed(out).usd_avoided == pytest.approx(consumed(other).usd)


def test_no_questions_is_no_work(tmp_path: Path) -> None:
    with Server() as server:
        assert texts(teacher_at(server), [], stage_folder(tmp_path)) == []


def test_one_hopeless_answer_ends_the_work_and_keeps_the_rest(tmp_path: Path) -> None:
    def answer(body: Body, number: int) -> Reply:
        return Reply(status=401, error="no") if number == 10 else echo(body, number)

    out = stage_folder(tmp_path)
    with Server(answer) as server:
        config = teacher_at(server, concurrency=4)
        with pytest.raises(InputError):
            texts(config, questions(100), out)
        assert 10 < server.count < 20
        asked = server.count
        server.answer = echo
        assert len(texts(config, questions(100), out)) == 100
        assert server.count == 101  # all but the refused one were asked once
        assert asked < 101
    assert consumed(out).requests == 100


def test_what_was_under_way_at_a_kill_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = stage_folder(tmp_path)
    with Server(echo) as server:
        config = teacher_at(server)
        texts(config, questions(2), out)
        lines = (tmp_path / "journal" / "fake.jsonl").read_text().splitlines(keepends=True)
        kept = [line for line in lines if '"state": "answered"' not in line or "Question 0" in line]
        (tmp_path / "journal" / "fake.jsonl").write_text("".join(kept))
        assert texts(config, questions(2), out) == ["Answer to Question 0", "Answer to Question 1"]
        assert server.count == 3
    assert "1 request(s) were under way when the last attempt ended" in capsys.readouterr().err


class Instant:
    """A language model in this process."""

    def __init__(self) -> None:
        self.under_way = self.peak = self.closed = 0

    async def complete(self, request: Request) -> Completion:
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        return Completion(request.prompt, request.prompt[::-1], request.model, "stop", Usage(1, 1, 1))

    async def close(self) -> None:
        self.closed += 1


def test_a_model_in_this_process_is_asked_within_the_concurrency_and_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Instant()
    monkeypatch.setattr(ask, "build_model", lambda config, runtime: model)
    config = MiniatureTeacherConfig(model="tiny", world=WorldConfig(), concurrency=8)
    found = texts(config, questions(500), stage_folder(tmp_path))
    assert found == [f"{n} noitseuQ"[::1] if n < 10 else f"Question {n}"[::-1] for n in range(500)]
    assert model.peak <= 8 and model.closed == 1


def test_of_a_request_its_answer_is_held_and_little_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "build_model", lambda config, runtime: Instant())
    config = MiniatureTeacherConfig(model="tiny", world=WorldConfig(), concurrency=256)

    def held(count: int) -> int:
        """The most bytes in use at once while `count` long requests are asked, theirs left out."""
        requests = [Request("tiny", f"{n} " + "word " * 2000, 16) for n in range(count)]
        out = stage_folder(tmp_path, fingerprint=f"{count:016x}")
        tracemalloc.start()
        try:
            found = ask_all(config, requests, runtime=RuntimeConfig(), out=out, title="test")
            return tracemalloc.get_traced_memory()[1] - sum(len(one.text) for one in found)
        finally:
            tracemalloc.stop()

    held(1)
    replayed = held(500)  # the next ones find 500 answers in the journal
    assert (held(1500) - replayed) / 1000 < 1024


def test_another_world_is_another_model() -> None:
    def teacher(**more: object) -> MiniatureTeacherConfig:
        return MiniatureTeacherConfig(**({"model": "m", "world": WorldConfig()} | more))

    names = [
        model_name(teacher()),
        model_name(teacher(error_rate=0.0)),
        model_name(teacher(world=WorldConfig(seed=1))),
        model_name(teacher(seed=1)),
    ]
    assert len(set(names)) == 4
    assert model_name(teacher(concurrency=1, budget_usd=2.0)) == names[0]


def test_a_servers_model_is_its_name_wherever_it_runs() -> None:
    assert model_name(OpenAITeacherConfig(model="m", base_url="http://127.0.0.1:1/v1")) == "m"
    assert owner(OpenAIJudgeConfig(model="m")) == "judge"


def test_what_cannot_be_asked_is_named() -> None:
    with pytest.raises(ConfigError, match="critic=none cannot be asked"):
        build_model(NoCriticConfig(), RuntimeConfig())


def test_the_journal_names_the_answers_key(tmp_path: Path) -> None:
    with Server(echo) as server:
        texts(teacher_at(server), questions(1), stage_folder(tmp_path))
    line = json.loads((tmp_path / "journal" / "fake.jsonl").read_text().splitlines()[0])
    assert line["key"] == questions(1)[0].key and line["account"] == "generate/0123456789abcdef"


def test_the_bar_foretells_the_whole_cost_from_the_first_twentieth_on(tmp_path: Path) -> None:
    rng = random.Random(1)
    lengths = [int(rng.lognormvariate(5, 0.5)) for _ in range(600)]

    def answer(body: Body, number: int) -> Reply:
        words = lengths[int(prompt_of(body).split()[1])]
        return Reply("fine", usage=(40, words), delay_s=words / 20_000)

    out, notes = stage_folder(tmp_path), []
    requests = [Request("fake", f"Question {n}", 4000) for n in range(600)]
    with Server(answer) as server:
        config = teacher_at(server, concurrency=16, usd_per_million_out=4000.0, budget_usd=5000.0)
        with ask.Session(config, runtime=RuntimeConfig(), out=out, title="test") as session:
            session.ask(requests, lambda n: notes.append(session.dollars()), whole=True)
    told = [
        float(note.split("about $")[1].split(" ")[0].replace(",", "")) for note in notes if "about" in note
    ]
    assert 540 <= len(told) <= 572 and "of $5,000.00" in notes[0]
    assert told[0] == pytest.approx(consumed(out).usd, rel=0.1)
    assert told[-1] == pytest.approx(consumed(out).usd, abs=0.01)


def test_a_share_of_the_work_foretells_the_rest(tmp_path: Path) -> None:
    with Server(lambda body, number: Reply("fine", usage=(0, 100))) as server:
        config = teacher_at(server, usd_per_million_in=0.0, usd_per_million_out=10_000.0)
        with ask.Session(
            config, runtime=RuntimeConfig(), out=stage_folder(tmp_path), title="test"
        ) as session:
            session.ask(questions(10))
            assert session.dollars(0.04) == session.dollars() == "$10.00"
            assert session.dollars(0.25) == session.dollars() == "$10.00, about $40.00 in all"


def test_the_forecast_ends_at_what_was_spent_lost_replies_included(tmp_path: Path) -> None:
    def answer(body: Body, number: int) -> Reply:
        return Reply(drop=True) if number < 2 else Reply("fine", usage=(0, 10))

    with Server(answer) as server:
        config = teacher_at(server, usd_per_million_in=0.0, usd_per_million_out=100_000.0)
        with ask.Session(
            config, runtime=RuntimeConfig(), out=stage_folder(tmp_path), title="test"
        ) as session:
            session.ask(questions(5))
            assert session.dollars(0.5) == "$8.20, about $13.20 in all"  # 2 lost at 1.60, 5 paid at 1.00
            session.ask(questions(14))
            assert session.dollars() == "$17.20, about $17.20 in all"  # more than was foretold
            assert session.dollars(1.0) == "$17.20, about $17.20 in all"


def test_what_may_have_been_billed_is_in_the_record_with_its_dollars(tmp_path: Path) -> None:
    out = stage_folder(tmp_path)
    with Server(lambda body, number: Reply(drop=True) if number == 0 else echo(body, number)) as server:
        texts(teacher_at(server), questions(2), out)
        bound = (len("Question 0") + attempts.FRAME_TOKENS + 16 * 4) / 1e6
        assert consumed(out).possibly_billed == pytest.approx(bound)
        texts(teacher_at(server), questions(3), out)
    assert consumed(out).possibly_billed == pytest.approx(bound)
    assert consumed(out).requests == 3
