"""How generation ends before it has enough: what is said, what is kept, how to go on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.errors import BudgetReached, InputError
from alpaca_exp.ledger import consumed
from alpaca_exp.records import read_jsonl
from alpaca_exp.schemas import Protocol
from tests.batches import Body
from tests.generating import listed, run, seed_file
from tests.servers import Reply, Server, prompt_of, sensible, stage_folder
from tests.stepwise import stepwise


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    return seed_file(tmp_path)


def repeating(body: Body, number: int) -> str:
    return listed(prompt_of(body), ("Say the same thing once again.", "", "Again."))


def test_a_teacher_that_repeats_itself_is_stopped_and_all_is_kept(tmp_path: Path, seeds: Path) -> None:
    out = stage_folder(tmp_path)
    with Server(repeating) as server:
        with pytest.raises(InputError) as caught:
            run(server, out, seed_tasks=seeds, round_size=8, concurrency=8, max_barren_requests=12)
        assert server.count <= 12 + 8 and caught.value.exit_code == 2
    told = str(caught.value)
    assert (
        "1 of 20 examples, since teacher.max_barren_requests=12: 12 requests in a row brought nothing" in told
    )
    assert "teacher.num_examples=1" in told and str(out) in told and "rejected: 12 repeated" in told
    assert len(list(read_jsonl(out / "examples.jsonl"))) == 1
    assert len(list(read_jsonl(out / "rejected.jsonl"))) == 12
    assert json.loads((out / "card.json").read_text())["counts"]["ended"].startswith("teacher.max_barren")
    assert (out / "card.html").is_file()


def test_what_a_barren_end_names_as_the_ways_on_are_ways_on(tmp_path: Path, seeds: Path) -> None:
    def turning(body: Body, number: int) -> str:
        return repeating(body, number) if number < 8 else sensible(body).text or ""

    told: dict[str, Any] = {"seed_tasks": seeds, "round_size": 1, "concurrency": 1}
    with Server(turning) as server:
        with pytest.raises(InputError, match="brought nothing new"):
            run(server, stage_folder(tmp_path), max_barren_requests=4, **told)
        asked = server.count
        kept, _ = run(server, stage_folder(tmp_path, fingerprint="e" * 16), num_examples=1, **told)
        assert len(kept) == 1 and server.count == asked
        kept, _ = run(server, stage_folder(tmp_path, fingerprint="f" * 16), max_barren_requests=40, **told)
        assert len(kept) == 20
        assert len({json.dumps(body) for body in server.bodies}) == server.count > asked


@pytest.mark.parametrize("wrong", ["instances", "lists"])
def test_each_step_that_brings_nothing_counts_and_the_end_says_what_it_cost(
    wrong: str, tmp_path: Path, seeds: Path
) -> None:
    def answer(body: Body, number: int) -> Reply | str:
        steps = prompt_of(body).endswith(("Classification:", "Input:", "Label:"))
        return "I cannot." if steps == (wrong == "instances") else stepwise(body)

    told: dict[str, Any] = {"protocol": Protocol.self_instruct, "num_examples": 300, "round_size": 8}
    with Server(answer) as server:
        with pytest.raises(InputError, match=r"max_barren_requests=20: \d+ requests in a row") as caught:
            run(server, stage_folder(tmp_path), seed_tasks=seeds, max_barren_requests=20, **told)
        assert server.count <= 20 + 3 * 8
    assert f"{server.count} requests, $0.0" in str(caught.value)


def test_a_stop_says_how_many_examples_there_are(
    tmp_path: Path, seeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Server() as server, pytest.raises(BudgetReached):
        run(server, stage_folder(tmp_path), seed_tasks=seeds, num_examples=80, budget_usd=0.02)
    said = re.findall(r"generate: (\d+) of 80 examples so far", capsys.readouterr().err)
    assert len(said) == 1 and 0 < int(said[0]) < 80


def test_a_limit_of_requests_ends_with_what_there_is(
    tmp_path: Path, seeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Server() as server:
        kept, _ = run(server, stage_folder(tmp_path), seed_tasks=seeds, max_requests=2, num_examples=900)
    assert 0 < len(kept) < 900
    said = capsys.readouterr().err
    assert f"{len(kept)} of 900 examples, since teacher.max_requests=2 is reached" in said
    assert "A larger teacher.max_requests goes on from here" in said


def test_a_teacher_that_writes_no_list_is_an_error_with_the_way_out(tmp_path: Path, seeds: Path) -> None:
    out = stage_folder(tmp_path)
    with (
        Server(lambda body, number: "I am only a chatbot.") as server,
        pytest.raises(InputError, match=r"brought no usable example.*teacher\.max_requests=3 is reached"),
    ):
        run(server, out, seed_tasks=seeds, max_requests=3)
    assert len(list(read_jsonl(out / "rejected.jsonl"))) == 3
    assert json.loads((out / "card.json").read_text())["counts"]["kept"] == 0


def test_a_budget_ends_it_and_a_larger_one_goes_on(tmp_path: Path, seeds: Path) -> None:
    out = stage_folder(tmp_path)
    with Server() as server:
        with pytest.raises(BudgetReached):
            run(server, out, seed_tasks=seeds, num_examples=40, budget_usd=0.015, max_tokens=3000)
        asked = server.count
        assert asked > 0 and consumed(out).usd <= 0.015
        kept, _ = run(server, out, seed_tasks=seeds, num_examples=40, budget_usd=5.0, max_tokens=3000)
        assert len(kept) == 40
        assert len({json.dumps(body) for body in server.bodies}) == server.count > asked
