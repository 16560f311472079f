"""The generate stage against a real server: what it asks, what it keeps and what it rejects."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.records import Example, read_jsonl
from alpaca_exp.schemas import (
    MiniatureTeacherConfig,
    RuntimeConfig,
    WorldConfig,
)
from alpaca_exp.selfinstruct.pool import SURPLUS
from alpaca_exp.stages.generate import generate
from tests.batches import Body
from tests.generating import SEEDS, listed, run, seed_file
from tests.servers import Reply, Server, prompt_of, stage_folder


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    return seed_file(tmp_path)


def test_examples_hold_what_the_contract_says(tmp_path: Path, seeds: Path) -> None:
    with Server() as server:
        kept, rejected = run(server, stage_folder(tmp_path), seed_tasks=seeds, num_examples=20)
    assert len(kept) == 20
    names = {"id", "instruction", "input", "output", "source", "similarity"}
    assert all(row.keys() == names for row in kept)
    assert all(row.keys() == names | {"reason"} for row in rejected)
    first = kept[0]
    assert first["id"] == Example(first["instruction"], first["output"], first["input"]).id
    assert first["source"].keys() == {"request", "item", "demonstrations"}
    assert len(first["source"]["demonstrations"]) == 3
    assert set(first["source"]["demonstrations"]) < {"one", "two", "three", "four"}
    assert first["similarity"] == {"max": None, "nearest": None}
    journal = (tmp_path / "journal" / "fake.jsonl").read_text()
    assert all(f'"key": "{row["source"]["request"]}' in journal for row in kept)


def test_the_prompt_shows_the_seed_tasks_and_the_length_sentence(tmp_path: Path, seeds: Path) -> None:
    with Server() as server:
        run(server, stage_folder(tmp_path), seed_tasks=seeds, num_examples=1, max_words=77, seed=3)
        body = server.bodies[0]
    prompt = prompt_of(body)
    assert sum(instruction in prompt for _, instruction, _, _ in SEEDS) == 3
    assert "77 words" in prompt and "List of 6 tasks" in prompt
    assert isinstance(body["seed"], int)


def test_a_near_copy_of_a_seed_task_is_left_out(tmp_path: Path, seeds: Path) -> None:
    def answer(body: Body, number: int) -> str:
        return listed(
            prompt_of(body),
            ("Give the opposite of this word.", "old", "young"),
            (f"Say the number {number} in words and add one more.", "<noinput>", "..."),
        )

    with Server(answer) as server:
        kept, rejected = run(server, stage_folder(tmp_path), seed_tasks=seeds, num_examples=1)
    assert rejected[0]["reason"] == "similar: to two"
    assert rejected[0]["similarity"]["nearest"] == "two" and rejected[0]["similarity"]["max"] > 0.7
    assert kept[0]["source"]["item"] == 1 and kept[0]["input"] == ""


def test_without_the_novelty_filter_only_identical_rows_are_left_out(tmp_path: Path, seeds: Path) -> None:
    def answer(body: Body, number: int) -> str:
        said = [("Name the capital of France.", "", text) for text in ("Paris.", "Lyon.", "Paris.")]
        return listed(prompt_of(body), *said)

    with Server(answer) as server:
        kept, rejected = run(
            server,
            stage_folder(tmp_path),
            seed_tasks=seeds,
            max_similarity=1.0,
            max_requests=2,
            num_examples=9,
        )
    assert [row["output"] for row in kept] == ["Paris.", "Lyon."]
    assert kept[0]["similarity"] == {"max": None, "nearest": None}
    assert Counter(row["reason"] for row in rejected) == {
        "repeated: the same instruction, input and output": 4
    }


def test_every_rejected_item_says_why(tmp_path: Path, seeds: Path) -> None:
    def answer(body: Body, number: int) -> Reply:
        good = (["Say hello to every guest.", "Explain why bread rises slowly."][number % 2], "", "Nice.")
        bad = [
            ("Draw a cat with a hat.", "", "ok"),
            ("Too short.", "", "ok"),
            ("The last one is cut", "", "of"),
        ]
        return Reply(listed(prompt_of(body), good, *bad), finish_reason="length")

    with Server(answer) as server:
        _, rejected = run(server, stage_folder(tmp_path), seed_tasks=seeds, num_examples=2, concurrency=1)
    assert {row["reason"] for row in rejected} == {
        "blocked word: draw",
        "too short: 2 words",
        "cut off: the reply reached max_tokens",
        SURPLUS,  # of the last reply, what came after the last example that was wanted
    }


def test_generated_tasks_stand_among_the_demonstrations_of_later_rounds(tmp_path: Path, seeds: Path) -> None:
    told: dict[str, Any] = {"seed_tasks": seeds, "num_examples": 60, "feedback": 2, "round_size": 3}
    made = []
    for at_once in (1, 8):
        out = stage_folder(tmp_path / str(at_once))
        with Server() as server:
            kept, _ = run(server, out, concurrency=at_once, **told)
            prompts = server.prompts()
        made.append((out / "examples.jsonl").read_bytes())
    assert made[0] == made[1]
    shown = {row["source"]["request"]: row["source"]["demonstrations"] for row in kept}
    rounds = [len(set(names) - {"one", "two", "three", "four"}) for names in shown.values()]
    assert rounds[:3] == [0, 0, 0] and set(rounds[3:]) == {2}
    texts = {row["id"]: row["instruction"] for row in kept}
    for names in list(shown.values())[3:]:
        assert any(all(texts[name] in prompt for name in names if name in texts) for prompt in prompts)
    fed = json.loads((out / "card.json").read_text())["provenance"]["generated_tasks_shown"]
    assert fed == 2 * (len(rounds) - 3)


def test_the_miniatures_teacher_fills_its_pool(tmp_path: Path) -> None:
    world = WorldConfig(people=24, corpus_tokens=120_000, tasks=160, questions=20, documents=40)
    teacher = MiniatureTeacherConfig(model="m", world=world, num_examples=160, max_similarity=1.0)
    out = stage_folder(tmp_path)
    generate(teacher, runtime=RuntimeConfig(), out=out)
    rows = list(read_jsonl(out / "examples.jsonl"))
    assert len({row["id"] for row in rows}) == len(rows) == 160
    assert not any("###" in row["output"] for row in rows)
