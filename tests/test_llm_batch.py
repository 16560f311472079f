"""The Batch API against a local server: half price, come back later, and nothing is handed in twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.errors import BudgetReached, InputError, Stopped
from alpaca_exp.ledger import consumed
from alpaca_exp.llm import attempts, batch
from alpaca_exp.llm.ask import ask_all
from alpaca_exp.llm.batchlog import BatchLog
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Completion
from alpaca_exp.schemas import Endpoint, RuntimeConfig
from alpaca_exp.stages.generate import generate
from tests.conftest import ROOT
from tests.servers import Body, Reply, Server, prompt_of, stage_folder, teacher_at

SEEDS = ROOT / "seeds" / "seed_tasks.jsonl"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "FIRST_LOOK_S", 0.01)


def echo(body: Body, number: int) -> Reply:
    return Reply(f"Answer to {prompt_of(body)}", usage=(10, 5))


def ask(server: Server, outputs: Path, count: int = 5, **more: Any) -> list[Completion]:
    config = teacher_at(server, **({"batch": True, "batch_wait_s": 60.0} | more))
    requests = [Request("fake", f"Question {n}", 16, seed=n) for n in range(count)]
    out = stage_folder(outputs)
    return ask_all(config, requests, runtime=RuntimeConfig(), out=out, title="test")


def texts(count: int = 5) -> list[str]:
    return [f"Answer to Question {n}" for n in range(count)]


def test_a_batch_answers_in_order_at_half_the_price(tmp_path: Path) -> None:
    with Server(echo) as server:
        assert [got.text for got in ask(server, tmp_path)] == texts()
        assert server.count == 0 and len(server.batches.made) == 1
        rows = server.batches.requests()
    assert [row["body"]["messages"][0]["content"] for row in rows] == [f"Question {n}" for n in range(5)]
    assert {row["url"] for row in rows} == {"/v1/chat/completions"} and rows[3]["body"]["seed"] == 3
    assert consumed(stage_folder(tmp_path)).usd == pytest.approx(5 * (10 * 1.0 + 5 * 4.0) / 1e6 / 2)


def test_the_legacy_endpoint_takes_batches_too(tmp_path: Path) -> None:
    with Server(echo) as server:
        assert [got.text for got in ask(server, tmp_path, endpoint=Endpoint.completions)] == texts()
        assert server.batches.requests()[0]["url"] == "/v1/completions"


def test_one_comes_back_later_and_collects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Server(echo) as server:
        server.batches.looks = 2
        for _ in range(2):
            with pytest.raises(
                Stopped, match=r"batch-0 is in progress.*0 of 5 done.*It ends by 2027-01-15 08:00"
            ):
                ask(server, tmp_path, batch_wait_s=0.0)
        assert [got.text for got in ask(server, tmp_path, batch_wait_s=0.0)] == texts()
        assert len(server.batches.made) == 1
        assert [got.text for got in ask(server, tmp_path)] == texts()
        assert len(server.batches.made) == 1
    assert "may have been billed" not in capsys.readouterr().err
    assert consumed(stage_folder(tmp_path)).requests == 5
    assert consumed(stage_folder(tmp_path)).possibly_billed == 0


def test_the_command_line_leaves_with_code_3_and_the_time_to_come_back(tmp_path: Path, command: Any) -> None:
    words = ("preset=paper", "teacher=openai", "judge=none", "runtime.offline=true", "teacher.num_examples=3")
    with Server() as server:
        server.batches.looks = 1
        told = ("teacher.batch=true", f"teacher.base_url={server.base_url}", "teacher.tasks_per_request=6")
        with open(tmp_path / "tiny.json", "w") as file:
            json.dump([], file)
        done = command(*words, *told, "eval_suite=miniature", "base_model=miniature_small", "trainer=none",
                       "dataset_variant=original", "world=tiny", "trainer=miniature")  # fmt: skip
        assert done.returncode == 3, done.stderr
        assert "Run the same command again then to collect it" in done.stderr
        assert len(server.batches.made) == 1


def test_generate_asks_for_all_it_needs_in_one_batch_and_makes_the_same_bytes(tmp_path: Path) -> None:
    made = []
    with Server() as server:
        for name, more in (("direct", {}), ("batch", {"batch": True, "batch_wait_s": 60.0})):
            out = stage_folder(tmp_path / name)
            teacher = teacher_at(server, num_examples=60, seed_tasks=SEEDS, **more)
            generate(teacher, runtime=RuntimeConfig(), out=out)
            made.append([(out / file).read_bytes() for file in ("examples.jsonl", "rejected.jsonl")])
        assert len(server.batches.made) <= 2 and len(server.batches.requests()) >= 10
    assert made[0] == made[1]


def test_where_tasks_are_fed_back_a_round_is_a_batch(tmp_path: Path) -> None:
    with Server() as server:
        more: dict[str, Any] = {"batch": True, "batch_wait_s": 60.0, "feedback": 1, "round_size": 3}
        teacher = teacher_at(server, num_examples=20, seed_tasks=SEEDS, **more)
        generate(teacher, runtime=RuntimeConfig(), out=stage_folder(tmp_path))
        sizes = [batch["request_counts"]["total"] for batch in server.batches.made.values()]
    assert len(sizes) >= 2 and set(sizes) == {3}


def test_what_a_batch_leaves_unanswered_is_handed_in_again(tmp_path: Path) -> None:
    with Server(echo) as server:
        server.batches.keep_back = 2
        server.batches.end = "expired"

        def then_all() -> None:
            server.batches.keep_back = 2 if len(server.batches.made) < 2 else 0

        server.batches.created = then_all
        assert [got.text for got in ask(server, tmp_path)] == texts()
        assert [batch["request_counts"]["total"] for batch in server.batches.made.values()] == [5, 2]


def test_a_batch_that_never_answers_ends_resumably(tmp_path: Path) -> None:
    with Server(lambda body, number: Reply(status=500, error="boom")) as server:
        with pytest.raises(Stopped, match=r"left 5 request\(s\) unanswered in 3 batches"):
            ask(server, tmp_path, max_retries=2)
        assert len(server.batches.made) == 3
        server.answer = echo
        assert [got.text for got in ask(server, tmp_path)] == texts()


def test_one_hopeless_request_is_said_after_the_others_are_kept(tmp_path: Path) -> None:
    def answer(body: Body, number: int) -> Reply:
        return Reply(status=404, error="no_model") if prompt_of(body) == "Question 2" else echo(body, number)

    with Server(answer) as server:
        with pytest.raises(InputError, match=r"knows no model fake"):
            ask(server, tmp_path)
        server.answer = echo
        assert [got.text for got in ask(server, tmp_path)] == texts()
        assert [batch["request_counts"]["total"] for batch in server.batches.made.values()] == [5, 1]


def test_bad_answers_are_answers_in_a_batch_too(tmp_path: Path) -> None:
    replies = [
        Reply("cut", finish_reason="length"),
        Reply(None, refusal="no"),
        Reply(status=400, error="context_length_exceeded"),
    ]
    with Server(lambda body, number: replies[int(prompt_of(body)[-1])]) as server:
        found = ask(server, tmp_path, 3)
    assert [(got.text, got.finish_reason) for got in found] == [
        ("cut", "length"),
        ("", "refusal"),
        ("", "length"),
    ]


def test_a_refused_batch_says_why(tmp_path: Path) -> None:
    with Server(echo) as server:
        server.batches.end = "failed"
        with pytest.raises(InputError, match=r"batch-0 was refused: invalid_json_line: line 1 is broken"):
            ask(server, tmp_path)
        server.batches.refuse = (401, "invalid_api_key")
        with pytest.raises(InputError, match="ALPACA_EXP_TEST_KEY"):
            ask(server, tmp_path)
    assert consumed(stage_folder(tmp_path)).usd == consumed(stage_folder(tmp_path)).possibly_billed == 0


def test_the_budget_bounds_a_batch_and_the_rest_follows_when_its_price_is_known(tmp_path: Path) -> None:
    bound = (len("Question 0") + attempts.FRAME_TOKENS + 16 * 4) / 1e6 / 2
    with Server(echo) as server:
        assert [got.text for got in ask(server, tmp_path, budget_usd=3.5 * bound)] == texts()
        sizes = [batch["request_counts"]["total"] for batch in server.batches.made.values()]
        assert sizes[0] == 3 and sum(sizes) == 5
        with pytest.raises(BudgetReached, match=r"raise teacher\.budget_usd"):
            ask(server, tmp_path, 40, budget_usd=3.5 * bound)
    assert consumed(stage_folder(tmp_path)).usd <= 3.5 * bound


def killed_when_made(base_url: str, outputs: Path) -> None:
    """What the killed process runs."""
    server: Any = type("Elsewhere", (), {"base_url": base_url})
    ask(server, outputs, 4)


@pytest.mark.parametrize("moment", ["before it is made", "when it is made", "when it is collected"])
def test_a_batch_is_handed_in_once_whatever_is_killed(moment: str, tmp_path: Path) -> None:
    processes = multiprocessing.get_context("spawn")

    def kill(*_: Any) -> None:
        os.kill(process.pid or 0, signal.SIGKILL)
        time.sleep(0.5)  # nobody is left to hear the reply

    with Server(echo) as server:
        process = processes.Process(target=killed_when_made, args=(server.base_url, tmp_path))
        post, get = server.batches.post, server.batches.get
        if moment == "before it is made":
            server.batches.post = lambda path, sent: (kill(), (500, b""))[1]  # type: ignore[method-assign]
        elif moment == "when it is made":
            server.batches.created = kill
        else:
            server.batches.get = (  # type: ignore[method-assign]
                lambda path: (kill(), (500, b""))[1] if "content" in path else get(path)
            )
        process.start()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
        server.batches.post, server.batches.get = post, get  # type: ignore[method-assign]
        server.batches.created = lambda: None
        assert [got.text for got in ask(server, tmp_path, 4)] == texts(4)
        assert len(server.batches.made) == 1 and len(server.batches.requests()) == 4
    used = consumed(stage_folder(tmp_path))
    assert used.requests == 4 and used.possibly_billed == 0


def test_an_open_batch_counts_against_the_budget_after_a_restart(tmp_path: Path) -> None:
    bound = (len("Question 0") + attempts.FRAME_TOKENS + 16 * 4) / 1e6 / 2
    with Server(echo) as server:
        server.batches.looks = 99
        for _ in range(3):
            with pytest.raises(Stopped, match="batch-0 is in progress"):
                ask(server, tmp_path, 5, budget_usd=3.5 * bound, batch_wait_s=0.0)
        assert len(server.batches.made) == 1


def test_a_torn_line_of_the_log_is_left_out(tmp_path: Path) -> None:
    journal = tmp_path / "m.jsonl"
    BatchLog(journal, "a").submitting("one", ["k"])
    file = tmp_path / "m.batches.jsonl"
    with file.open("a") as torn:
        torn.write('{"account": "a", "token": "two", "sta')
    log = BatchLog(journal, "a")
    assert [batch.token for batch in log.open()] == ["one"]
    log.submitted("one", "batch-7")
    assert [batch.batch for batch in BatchLog(journal, "a").open()] == ["batch-7"]
    assert BatchLog(journal, "b").open() == []
    log.close("one", "collected")
    assert BatchLog(journal, "a").open() == []
