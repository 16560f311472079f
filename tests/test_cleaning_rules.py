"""The cleaning rules, one sentence each, and what holds of all of them."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from alpaca_exp.cleaning.clean import clean
from alpaca_exp.cleaning.rules import RULES, Category, chosen
from alpaca_exp.errors import ConfigError
from alpaca_exp.records import Example, Row

ALL = chosen(["all"])


def fired(instruction: str, output: str, input: str = "") -> str | None:
    """The rule that removed or repaired this one example, if any."""
    row = {"id": "1", "instruction": instruction, "input": input, "output": output}
    cleaned = clean([row], ALL)
    found = cleaned.removed + cleaned.edited
    return found[0]["rule"] if found else None


def mended(instruction: str, output: str, input: str = "") -> Example:
    """What the repairs leave of this one example."""
    row = {"id": "1", "instruction": instruction, "input": input, "output": output}
    (kept,) = clean([row], ALL).kept
    return Example(kept["instruction"], kept["output"], kept["input"])


@pytest.mark.parametrize("output", ["", "  \n "])
def test_an_empty_output_is_removed(output: str) -> None:
    assert fired("Name a fruit.", output) == "empty_output"


@pytest.mark.parametrize("output", ["N/A", "None", "No output required.", "I do not know.", "N/A (not text)"])
def test_an_output_that_only_says_there_is_none_is_removed(output: str) -> None:
    assert fired("Describe the sea.", output) == "not_available"


def test_none_stays_where_the_instruction_offers_it() -> None:
    assert fired("Is the link positive, negative or none?", "None", "shoes and rain") is None


@pytest.mark.parametrize("output", ["Sunrise <noinput>", "<nooutput> of this kind", "A title\n<no input>"])
def test_a_marker_of_the_teachers_prompt_in_the_output_is_removed(output: str) -> None:
    assert fired("Give a title.", output) == "prompt_marker"


def test_a_refusal_in_the_place_of_an_answer_is_removed() -> None:
    assert fired("Sing it.", "Sorry, this cannot be done by text.") == "model_refuses"
    assert fired("Dance.", "This task cannot be completed by a GPT model.") == "model_refuses"


def test_an_answer_about_what_models_can_do_stays() -> None:
    assert fired("What are language models for?", "A language model can summarise and translate.") is None


@pytest.mark.parametrize(
    "input", ["No input", "N/A", "<noinput>", "None", '"<noinput>"', "no input required."]
)
def test_a_placeholder_input_becomes_empty_and_the_row_stays(input: str) -> None:
    assert mended("Name a fruit.", "An apple.", input) == Example("Name a fruit.", "An apple.")


def test_an_input_that_begins_like_a_placeholder_stays() -> None:
    assert fired("Shorten this.", "Nobody came.", "None of the guests came to the party.") is None


def test_an_input_that_repeats_the_instruction_becomes_empty() -> None:
    assert mended("Name a fruit.", "An apple.", "Name a fruit").input == ""


def test_control_characters_are_taken_out_and_line_ends_made_one_kind() -> None:
    assert mended("Name\x07 a fruit.", "An\u200b apple.\r\nA pear.") == Example(
        "Name a fruit.", "An apple.\nA pear."
    )


def test_tabs_newlines_and_joined_emoji_are_no_stray_characters() -> None:
    assert fired("Show a table.", "a\tb\n👩\u200d💻\t1") is None


def test_an_output_that_repeats_the_instruction_is_removed() -> None:
    assert fired("Where does Bako live?", "where does Bako live") == "copied_instruction"


def test_an_output_that_repeats_the_input_is_removed_where_a_change_was_asked_for() -> None:
    assert fired("Make it a question.", "He came.", "He came.") == "copied_input"
    assert fired("Correct it, if it is wrong.", "He came.", "He came.") is None


@pytest.mark.parametrize(
    "output",
    [
        "A pear.\n###\n5. Instruction: Name a tree.",
        "A pear. ### Instruction: Name a tree.",
        "A pear.\n\nInstruction: Name a tree.\nOutput: An oak.",
    ],
)
def test_an_output_that_runs_on_into_another_instance_is_removed(output: str) -> None:
    assert fired("Name a fruit.", output) == "merged_instances"


def test_a_markdown_heading_is_no_other_instance() -> None:
    assert fired("Outline a talk.", "### Opening\nHello.\n### Close\nBye.") is None


@pytest.mark.parametrize(
    "output",
    [
        "3 + 4 = 8",
        "The sum of 3 and 4 is 8.",
        "3 plus 4 is 8 .",
        "3 plus 4 makes 8.",
        "seven minus two equals four",
        "It costs $2.50 x 2 = $4.00.",
        "10 / 4 = 4",
        "First 1 + 1 = 2, then 2 * 6 - 1 = 12.",
        "1,000 + 234 = 1,334",
    ],
)
def test_an_equation_that_is_wrong_is_removed(output: str) -> None:
    assert fired("Reckon.", output) == "wrong_sum"


@pytest.mark.parametrize(
    "output",
    [
        "3 + 4 = 7",
        "10 / 3 = 3.33",
        "2 + 3 * 4 = 14",
        "2x + 3 = 7",
        "(2 + 3) * 4 = 20",
        "17 / 5 = 3 remainder 2",
        "17 divided by 5 is 3 with a remainder of 2",
        "101 + 110 = 1011",
        "1. 5 x 9 =\n2. 9 x 5 =",
        "5 x 2 = 2 x 5",
        "The sum of 3, 4 and 5 is 12.",
        "It ran from 10-12 = fun.",
        "9 + 1 = 10.0",
        "4 / 0 = 0",
    ],
)
def test_an_equation_that_is_right_or_only_part_of_one_stays(output: str) -> None:
    assert fired("Reckon.", output) is None


def test_a_wrong_equation_that_the_prompt_states_is_not_held_against_the_answer() -> None:
    assert fired("Is 2 + 2 = 5 true?", "No, 2 + 2 = 5 is false.") is None


def test_a_page_that_is_only_linked_cannot_be_summarised() -> None:
    assert fired("Summarise the article.", "It is about tea.", "https://example.com/tea") == "unread_page"
    assert fired("Search the web for a poem.", "Here is one.") == "unread_page"


def test_a_link_inside_a_long_text_does_not_matter() -> None:
    text = "See https://example.com for more. " + "The harvest was good this year. " * 6
    assert fired("Summarise the article.", "A good harvest.", text) is None


def test_a_picture_that_the_row_does_not_hold_cannot_be_described() -> None:
    assert fired("What does the given picture show?", "A cat.") == "unseen_picture"
    assert fired("Describe it.", "A cat.", "[image of a cat]") == "unseen_picture"


@pytest.mark.parametrize(
    "instruction", ["Draw a cat.", "Design a logo for a bakery.", "Create a picture of a tree"]
)
def test_a_request_for_an_image_is_removed(instruction: str) -> None:
    assert fired(instruction, "A round thing with ears.") == "image_request"


@pytest.mark.parametrize("instruction", ["Draw a conclusion.", "Write a caption for a photo contest."])
def test_a_request_that_only_sounds_like_one_for_an_image_stays(instruction: str) -> None:
    assert fired(instruction, "All is well.") is None


def test_code_without_a_body_is_removed() -> None:
    assert fired("Write a function.", "def add(a, b):\n    # adds two numbers\n    pass") == "empty_code"
    assert fired("Write a function.", "```python\n```") == "empty_code"
    assert fired("Write a function.", "def add(a, b):\n    # adds\n    return a + b") is None


def test_an_instruction_without_a_word_is_removed() -> None:
    assert fired("...", "Yes.") == "no_instruction"


def test_the_reason_names_what_was_found() -> None:
    cleaned = clean([{"id": "7", "instruction": "Add.", "input": "", "output": "3 + 4 = 8"}], ALL)
    assert cleaned.removed == [
        {
            "id": "7",
            "rule": "wrong_sum",
            "category": "wrong answer",
            "reason": "the output says '3 + 4 = 8'; it is 7",
        }
    ]


def test_an_edit_shows_the_field_before_and_after() -> None:
    (edit,) = clean([{"id": "7", "instruction": "Go.", "input": "none", "output": "Gone."}], ALL).edited
    assert (edit["before"], edit["after"]) == ({"input": "none"}, {"input": ""})


def test_every_rule_has_a_name_of_its_own_and_either_removes_or_repairs() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all((rule.removes is None) != (rule.repairs is None) for rule in RULES)
    assert {rule.category for rule in RULES} == set(Category)


def test_an_unknown_rule_names_the_nearest_and_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        chosen(["empty_outptu", "wrong_sum", "zzz"])
    assert "did you mean empty_output?" in caught.value.problems[0]
    assert "the rules are control_characters" in caught.value.problems[1]


def test_only_the_chosen_rules_are_applied() -> None:
    rows = [made("Name a fruit.", ""), made("Name a fruit.", "N/A")]
    assert [row["output"] for row in clean(rows, chosen(["empty_output"])).kept] == ["N/A"]


def made(instruction: str, output: str, input: str = "") -> Row:
    return {"id": "1", "instruction": instruction, "input": input, "output": output}


def noise(count: int, seed: int) -> list[Row]:
    """Rows put together from the pieces that the rules look for."""
    pieces = [
        "No input",
        "N/A",
        "<noinput>",
        "3 + 4 = 8",
        "\x07",
        "\r",
        "\u200b",
        "###",
        "Instruction:",
        "draw",
    ]
    pieces += [
        "https://a.org/b",
        "image",
        "def f():",
        "```",
        "\n",
        "4. Output:",
        "a logo",
        "this",
        "the",
        "12",
    ]
    pieces += ["", " ", ".", "none", "is", "plus", "summarise", "cannot be done", "sorry", "no", "input"]
    rng = random.Random(seed)

    def text() -> str:
        return rng.choice(["", " "]).join(rng.choices(pieces, k=rng.randrange(6)))

    return [{"id": str(n), "instruction": text(), "input": text(), "output": text()} for n in range(count)]


def test_cleaning_twice_changes_nothing() -> None:
    once = clean(noise(3000, seed=1), ALL)
    twice = clean(once.kept, ALL)
    assert twice.kept == once.kept
    assert not twice.removed
    assert not twice.edited
    assert once.removed
    assert once.edited


def test_the_rows_that_stay_do_not_depend_on_the_order_of_the_removals() -> None:
    rows = noise(1000, seed=2)
    repairs = [rule for rule in ALL if rule.repairs]
    removals = [rule for rule in ALL if rule.removes]
    assert clean(rows, [*repairs, *removals]).kept == clean(rows, [*repairs, *reversed(removals)]).kept


def test_on_real_rows_cleaning_removes_a_few_per_cent_and_cleaning_again_nothing(shared_data: Path) -> None:
    rows = json.loads((shared_data / "alpaca" / "alpaca_data.json").read_text(encoding="utf-8"))[:4000]
    once = clean([{"id": f"row-{n}", **row} for n, row in enumerate(rows)], ALL)
    twice = clean(once.kept, ALL)
    assert 0.005 < len(once.removed) / len(rows) < 0.05
    assert (twice.kept, twice.removed, twice.edited) == (once.kept, [], [])
