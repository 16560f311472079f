"""What seeds/README.md says of the seed tasks, the judge's questions and the inspection prompts."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations
from typing import Any

import pytest
from rapidfuzz.distance import LCSseq

from alpaca_exp.paths import data_root
from alpaca_exp.selfinstruct.filters import why_unfit

SEEDS = data_root() / "seeds"


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SEEDS / name).read_text(encoding="utf-8").splitlines()]


TASKS = rows("seed_tasks.jsonl")
QUESTIONS = rows("judge_questions.jsonl")
PROMPTS = rows("inspection_prompts.jsonl")


def tokens(text: str) -> list[str]:
    """rouge_score's tokens without stemming."""
    return re.findall(r"[a-z0-9]+", text.lower())


def nearest_pair(texts: list[str]) -> float:
    """The highest ROUGE-L F of any two."""
    words = [tokens(text) for text in texts]
    return max(2 * LCSseq.similarity(a, b) / (len(a) + len(b)) for a, b in combinations(words, 2))


def test_there_are_175_seed_tasks_of_which_25_classify_and_127_have_an_input() -> None:
    assert len(TASKS) == 175
    assert sum(task["is_classification"] for task in TASKS) == 25
    assert sum(bool(task["instances"][0]["input"]) for task in TASKS) == 127
    for key in ("id", "name", "instruction"):
        assert len({task[key] for task in TASKS}) == 175


def test_every_seed_task_has_the_published_format_and_an_answer() -> None:
    for task in TASKS:
        assert list(task) == ["id", "name", "instruction", "instances", "is_classification"]
        assert [list(instance) for instance in task["instances"]] == [["input", "output"]]
        assert task["instances"][0]["output"].strip() == task["instances"][0]["output"] != ""


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task["name"])
def test_every_seed_task_passes_the_filters_that_a_new_one_must_pass(task: dict[str, Any]) -> None:
    assert why_unfit(task["instruction"]) is None


def test_outputs_keep_to_a_hundred_words() -> None:
    assert max(len(task["instances"][0]["output"].split()) for task in TASKS) <= 100


def test_no_two_seed_tasks_are_alike() -> None:
    highest = nearest_pair([task["instruction"] for task in TASKS])
    assert highest < 0.7
    assert f"the highest is {highest:.2f}" in (SEEDS / "README.md").read_text(encoding="utf-8")


def test_the_distance_is_the_one_that_rouge_score_computes() -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"])
    for one, other in zip(TASKS[::20], TASKS[7::20], strict=False):
        texts = [one["instruction"], other["instruction"]]
        assert nearest_pair(texts) == pytest.approx(scorer.score(*texts)["rougeL"].fmeasure)


def test_the_code_in_seed_tasks_does_what_it_says() -> None:
    by_name = {task["name"]: task["instances"][0] for task in TASKS}
    space: dict[str, Any] = {}
    exec(by_name["find_the_bug"]["output"].partition("\n\n")[0], space)
    exec(by_name["function_digit_sum"]["output"], space)
    exec(by_name["function_merge_sorted"]["output"], space)
    assert space["mean"]([1, 2, 6]) == 3
    assert space["digit_sum"](1905) == 15
    assert space["merge"]([1, 4], [2, 3, 9]) == [1, 2, 3, 4, 9]


def test_there_are_80_questions_in_vicunas_categories() -> None:
    tens = ("generic", "knowledge", "roleplay", "common-sense", "fermi", "counterfactual", "writing")
    assert Counter(row["category"] for row in QUESTIONS) == dict.fromkeys(tens, 10) | {"coding": 7, "math": 3}
    assert [row["question_id"] for row in QUESTIONS] == list(range(1, 81))
    assert len({row["category"] for row in QUESTIONS[:9]}) == 9
    assert nearest_pair([row["text"] for row in QUESTIONS]) < 0.7


def test_exactly_coding_and_math_questions_have_a_reference() -> None:
    for row in QUESTIONS:
        assert ("reference" in row) == (row["category"] in ("coding", "math"))


def test_there_are_inspection_prompts_of_the_five_kinds() -> None:
    kinds = ("explain", "implicit_request", "translate", "email", "explain_joke")
    assert Counter(row["kind"] for row in PROMPTS) == dict.fromkeys(kinds, 3)
    assert len({row["prompt_id"] for row in PROMPTS}) == len(PROMPTS) == 15
