"""The generate stage against a real server: what it keeps, what it rejects, what a kill costs."""

from __future__ import annotations

import json
import multiprocessing
import random
import re
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.errors import BudgetReached, InputError
from alpaca_exp.ledger import consumed
from alpaca_exp.records import Example, Row, read_jsonl
from alpaca_exp.schemas import (
    MiniatureTeacherConfig,
    OpenAITeacherConfig,
    Protocol,
    RuntimeConfig,
    WorldConfig,
)
from alpaca_exp.selfinstruct.filters import why_unfit
from alpaca_exp.stages.generate import generate
from tests.servers import Body, Reply, Server, prompt_of, sensible, stage_folder, teacher_at
from tests.stepwise import stepwise

SEEDS = [
    ("one", "Turn the sentence into a question.", "It rains.", "Does it rain?"),
    ("two", "Give the opposite of the word.", "cold", "warm"),
    ("three", "Write a friendly greeting for a neighbour.", "", "Good morning!"),
    ("four", "Count the letters of the word.", "tree", "4"),
]


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    file = tmp_path / "seeds.jsonl"
    rows = [
        {
            "id": i,
            "name": i,
            "instruction": t,
            "instances": [{"input": g, "output": o}],
            "is_classification": False,
        }
        for i, t, g, o in SEEDS
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def run(server: Server, out: Path, **more: Any) -> tuple[list[Row], list[Row]]:
    generate(teacher_at(server, **more), runtime=RuntimeConfig(), out=out)
    return list(read_jsonl(out / "examples.jsonl")), list(read_jsonl(out / "rejected.jsonl"))


def listed(prompt: str, *items: tuple[str, str, str]) -> str:
    """A reply that goes on where the prompt ended."""
    number = int(re.findall(r"(\d+)\. Instruction:$", prompt)[0])
    texts = [
        f"{n}. Instruction: {instruction}\n{n}. Input:\n{given}\n{n}. Output:\n{output}\n"
        for n, (instruction, given, output) in enumerate(items, start=number)
    ]
    return "###\n".join(texts).removeprefix(f"{number}. Instruction:")


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
    }


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


def test_a_teacher_that_repeats_itself_is_stopped_and_all_is_kept(
    tmp_path: Path, seeds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(body: Body, number: int) -> str:
        return listed(prompt_of(body), ("Say the same thing once again.", "", "Again."))

    with Server(answer) as server:
        out = stage_folder(tmp_path)
        kept, _ = run(server, out, seed_tasks=seeds, round_size=8, concurrency=8, max_barren_requests=12)
        assert len(kept) == 1 and server.count <= 12 + 8
    told = "1 of 20 examples, since teacher.max_barren_requests=12 requests in a row brought nothing new"
    assert told in capsys.readouterr().err
    assert json.loads((out / "card.json").read_text())["counts"]["ended"].startswith("teacher.max_barren")


def test_a_teacher_that_writes_no_list_is_an_error_with_the_way_out(tmp_path: Path, seeds: Path) -> None:
    out = stage_folder(tmp_path)
    with (
        Server(lambda body, number: "I am only a chatbot.") as server,
        pytest.raises(InputError, match=r"brought no usable example.*teacher\.max_requests=3 is reached"),
    ):
        run(server, out, seed_tasks=seeds, max_requests=3)
    assert len(list(read_jsonl(out / "rejected.jsonl"))) == 3


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


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "five", "instruction": "x"}', "line 5, lacks instances"),
        ('{"id": "five", "instruction": ', "line 5, is not valid JSON"),
        ('{"id": "five", "instruction": "x", "instances": []}', "task five: instances must be"),
        (
            '{"id": "five", "instruction": 3, "instances": [{"input": "", "output": ""}]}',
            "task five: instruction",
        ),
        (
            '{"id": "five", "instruction": " ", "instances": [{"input": "", "output": ""}]}',
            "instruction is empty",
        ),
        ('{"id": "one", "instruction": "x", "instances": [{"input": "", "output": ""}]}', "have the id one"),
        (
            '{"id": "five", "instruction": "x", "instances": [{"input": "", "output": ""}], '
            '"is_classification": "no"}',
            "task five: is_classification must be true or false",
        ),
    ],
)
def test_a_broken_seed_task_is_named(tmp_path: Path, seeds: Path, line: str, message: str) -> None:
    seeds.write_text(seeds.read_text() + line + "\n")
    with Server() as server:
        with pytest.raises(InputError, match=message):
            run(server, stage_folder(tmp_path), seed_tasks=seeds)
        assert server.count == 0


def test_too_few_seed_tasks_are_said(tmp_path: Path, seeds: Path) -> None:
    with Server() as server, pytest.raises(InputError, match=r"holds 4 seed tasks.*lower teacher\.num_dem"):
        run(server, stage_folder(tmp_path), seed_tasks=seeds, num_demonstrations=5)


def test_the_miniatures_teacher_fills_its_pool(tmp_path: Path) -> None:
    world = WorldConfig(people=24, corpus_tokens=120_000, tasks=160, questions=20, documents=40)
    teacher = MiniatureTeacherConfig(model="m", world=world, num_examples=160, max_similarity=1.0)
    out = stage_folder(tmp_path)
    generate(teacher, runtime=RuntimeConfig(), out=out)
    rows = list(read_jsonl(out / "examples.jsonl"))
    assert len({row["id"] for row in rows}) == len(rows) == 160
    assert not any("###" in row["output"] for row in rows)


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
    assert fed == 2 * 3 * ((len(rounds) - 1) // 3)


def test_the_published_set_passes_the_filters_as_it_did(shared_data: Path) -> None:
    rows = json.loads((shared_data / "alpaca" / "alpaca_data.json").read_text())
    assert len(rows) == 52_002
    assert {why_unfit(row["instruction"]) for row in rows} == {None}


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
    return max(row["usd"] for row in rows if row["state"] == "sent")


def answered_bodies(outputs: Path) -> set[tuple[str, int | None]]:
    file = outputs / "journal" / "fake.jsonl"
    lines = file.read_bytes().split(b"\n")[:-1] if file.exists() else []
    rows = [json.loads(line) for line in lines]
    return {(r["request"]["prompt"], r["request"]["seed"]) for r in rows if r["state"] == "answered"}


FEW = [(protocol, 5, 120) for protocol in Protocol]
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
    processes.set_forkserver_preload(["openai", "tests.test_selfinstruct_generate"])
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
