"""The faults of stanford_alpaca's generator, one by one, each as a switch; and all of them together."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.compose import compose
from alpaca_exp.errors import ConfigError, InputError
from alpaca_exp.prompts import task_list
from alpaca_exp.records import Completion, Example, read_jsonl
from alpaca_exp.schemas import OpenAITeacherConfig, RuntimeConfig, TeacherConfig
from alpaca_exp.schemas.protocols import QUIRKS
from alpaca_exp.selfinstruct.lists import read
from alpaca_exp.selfinstruct.quirks import logit_bias, quirks_of, stops
from alpaca_exp.stages.generate import generate
from tests.batches import Body
from tests.servers import Reply, Server, prompt_of, stage_folder, teacher_at

SHOWN = [Example("Name a colour, please.", "Blue")] * 3
OFF = TeacherConfig(model="m")
FAITHFUL = TeacherConfig(model="m", faithful=True)


def reply(text: str, finish_reason: str = "stop") -> Completion:
    return Completion(task_list(SHOWN, 20, 100), text, "m", finish_reason)


def item(number: int, output: str = "An answer.", instruction: str = "Say something about number") -> str:
    asked = f"{number}. Instruction: {instruction} {number}.\n{number}. Input:\n<noinput>\n"
    return f"{asked}{number}. Output:\n{output}\n"


def a_list(*items: str) -> str:
    """As it goes on behind `4. Instruction:`."""
    return "###\n".join(items).removeprefix("4. Instruction:")


def outputs(teacher: TeacherConfig, text: str, finish_reason: str = "stop") -> list[str]:
    found = read(teacher, reply(text, finish_reason), 3)
    return [each.example.output for each in found if each.reason is None]


def test_a_stop_string_within_a_text_ends_the_reply_there() -> None:
    text = a_list(item(4), item(5, "It happened in 2020. Then came peace."), item(6))
    quirk = TeacherConfig(model="m", stop_inside_text=True)
    assert outputs(OFF, text) == ["An answer.", "It happened in 2020. Then came peace.", "An answer."]
    assert outputs(quirk, text) == outputs(FAITHFUL, text) == ["An answer.", "It happened in 20"]
    assert [each.quirks for each in read(quirk, reply(text), 3)] == [(), ("stop_inside_text",)]


def test_a_list_that_ends_at_its_last_number_was_stopped_where_it_should() -> None:
    text = a_list(*(item(number) for number in range(4, 21)))
    found = read(FAITHFUL, reply(text), 3)
    assert len([each for each in found if each.reason is None]) == 16
    assert not any("stop_inside_text" in each.quirks for each in found)


def test_the_server_is_given_stanfords_stop_strings_and_otherwise_none(tmp_path: Path) -> None:
    bodies = []
    for faithful in (True, False):
        with Server() as server:
            told: dict[str, Any] = {"tasks_per_request": 20, "num_examples": 5, "round_size": 1}
            made(server, tmp_path / str(faithful), faithful=faithful, **told)
            bodies.append(server.bodies[0])
    assert bodies[0]["stop"] == ["\n20", "20.", "20."] == list(stops(20))
    assert (bodies[0]["temperature"], bodies[0]["top_p"], bodies[0]["max_tokens"]) == (1.0, 1.0, 3072)
    assert "stop" not in bodies[1] and "logit_bias" not in bodies[0]


def test_the_end_of_text_is_banned_only_where_that_token_is_the_end_of_text() -> None:
    for model in ("text-davinci-003", "davinci", "gpt2", "openai-community/gpt2-large"):
        assert dict(logit_bias(model)) == {"50256": -100}
    for model in ("gpt-4.1-mini", "davinci-002", "gpt-3.5-turbo-instruct", "meta-llama/Llama-3"):
        assert logit_bias(model) == ()


def test_the_ban_reaches_the_server(tmp_path: Path) -> None:
    with Server() as server:
        card = made(server, tmp_path, ban_end_of_text=True, num_examples=5, model="text-davinci-003")
        assert all(body["logit_bias"] == {"50256": -100} for body in server.bodies)
    assert card["quirks"]["ban_end_of_text"] == {"on": True, "requests": card["counts"]["requests"]["lists"]}


def test_the_requirements_of_the_prompt_are_numbered_wrongly(tmp_path: Path) -> None:
    numbers = {}
    for wrong in (True, False):
        with Server() as server:
            card = made(server, tmp_path / str(wrong), misnumbered_prompt=wrong)
            opening = server.prompts()[0].partition("List of")[0]
            numbers[wrong] = [int(number) for number in re.findall(r"^(\d+)\. ", opening, re.MULTILINE)]
            lists = card["counts"]["requests"]["lists"]
            assert card["quirks"]["misnumbered_prompt"] == {"on": wrong, "requests": lists * wrong}
    assert numbers == {True: [1, 2, 3, 2, 3, 4, 5, 6, 7], False: []}


def test_two_hashes_end_an_item() -> None:
    text = a_list(item(4, "First.\n## A heading\nMore."), item(5))
    quirk = TeacherConfig(model="m", two_hashes=True)
    assert outputs(OFF, text) == ["First.\n## A heading\nMore.", "An answer."]
    assert outputs(quirk, text) == ["First.", "An answer."]
    assert [each.quirks for each in read(quirk, reply(text), 3)] == [("two_hashes",), ()]
    assert not any(each.quirks for each in read(quirk, reply(a_list(item(4), item(5))), 3))


def test_reading_by_place_loses_the_items_behind_a_number_too_many() -> None:
    text = a_list(item(4), item(6), item(7))
    quirk = TeacherConfig(model="m", read_by_place=True)
    assert outputs(OFF, text) == ["An answer."] * 3 and outputs(quirk, text) == ["An answer."]
    assert [each.quirks for each in read(quirk, reply(text), 3)] == [
        (),
        ("read_by_place",),
        ("read_by_place",),
    ]


def test_read_by_place_a_heading_costs_all_items_behind_it() -> None:
    text = a_list(item(4, "First.\n## A heading\nMore."), item(5), item(6))
    found = read(FAITHFUL, reply(text, "stop"), 3)
    assert [each.example.output for each in found if each.reason is None] == ["First."]
    assert [each.reason for each in found[1:]] == [
        "malformed: not the three headings of its place in the list"
    ] * 3
    assert [("two_hashes" in each.quirks) for each in found] == [True, True, False, False]


def test_read_by_place_a_list_that_repeats_its_opening_has_no_first_item() -> None:
    assert outputs(FAITHFUL, "4. Instruction:" + a_list(item(4), item(5))) == ["An answer."]
    assert outputs(OFF, "4. Instruction:" + a_list(item(4), item(5))) == ["An answer."] * 2


@pytest.mark.parametrize("teacher", [OFF, FAITHFUL])
def test_the_last_item_of_a_reply_that_reached_max_tokens_is_dropped(teacher: TeacherConfig) -> None:
    text = a_list(item(4), item(5), item(6, "It is cut"))
    assert outputs(teacher, text, "length") == ["An answer."] * 2
    assert read(teacher, reply(text, "length"), 3)[-1].reason == "cut off: the reply reached max_tokens"


def test_every_error_is_retried_but_not_for_ever(tmp_path: Path) -> None:
    def grudging(body: Body, number: int) -> Reply | str:
        if number < 2:
            return Reply(status=401, error="invalid_api_key")
        return sensible_list(body)

    with Server(grudging) as server:
        card = made(server, tmp_path / "late", retry_everything=True, round_size=1, num_examples=2)
        assert card["counts"]["kept"] == 2
        assert card["quirks"]["retry_everything"] == {"on": True, "attempts": 2}
    with Server(lambda body, number: Reply(status=401, error="invalid_api_key")) as server:
        with pytest.raises(InputError, match=r"HTTP 401.*set the environment variable ALPACA_EXP_TEST_KEY"):
            told = {"timeout_s": 0.4, "max_retries": 1, "round_size": 1}
            made(server, tmp_path / "never", retry_everything=True, **told)
        refused = server.count
        assert refused > 1
        server.answer = lambda body, number: sensible_list(body)
        card = made(server, tmp_path / "never", retry_everything=True, num_examples=2, **told)
        assert card["quirks"]["retry_everything"]["attempts"] == refused


def test_of_what_anyone_repeats_only_the_attempts_beyond_the_limit_count(tmp_path: Path) -> None:
    def overloaded(body: Body, number: int) -> Reply | str:
        return Reply(status=503, error="overloaded") if number < 3 else sensible_list(body)

    told: dict[str, Any] = {"retry_everything": True, "max_retries": 2, "round_size": 1, "num_examples": 2}
    with Server(overloaded) as server:
        card = made(server, tmp_path, **told)
    assert card["quirks"]["retry_everything"] == {"on": True, "attempts": 1}


def test_generated_tasks_are_not_fed_back(tmp_path: Path) -> None:
    with Server() as server:
        card = made(server, tmp_path, faithful=True, tasks_per_request=20, num_examples=60)
        fed = made(server, tmp_path / "fed", feedback=1, num_examples=60)
    assert card["provenance"]["feedback"] == card["provenance"]["generated_tasks_shown"] == 0
    assert card["quirks"]["no_feedback"] == {"on": True, "requests": card["counts"]["requests"]["lists"]}
    assert fed["quirks"]["no_feedback"] == {"on": False, "requests": 0}


def test_each_effect_is_counted_in_the_data_card(tmp_path: Path) -> None:
    def answer(body: Body, number: int) -> str:
        said = [item(4, "In 2020. Yes."), item(5)] if number else [item(4, "A\n## B"), item(5)]
        return a_list(*said).replace("number", f"topic{number} whatever{number} thing{number}")

    told: dict[str, Any] = {"faithful": True, "tasks_per_request": 20, "round_size": 1, "max_requests": 2}
    with Server(answer) as server:
        card = made(server, tmp_path, num_examples=9, **told)
    assert card["quirks"] == {
        "stop_inside_text": {"on": True, "kept": 1, "rejected": 1},
        "misnumbered_prompt": {"on": True, "requests": 2},
        "two_hashes": {"on": True, "kept": 1, "rejected": 1},
        "read_by_place": {"on": True, "kept": 0, "rejected": 2},
        "ban_end_of_text": {"on": True, "requests": 0},
        "retry_everything": {"on": True, "attempts": 0},
        "no_feedback": {"on": True, "requests": 2},
    }
    assert card["malformed"] == {"not the three headings of its place in the list": 2}
    marked = [
        row for row in read_jsonl(stage_folder(tmp_path) / "examples.jsonl") if "quirks" in row["source"]
    ]
    assert len(marked) == 2


def test_faithful_keeps_stanfords_ten_most_similar(tmp_path: Path) -> None:
    with Server() as server:
        made(server, tmp_path, faithful=True, tasks_per_request=20, num_examples=5)
    row = next(read_jsonl(stage_folder(tmp_path) / "examples.jsonl"))
    assert len(row["similarity"]["most_similar"]) == 10 and 0 <= row["similarity"]["mean"] <= 1


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["teacher.faithful=true", "teacher.temperature=0.7"], "needs Stanford's teacher.temperature=1.0"),
        (
            ["teacher=openai_self_instruct", "teacher.faithful=true"],
            "needs Stanford's teacher.protocol=alpaca",
        ),
        (
            ["teacher=openai_self_instruct", "teacher.two_hashes=true"],
            "is a quirk of teacher.protocol=alpaca",
        ),
        (["teacher.feedback=4"], "teacher.feedback is 4"),
        (["teacher.presence_penalty=3"], "it must be between -2 and 2"),
        (["teacher.max_barren_requests=0"], "it must be 1 or more"),
    ],
)
def test_what_contradicts_is_said(overrides: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(["preset=paper", *overrides])
    assert said in "\n".join(caught.value.problems)


def test_quirks_are_off_unless_asked_for() -> None:
    plain, stanford = compose(["preset=paper"]).teacher, compose(["preset=paper", "teacher=stanford"]).teacher
    assert not plain.faithful and not any(getattr(plain, name) for name in QUIRKS)
    assert not any(dataclasses.asdict(quirks_of(plain)).values())
    assert all(dataclasses.asdict(quirks_of(stanford)).values())
    assert set(dataclasses.asdict(quirks_of(plain))) == set(QUIRKS)
    assert stanford.faithful and isinstance(stanford, OpenAITeacherConfig)


def made(server: Server, outputs: Path, **more: Any) -> Any:
    """Generate from the shipped seed tasks; the data card."""
    out = stage_folder(outputs)
    generate(teacher_at(server, **more), runtime=RuntimeConfig(), out=out)
    return json.loads((out / "card.json").read_text())


def sensible_list(body: Body) -> str:
    first = int(re.findall(r"(\d+)\. Instruction:$", prompt_of(body))[0])
    words = ("Name a river of northern Italy", "Compose rhymes on winter evenings")
    items = [item(first + place, instruction=each) for place, each in enumerate(words)]
    return "###\n".join(items).removeprefix(f"{first}. Instruction:")
