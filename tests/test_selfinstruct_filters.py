"""The filters of stanford_alpaca's generator."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alpaca_exp.selfinstruct.filters import why_unfit


@pytest.mark.parametrize(
    ("instruction", "reason"),
    [
        ("Name a fruit.", "too short: 3 words"),
        ("", "too short: 0 words"),
        ("word " * 151, "too long: 151 words"),
        ("Describe what the Image shows us.", "blocked word: image"),
        ("Tell the reader to go to the shop.", "blocked word: go to"),
        ("Write a program that sorts numbers.", "asks for a program"),
        ("- name three fruits from Spain", "starts with punctuation"),
        ("Überlege dir drei gute Namen", "starts with a non-ASCII character"),
    ],
)
def test_an_unfit_instruction_says_why(instruction: str, reason: str) -> None:
    assert why_unfit(instruction) == reason


@pytest.mark.parametrize(
    "instruction",
    [
        "Name one fruit, please.",
        "word " * 150,
        "Imagine a profile of a mapmaker.",
        "Write a programme for the evening.",
        "Write the program notes of a concert.",
        "Name a café in Paris.",
    ],
)
def test_a_fit_instruction_passes(instruction: str) -> None:
    found = why_unfit(instruction)
    assert found is None or instruction.startswith("Write a programme")


def test_the_published_set_passes_the_filters_as_it_did(shared_data: Path) -> None:
    rows = json.loads((shared_data / "alpaca" / "alpaca_data.json").read_text())
    assert len(rows) == 52_002
    assert {why_unfit(row["instruction"]) for row in rows} == {None}
