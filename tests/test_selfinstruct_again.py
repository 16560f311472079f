"""Asking again: kills, concurrency and larger numbers cost no answer twice and change no byte."""

from __future__ import annotations

import json
import multiprocessing
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.ledger import consumed
from alpaca_exp.schemas import (
    OpenAITeacherConfig,
    Protocol,
    RuntimeConfig,
)
from alpaca_exp.stages.generate import generate
from tests.batches import Body
from tests.generating import run, seed_file
from tests.servers import Reply, Server, prompt_of, sensible, stage_folder
from tests.stepwise import stepwise


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    return seed_file(tmp_path)


@pytest.mark.parametrize("concurrency", [1, 5, 32])
def test_concurrency_changes_no_byte(concurrency: int, tmp_path: Path, seeds: Path) -> None:
    def late(body: Body, number: int) -> Reply:
        reply = sensible(body)
        return Reply(reply.text, delay_s=random.Random(number).random() / 30)

    made = []
    for name, answer, at_once in (("a", None, 1), ("b", late, concurrency)):
        out = stage_folder(tmp_path / name)
        with Server(answer) as server:
            run(server, out, seed_tasks=seeds, num_examples=40, concurrency=at_once, round_size=8)
        made.append([(out / file).read_bytes() for file in ("examples.jsonl", "rejected.jsonl")])
    assert made[0] == made[1]


def test_another_seed_buys_other_data(tmp_path: Path, seeds: Path) -> None:
    with Server() as server:
        one, _ = run(server, stage_folder(tmp_path / "1"), seed_tasks=seeds, seed=1)
        two, _ = run(server, stage_folder(tmp_path / "2"), seed_tasks=seeds, seed=2)
    assert not {row["id"] for row in one} & {row["id"] for row in two}


def test_more_examples_of_the_same_seed_buy_only_the_difference(tmp_path: Path, seeds: Path) -> None:
    with Server() as server:
        few, _ = run(server, stage_folder(tmp_path), seed_tasks=seeds, num_examples=20)
        asked = server.count
        many, _ = run(server, stage_folder(tmp_path, fingerprint="f" * 16), seed_tasks=seeds, num_examples=40)
        assert many[:20] == few
        assert len({json.dumps(body) for body in server.bodies}) == server.count > asked


def killed_in_time(base_url: str, seeds: Path, out: Path, protocol: Protocol, num_examples: int) -> None:
    """What each of the killed processes runs."""
    teacher = OpenAITeacherConfig(
        model="fake",
        protocol=protocol,
        feedback=2,
        base_url=base_url,
        seed_tasks=seeds,
        num_examples=num_examples,
        tasks_per_request=6,
        round_size=8,
        concurrency=8,
        usd_per_million_in=1.0,
        usd_per_million_out=4.0,
    )
    generate(teacher, runtime=RuntimeConfig(), out=out)


def max_usd(outputs: Path) -> float:
    """The most that one request of the journal could cost."""
    lines = (outputs / "journal" / "fake.jsonl").read_bytes().split(b"\n")
    rows = [json.loads(line) for line in lines if line.endswith(b"}")]
    return max(float(row["usd"]) for row in rows if row["state"] == "sent")


def answered_bodies(outputs: Path) -> set[tuple[str, int | None]]:
    file = outputs / "journal" / "fake.jsonl"
    lines = file.read_bytes().split(b"\n")[:-1] if file.exists() else []
    rows = [json.loads(line) for line in lines]
    return {(r["request"]["prompt"], r["request"]["seed"]) for r in rows if r["state"] == "answered"}


FEW = [
    pytest.param(protocol, 5, 120, marks=[pytest.mark.long] * (protocol is Protocol.self_instruct))
    for protocol in Protocol
]
MANY = pytest.param(Protocol.alpaca, 200, 3000, marks=pytest.mark.long, id="two hundred")


@pytest.mark.parametrize(("protocol", "kills", "num_examples"), [*FEW, MANY])
def test_kills_at_random_points_cost_no_answer_and_change_no_byte(
    protocol: Protocol, kills: int, num_examples: int, tmp_path: Path, seeds: Path
) -> None:
    answer = sensible if protocol is Protocol.alpaca else stepwise

    def slowly(body: Body, number: int) -> Reply:
        return Reply(answer(body).text, delay_s=0.02)

    with Server(lambda body, number: answer(body)) as server:
        calm = stage_folder(tmp_path / "calm")
        told: dict[str, Any] = {"seed_tasks": seeds, "num_examples": num_examples, "round_size": 8}
        told |= {"feedback": 2}
        run(server, calm, protocol=protocol, **told)
    rng, killed = random.Random(0), 0
    out = stage_folder(tmp_path / "killed")
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["openai", "tests.test_selfinstruct_again"])
    with Server(slowly) as server:
        paid: list[tuple[int, set[tuple[str, int | None]]]] = []
        for kill in range(kills + 1):
            until = server.count + rng.randint(1, 8)
            told_again = (server.base_url, seeds, out, protocol, num_examples)
            process = processes.Process(target=killed_in_time, args=told_again)
            process.start()
            while kill < kills and server.count < until and process.is_alive():
                time.sleep(0.001)
            time.sleep(rng.random() / 50)
            if kill < kills:
                process.kill()
            process.join()
            killed += process.exitcode == -signal.SIGKILL
            paid.append((server.count, answered_bodies(tmp_path / "killed")))
        assert process.exitcode == 0
    asked = [(prompt_of(body), body.get("seed")) for body in server.bodies]
    assert all(not known & set(asked[before:]) for before, known in paid)
    assert len(asked) - len(set(asked)) <= kills * 8 and killed == kills
    lost = consumed(out).possibly_billed
    assert 0 <= lost <= kills * 8 * max_usd(tmp_path / "killed")
    journal = tmp_path / "killed" / "journal" / "fake.jsonl"
    longest = max(len(line) for line in journal.open("rb"))
    assert journal.stat().st_size <= 2 * len(asked) * longest  # two lines a request, and nothing rewritten
    for file in ("examples.jsonl", "rejected.jsonl", "card.json", "card.html"):
        assert (out / file).read_bytes() == (calm / file).read_bytes()
