"""The cleaning rules, one after the other: a row that each must find, and one that it must leave."""

from __future__ import annotations

import pytest

from alpaca_exp.cleaning.clean import clean
from alpaca_exp.cleaning.rules import RULES
from alpaca_exp.records import Example
from tests.ruled import fired, mended


@pytest.mark.parametrize("output", ["", "  \n "])
def test_an_empty_output_is_removed(output: str) -> None:
    assert fired("Name a fruit.", output) == "empty_output"


@pytest.mark.parametrize("output", ["N/A", "None", "No output required.", "I do not know.", "N/A (not text)"])
def test_an_output_that_only_says_there_is_none_is_removed(output: str) -> None:
    assert fired("Describe the sea.", output) == "not_available"


def test_none_stays_where_the_instruction_offers_it() -> None:
    assert fired("Is the link positive, negative or none?", "None", "shoes and rain") is None


@pytest.mark.parametrize(
    "output",
    ["Sunrise <noinput>", "<nooutput>\nSunrise", "Sunrise\n<no input>", "<noinput>\nOutput: Sunrise"],
)
def test_a_marker_of_the_teachers_prompt_is_taken_out_of_the_output(output: str) -> None:
    assert mended("Give a title.", output) == Example("Give a title.", "Sunrise")


def test_an_output_of_nothing_but_a_marker_is_removed_and_the_reason_says_how_it_came_to_be_empty() -> None:
    row = {"id": "1", "instruction": "Give a title.", "input": "", "output": "<nooutput>"}
    (removed,) = clean([row], RULES).removed
    assert (removed["rule"], removed["reason"]) == (
        "empty_output",
        "the output is empty (after prompt_marker)",
    )


def test_a_refusal_in_the_place_of_an_answer_is_removed() -> None:
    assert fired("Sing it.", "Sorry, this cannot be done by text.") == "model_refuses"
    assert fired("Dance.", "This task cannot be completed by a GPT model.") == "model_refuses"


def test_an_answer_about_what_models_can_do_stays() -> None:
    assert fired("Name a limit of an AI.", "An AI model cannot perform physical tasks.") is None
    assert fired("What are language models for?", "A language model can summarise and translate.") is None


@pytest.mark.parametrize(
    "input", ["No input", "N/A", "<noinput>", "None", '"<noinput>"', "no input required."]
)
def test_a_placeholder_input_becomes_empty_and_the_row_stays(input: str) -> None:
    assert mended("Name a fruit.", "An apple.", input) == Example("Name a fruit.", "An apple.")


def test_an_input_that_begins_like_a_placeholder_stays() -> None:
    assert fired("Shorten this.", "Nobody came.", "None of the guests came to the party.") is None


def test_control_characters_are_taken_out_and_line_ends_made_one_kind() -> None:
    assert mended("Name\x07 a fruit.", "An\u200b apple.\r\nA pear.") == Example(
        "Name a fruit.", "An apple.\nA pear."
    )


def test_tabs_newlines_and_joined_emoji_are_no_stray_characters() -> None:
    assert fired("Show a table.", "a\tb\n👩\u200d💻\t1") is None


def test_an_output_that_repeats_the_instruction_is_removed() -> None:
    assert fired("Where does Bako live?", "where does Bako live") == "copied_prompt"


def test_an_output_that_repeats_the_input_is_removed_where_a_change_was_asked_for() -> None:
    assert fired("Make it a question.", "He came.", "He came.") == "copied_prompt"
    assert fired("Correct it, if it is wrong.", "He came.", "He came.") is None


@pytest.mark.parametrize(
    "output",
    [
        "A pear.\n###\n5. Instruction: Name a tree.",
        "A pear. ### Instruction: Name a tree.",
        "A pear.\n\nInstruction: Name a tree.\nOutput: An oak.",
    ],
)
def test_an_output_that_runs_on_into_another_instance_is_cut_there(output: str) -> None:
    assert mended("Name a fruit.", output) == Example("Name a fruit.", "A pear.")


def test_an_output_that_is_another_instance_altogether_is_removed() -> None:
    assert fired("Name a fruit.", "5. Instruction: Name a tree.\n5. Output: An oak.") == "empty_output"


def test_talk_about_instructions_is_no_other_instance() -> None:
    assert fired("Write an instruction and its output.", "Instruction: Sing.\nOutput: La la.") is None


def test_a_markdown_heading_is_no_other_instance() -> None:
    assert fired("Outline a talk.", "### Opening\nHello.\n### Close\nBye.") is None


def test_a_page_that_is_only_linked_cannot_be_summarised() -> None:
    assert fired("Summarise the article.", "It is about tea.", "https://example.com/tea") == "unread_page"
    assert fired("Search the web for a poem.", "Here is one.") == "unread_page"


def test_a_link_inside_a_long_text_does_not_matter() -> None:
    text = "See https://example.com for more. " + "The harvest was good this year. " * 6
    assert fired("Summarise the article.", "A good harvest.", text) is None


def test_a_question_about_the_link_itself_stays() -> None:
    assert fired("Identify the domain of this website.", "example.com", "https://example.com/tea") is None
    assert fired("Write HTML that links to this page.", "<a></a>", "https://example.com/tea") is None


def test_what_is_so_only_today_is_found() -> None:
    assert fired("What is the current price of gold?", "It is 1,900 dollars.") == "live_data"
    assert fired("Find the nearest hospital.", "It is in Mill Lane.") == "live_data"
    assert fired("Write a program that shows the current temperature.", "show(read_sensor())") is None


def test_a_picture_that_the_row_does_not_hold_cannot_be_described() -> None:
    assert fired("What does the given picture show?", "A cat.") == "unseen_picture"
    assert fired("Describe it.", "A cat.", "[image of a cat]") == "unseen_picture"
    assert fired("Describe it.", "A cat.", "my-cat.jpg") == "unseen_picture"


def test_a_picture_that_is_described_or_known_by_its_name_is_no_unseen_one() -> None:
    told = "A boat with red sails drifts past a mill at dusk"
    assert fired("Find a title for this painting.", "Dusk", told) is None
    assert fired("Who made this painting?", "Leonardo.", '"Mona Lisa"') is None


@pytest.mark.parametrize("output", ["![a cat](cat.png)", "See https://example.com/cat.jpg"])
def test_an_output_that_links_to_a_picture_of_its_own_is_removed(output: str) -> None:
    assert fired("Show how it works.", output) == "picture_link"


def test_a_link_that_the_prompt_gave_and_a_place_for_a_picture_stay() -> None:
    link = "https://example.com/cat.jpg"
    assert fired(f"Write Markdown that shows {link}", f"![cat]({link})") is None
    assert fired("Write an advertisement for tea.", "[Photo of the tea]\nTea for all!") is None


@pytest.mark.parametrize(
    "instruction", ["Draw a cat.", "Design a logo for a bakery.", "Create a picture of a tree"]
)
def test_a_request_for_an_image_is_removed(instruction: str) -> None:
    assert fired(instruction, "A round thing with ears.") == "image_request"


@pytest.mark.parametrize(
    "instruction",
    [
        "Draw a conclusion.",
        "Write a caption for a photo contest.",
        "Create a character sketch of a baker.",
        "Illustrate the difference between a pond and a lake.",
        "Create a photo album policy.",
        "Create a comic strip about a baker.",
    ],
)
def test_a_request_that_only_sounds_like_one_for_an_image_stays(instruction: str) -> None:
    assert fired(instruction, "All is well.") is None


def test_a_page_that_is_described_and_not_made_is_found() -> None:
    told = "The page should have a header, three sections about bread and a footer with the address."
    assert fired("Create a web page for a bakery.", told) == "described_code"
    assert fired("Create a web page for a bakery.", f"<html><body>{told}</body></html>") is None
    assert fired("Write a plan for a web page about bread.", told) is None


def test_an_instruction_that_points_at_nothing_is_found() -> None:
    assert fired("Translate the following sentence.", "Le pain.") == "missing_input"
    assert fired("Translate the following sentence.", "Le pain.", "The bread.") is None
    assert fired("Translate the following sentence: The bread.", "Le pain.") is None
    assert fired("Make a list for the following day.", "Rise, eat, sleep.") is None


def test_an_article_of_one_sentence_is_not_to_be_summed_up() -> None:
    assert (
        fired("Summarize this article.", "Tea is drunk.", "The long history of tea") == "nothing_to_summarize"
    )
    assert fired("Summarize this article.", "Tea.", "Tea is old. It came from the east.") is None


def test_the_reason_names_what_was_found() -> None:
    cleaned = clean([{"id": "7", "instruction": "Add.", "input": "", "output": "3 + 4 = 8"}], RULES)
    assert cleaned.removed == [
        {
            "id": "7",
            "rule": "wrong_sum",
            "category": "wrong answer",
            "reason": "the output says '3 + 4 = 8'; it is 7",
        }
    ]


def test_an_edit_shows_the_field_before_and_after() -> None:
    (edit,) = clean([{"id": "7", "instruction": "Go.", "input": "none", "output": "Gone."}], RULES).edited
    assert (edit["before"], edit["after"]) == ({"input": "none"}, {"input": ""})
