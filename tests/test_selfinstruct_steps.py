"""Self-instruct's three steps: what is asked, how it is read, what comes of it."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.compose import compose
from alpaca_exp.costs import expected
from alpaca_exp.plan import plan
from alpaca_exp.prompts import instruction_list
from alpaca_exp.records import Completion, Row, read_jsonl
from alpaca_exp.schemas import MiniatureTeacherConfig, Protocol, RuntimeConfig, WorldConfig
from alpaca_exp.selfinstruct.instances import read_instances, read_instructions, read_yes_or_no
from alpaca_exp.stages.generate import generate
from tests.batches import Body
from tests.servers import Reply, Server, prompt_of, stage_folder, teacher_at
from tests.stepwise import stepwise

SELF_INSTRUCT: dict[str, Any] = {
    "protocol": Protocol.self_instruct,
    "num_demonstrations": 8,
    "feedback": 2,
    "tasks_per_request": 16,
    "temperature": 0.7,
    "top_p": 0.5,
    "presence_penalty": 2.0,
    "max_tokens": 1024,
}


def run(server: Server, out: Path, **more: Any) -> tuple[list[Row], list[Row]]:
    generate(teacher_at(server, **(SELF_INSTRUCT | more)), runtime=RuntimeConfig(), out=out)
    return list(read_jsonl(out / "examples.jsonl")), list(read_jsonl(out / "rejected.jsonl"))


def kind(body: Body) -> str:
    return prompt_of(body).rpartition("\n")[2].split(":")[0].split(" ")[0]


def test_three_steps_make_examples_that_say_where_they_come_from(tmp_path: Path) -> None:
    out = stage_folder(tmp_path)
    with Server(stepwise) as server:
        kept, _ = run(server, out, num_examples=60)
    assert len(kept) == 60
    sources = [row["source"] for row in kept]
    assert {source["classification"] for source in sources} == {True, False}
    journal = (tmp_path / "journal" / "fake.jsonl").read_text()
    for name in ("request", "classified_by", "worked_out_by"):
        assert all(f'"key": "{source[name]}' in journal for source in sources)
    labelled = [row for row in kept if row["source"]["classification"]]
    assert {row["output"] for row in labelled} == {"warm", "cold"}
    assert all(row["input"] for row in labelled)
    free = [row for row in kept if not row["source"]["classification"]]
    assert not any(row["input"] or "Task:" in row["output"] for row in free)
    card = json.loads((out / "card.json").read_text())
    assert set(card["counts"]["requests"]) == {"instructions", "classification", "instances"}
    assert card["classification"]["share"] == round(len(labelled) / 60, 4)


def test_each_step_is_asked_in_its_own_way(tmp_path: Path) -> None:
    with Server(stepwise) as server:
        run(server, stage_folder(tmp_path), num_examples=40)
        bodies = {kind(body): body for body in reversed(server.bodies)}
    new = bodies["Task"]
    assert (new["temperature"], new["top_p"], new["presence_penalty"], new["max_tokens"]) == (
        0.7,
        0.5,
        2,
        1024,
    )
    for step in ("Classification", "Label", "Input"):
        assert bodies[step]["temperature"] == 0 and "presence_penalty" not in bodies[step]
        assert bodies[step]["stop"] == ["\nTask:"]
    solved = prompt_of(bodies["Classification"])
    assert solved.count("Classification: yes") == solved.count("Classification: no") == 4
    assert "words" in prompt_of(bodies["Input"])


def test_six_seed_tasks_and_two_generated_ones_are_shown_once_there_are_any(tmp_path: Path) -> None:
    with Server(stepwise) as server:
        kept, _ = run(server, stage_folder(tmp_path), num_examples=160, round_size=2)
    shown = {row["source"]["request"]: row["source"]["demonstrations"] for row in kept}
    generated = [sum(not name.startswith("seed_task_") for name in names) for names in shown.values()]
    assert all(len(names) == 8 for names in shown.values())
    assert set(generated) == {0, 2} and generated[:2] == [0, 0]
    assert {name for names in shown.values() for name in names if name[:4] != "seed"} <= {
        row["id"] for row in kept
    }


def test_neither_concurrency_nor_a_second_attempt_changes_a_byte_or_asks_again(tmp_path: Path) -> None:
    def late(body: Body, number: int) -> Reply:
        return Reply(stepwise(body).text, delay_s=random.Random(number).random() / 50)

    made = []
    for name, answer, at_once in (("a", stepwise, 1), ("b", late, 32)):
        out = stage_folder(tmp_path / name)
        with Server(answer) as server:
            run(server, out, num_examples=100, concurrency=at_once)
            asked = server.count
            for file in out.iterdir():
                file.unlink()
            run(server, out, num_examples=100, concurrency=at_once)
            assert server.count == asked
        made.append([(out / file).read_bytes() for file in ("examples.jsonl", "rejected.jsonl", "card.json")])
    assert made[0] == made[1]


def test_more_examples_buy_only_the_difference(tmp_path: Path) -> None:
    with Server(stepwise) as server:
        few, _ = run(server, stage_folder(tmp_path), num_examples=30)
        many, _ = run(server, stage_folder(tmp_path, fingerprint="f" * 16), num_examples=90)
        assert many[:30] == few
        assert len({json.dumps(body) for body in server.bodies}) == server.count


def test_an_instruction_that_is_rejected_costs_no_further_request(tmp_path: Path) -> None:
    def answer(body: Body, number: int) -> Reply:
        if kind(body) == "Task":
            return Reply(" Draw a cat with a hat.\nTask 10: Tell me.\nTask 11: Explain how cheese is made.")
        return stepwise(body)

    with Server(answer) as server:
        kept, rejected = run(server, stage_folder(tmp_path), num_examples=9, max_requests=3, round_size=1)
        assert Counter(kind(body) for body in server.bodies) == {"Task": 3, "Classification": 1, "Input": 1}
    similar = [row for row in rejected if row["reason"].startswith("similar")]
    assert {row["similarity"]["nearest"] for row in similar} == {kept[0]["source"]["task"]}
    assert Counter(row["reason"].partition(":")[0] for row in rejected) == {
        "blocked word": 3,
        "too short": 3,
        "similar": 2,
    }


def test_an_answer_that_is_neither_yes_nor_no_counts_as_no_and_is_told(tmp_path: Path) -> None:
    def answer(body: Body, number: int) -> Reply:
        return Reply("That depends.") if kind(body) == "Classification" else stepwise(body)

    out = stage_folder(tmp_path)
    with Server(answer) as server:
        run(server, out, num_examples=5)
    assert json.loads((out / "card.json").read_text())["classification"] == {"share": 0.0, "unread": 5}


def test_the_miniatures_teacher_knows_these_steps_too(tmp_path: Path) -> None:
    world = WorldConfig(people=24, corpus_tokens=120_000, tasks=160, questions=20, documents=40)
    told: dict[str, Any] = {"max_similarity": 1.0, "protocol": Protocol.self_instruct, "feedback": 2}
    teacher = MiniatureTeacherConfig(model="m", world=world, num_examples=100, num_demonstrations=8, **told)
    out = stage_folder(tmp_path)
    generate(teacher, runtime=RuntimeConfig(), out=out)
    rows = list(read_jsonl(out / "examples.jsonl"))
    assert len({row["id"] for row in rows}) == 100
    assert json.loads((out / "card.json").read_text())["classification"]["share"] == 0


def test_the_option_has_the_papers_settings_and_a_price(tmp_path: Path) -> None:
    config = compose(["preset=paper", "teacher=openai_self_instruct"])
    assert {name: getattr(config.teacher, name) for name in SELF_INSTRUCT} == SELF_INSTRUCT
    told = expected(plan(config)["generate"], tmp_path)
    assert told.requests > 2 * 52_000 / 1.6 and told.usd > 1


def test_another_wording_of_a_step_makes_another_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    before = plan(compose(["preset=paper", "teacher=openai_self_instruct"]))["generate"]
    monkeypatch.setattr("alpaca_exp.prompts.labelled_instances", lambda i, n, shown=(): f"{i}{n}")
    assert plan(compose(["preset=paper", "teacher=openai_self_instruct"]))["generate"] != before
    after = plan(compose(["preset=paper", "teacher=openai_self_instruct"]))["generate"]
    assert after.fingerprint != before.fingerprint


def reply(text: str, finish_reason: str = "stop") -> Completion:
    return Completion(instruction_list(["a", "b"], 6), text, "m", finish_reason)


@pytest.mark.parametrize(
    "text",
    [
        " Name a fruit.\nTask 4: Do this:\n1. Wash.\n2. Dry.\nTask 5: Sing.",
        "Task 3: Name a fruit.\nTask 4: Do this:\n1. Wash.\n2. Dry.\nTask 5: Sing.",
        "3. Name a fruit.\n4. Do this:\n1. Wash.\n2. Dry.\n5. Sing.",
        "**3.** Name a fruit.\n**4.** Do this:\n1. Wash.\n2. Dry.\n**5.** Sing.",
    ],
)
def test_instructions_are_read_by_rising_numbers(text: str) -> None:
    found = [item.example.instruction for item in read_instructions(reply(text), 2)]
    assert found == ["Name a fruit.", "Do this: 1. Wash. 2. Dry.", "Sing."]


def test_a_list_that_was_cut_off_loses_its_last_instruction() -> None:
    cut = [item.reason for item in read_instructions(reply(" One.\nTask 4: Tw", "length"), 2)]
    assert cut == [None, "cut off: the reply reached max_tokens"]


@pytest.mark.parametrize(("text", "reason"), [("", "stop"), ("I will not.", "refusal")])
def test_a_reply_without_a_list_is_one_malformed_item(text: str, reason: str) -> None:
    [item] = read_instructions(reply(text, reason), 2)
    assert item.reason and item.reason.startswith("malformed: no list")


@pytest.mark.parametrize(
    ("text", "said"), [(" Yes", True), ("no.", False), ("**No**", False), ("Not sure", None), ("", None)]
)
def test_yes_and_no_are_read(text: str, said: bool | None) -> None:
    assert read_yes_or_no(reply(text)) is said


def test_instances_are_read_with_their_faults() -> None:
    text = (
        " 2 and 3\nOutput: 5\n\nExample 2\nInput: 4 and 4\nOutput: 8\nInput: 2 and 3\nOutput: 6\n"
        "Input: 7\nOutput:\nInput: 9\nOutput: 9\nInput: 1 and 1\nOutput: 2\n\nTask: Next.\nInput: z"
    )
    items = read_instances(reply(text, "length"), "Add them.", 5, label_first=False)
    assert [(item.example.input, item.example.output) for item in items][:2] == [
        ("2 and 3", "5"),
        ("4 and 4", "8"),
    ]
    assert [item.reason for item in items] == [
        None,
        None,
        "conflicting: a second output for the same input",
        "malformed: no output",
        "malformed: the output repeats the input",
        "surplus: more than teacher.max_instances",
    ]


def test_labels_may_come_one_or_several_with_their_inputs() -> None:
    items = read_instances(
        reply(" good\nInput: I love it.\nLabel: bad\nInput: Never again."), "Rate.", 5, True
    )
    assert [(item.example.output, item.example.input) for item in items] == [
        ("good", "I love it."),
        ("bad", "Never again."),
    ]


def test_an_instance_that_was_cut_off_is_left_out() -> None:
    items = read_instances(reply(" a\nOutput: b\nInput: c\nOutput: d", "length"), "Do it.", 5, False)
    assert [item.reason for item in items] == [None, "cut off: the reply reached max_tokens"]


def test_a_reply_without_an_instance_says_so() -> None:
    assert read_instances(reply(""), "Do it.", 5, False)[0].reason == "malformed: no instance"
