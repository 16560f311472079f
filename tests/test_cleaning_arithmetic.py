"""The rules that calculate: sums, results that were asked for, orders."""

from __future__ import annotations

import pytest

from alpaca_exp.cleaning.expressions import value_of
from tests.ruled import fired, mended


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


@pytest.mark.parametrize(
    ("instruction", "output", "input"),
    [
        ("Find the mean of these numbers.", "The mean is 9.", "4, 6, 8"),
        ("Calculate the average of 4, 6 and 8.", "It is 9, since 4 and 8 are even.", ""),
        ("Compute the following expression.", "This gives 20.", "2 + 3 * 4"),
        ("Find the sum of the numbers 100, 20 and 3.", "It comes to 132.", ""),
    ],
)
def test_a_result_that_was_asked_for_and_is_not_in_the_output_is_a_wrong_answer(
    instruction: str, output: str, input: str
) -> None:
    assert fired(instruction, output, input) == "wrong_sum"


@pytest.mark.parametrize(
    ("instruction", "output", "input"),
    [
        ("Find the mean of these numbers.", "(4 + 6 + 8) / 3 = 6", "4, 6, 8"),
        ("Find the mean of these numbers.", "It is six.", "4, 6, 8"),
        ("Find the average of 1, 2 and 2.", "About 1.67.", ""),
        ("Find the average of 1, 2 and 2.", "5/3", ""),
        ("Find the average of the odd numbers: 1, 2, 3", "2", ""),
        ("Calculate the sum of 1,200, 3", "5", ""),
        ("What is 9-11?", "A day in 2001.", ""),
        ("What is 24/7?", "It means all 24 hours of 7 days.", ""),
        ("Simplify 6x - 18.", "6(x - 3)", ""),
        ("Compute 4 - 10.", "The answer is \u22126.", ""),
        ("Compute 4 - 10.", "It is minus 6.", ""),
        ("Compute 25 / 8.", "That makes 3 1/8.", ""),
        ("Compute 12 * 1000.", "It is 12 000.", ""),
        ("Write a function for the sum of 1, 2 and 3.", "def f(): return 1 + 2 + 3", ""),
        ("Find the sum of all.", "7", "two apples and 5 pears"),
    ],
)
def test_a_result_that_is_right_or_in_doubt_stays(instruction: str, output: str, input: str) -> None:
    assert fired(instruction, output, input) is None


@pytest.mark.parametrize(
    ("instruction", "input", "output", "right"),
    [
        ("Calculate the median of 9, 1, 5.", "", "9", "5"),
        ("Evaluate the expression.", "(2 + 3) * 4", "14.", "20."),
        ("Compute 2 + 3 * 4.", "", "2 + 3 * 4 = 20", "2 + 3 * 4 = 14"),
        ("What is the mean of 1, 1 and 2?", "", "1.5", "1.33"),
        ("What is the mean of 1 and 2?", "", "2.5", "1.5"),
    ],
)
def test_a_wrong_number_that_is_the_whole_output_becomes_the_right_one(
    instruction: str, input: str, output: str, right: str
) -> None:
    assert mended(instruction, output, input).output == right


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 + 3 * 4", 14),
        ("(1 + 1)^3", 8),
        ("7 \u00d7 6", 42),
        ("-2 + 5", 3),
        ("1,000 + 1", 1001),
        ("6 \u00f7 4", 1.5),
    ],
)
def test_an_expression_has_its_exact_value(expression: str, value: float) -> None:
    assert value_of(expression) == value


@pytest.mark.parametrize(
    "text", ["9-11", "24/7", "2x + 1", "1 / 0", "9^99", "((", "3 + ", "(2)(3)", "007 + 1"]
)
def test_what_is_no_clear_expression_has_no_value(text: str) -> None:
    assert value_of(text) is None


def test_items_in_another_order_than_the_one_asked_for_are_a_wrong_answer() -> None:
    assert (
        fired("Sort these words alphabetically.", "Pear, apple, plum", "plum, pear, apple") == "wrong_order"
    )
    assert fired("Put in ascending order: 3, 1, 2", "3, 2, 1") == "wrong_order"
    assert fired("Sort from largest to smallest.", "- 9\n- -4\n- 7", "-4\n7\n9") == "wrong_order"


@pytest.mark.parametrize(
    ("instruction", "output", "input"),
    [
        ("Sort these words alphabetically.", "Sorted: apple, pear, plum.", "plum, pear, apple"),
        ("Sort these numbers in ascending order.", "-4, 7, 19", "7, 19, -4"),
        ("Sort these words alphabetically.", "apple, plum", "plum, pear, apple"),
        ("Sort these in non-decreasing order.", "2, 5, 9", "9, 2, 5"),
        ("Sort these countries by size in ascending order.", "Malta, Chad, Peru", "Peru, Malta, Chad"),
        ("Sort these in a sensible order.", "socks, shoes, laces", "laces, shoes, socks"),
    ],
)
def test_items_in_order_or_in_an_order_that_is_in_doubt_stay(
    instruction: str, output: str, input: str
) -> None:
    assert fired(instruction, output, input) is None
