"""Reading a teacher's list: what it wrote, however it wrote it."""

from __future__ import annotations

import pytest

from alpaca_exp.prompts import task_item, task_list
from alpaca_exp.records import Completion, Example
from alpaca_exp.selfinstruct.parsing import CUT_OFF, read_items

SHOWN = [Example("Add the numbers.", "5", "2 and 3"), Example("Name a colour.", "Blue")]
PROMPT = task_list(SHOWN, 5, 100)
WRITTEN = [
    Example("Name a fruit that grows on trees.", "An apple.\n\nOr a pear."),
    Example("Sum the list.", "6", "1\n2\n3"),
    Example("Say hello politely to the guests.", ""),
]


def reply(text: str, finish_reason: str = "stop") -> Completion:
    return Completion(PROMPT, text, "m", finish_reason)


def well_written(first: int = 3) -> str:
    items = [task_item(number, example) for number, example in enumerate(WRITTEN, start=first)]
    return "".join(items).removeprefix(f"###\n{first}. Instruction:")


def examples(text: str, finish_reason: str = "stop") -> list[Example]:
    return [item.example for item in read_items(reply(text, finish_reason)) if item.reason is None]


def reasons(text: str, finish_reason: str = "stop") -> list[str | None]:
    return [item.reason for item in read_items(reply(text, finish_reason))]


def test_a_list_in_the_prompts_own_format_is_read_to_the_letter() -> None:
    assert examples(well_written()) == WRITTEN
    assert [item.number for item in read_items(reply(well_written()))] == [0, 1, 2]


@pytest.mark.parametrize(
    "change",
    [
        ("", "3. Instruction:"),
        ("", "###\n3. Instruction:"),
        ("", "Here is the rest of the list:\n\n###\n3. Instruction:"),
    ],
)
def test_a_reply_may_repeat_where_the_prompt_ended(change: tuple[str, str]) -> None:
    assert examples(change[1] + well_written()) == WRITTEN


def test_a_list_that_starts_again_at_one_is_read_too() -> None:
    assert examples("1. Instruction:" + well_written(first=1)) == WRITTEN


def test_bold_headings_and_brackets_are_headings() -> None:
    text = well_written().replace("4. Instruction:", "**4. Instruction:**").replace("4. Input:", "4) input:")
    assert examples(text) == WRITTEN


def test_input_on_the_headings_line_and_missing_input_are_fine() -> None:
    text = (
        " Name a fruit.\n3. Input: <NoInput>\n3. Output: Apple\n4. Instruction: Name a fish.\n4. Output: Cod"
    )
    assert examples(text) == [Example("Name a fruit.", "Apple"), Example("Name a fish.", "Cod")]


def test_headings_within_an_output_belong_to_it() -> None:
    output = "Input: 3\nOutput: 9\n### Notes\n1. Input: anything\nA rule:\n## End"
    assert examples(f" Explain the task.\n3. Input:\n<noinput>\n3. Output:\n{output}\n") == [
        Example("Explain the task.", output)
    ]


def test_the_last_item_of_a_reply_that_was_cut_off_is_left_out() -> None:
    assert examples(well_written(), "length") == WRITTEN[:2]
    assert reasons(well_written(), "length") == [None, None, CUT_OFF]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" Name a fruit.\n3. Input:\n<noinput>\n", "malformed: no output"),
        ("\n3. Input:\n<noinput>\n3. Output:\nApple\n", "malformed: no instruction"),
        (
            " Name it.\n3. Output:\nApple\n3. Input:\n<noinput>\n",
            "malformed: the output stands before the input",
        ),
    ],
)
def test_a_malformed_item_says_what_it_lacks_and_costs_no_other(text: str, reason: str) -> None:
    assert reasons(text + "###\n4. Instruction: Name a fish.\n4. Output:\nCod\n") == [reason, None]


@pytest.mark.parametrize("reason", ["refusal", "content_filter"])
def test_a_refused_reply_is_one_malformed_item(reason: str) -> None:
    [found] = reasons("I cannot do that.", reason)
    assert found is not None and found.startswith("malformed: no list")


def test_an_empty_reply_is_one_malformed_item() -> None:
    assert reasons("  \n") == ["malformed: no list, the reply is empty"]


def test_a_chatty_reply_without_a_list_yields_no_example() -> None:
    assert examples("I would rather talk about the weather.") == []
