"""What seeds/README.md says of the seed tasks, the judge's questions and the inspection prompts."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from itertools import combinations
from pathlib import Path
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


def test_reference_programs_do_what_their_questions_ask(tmp_path: Path) -> None:
    code = {
        row["question_id"]: row["reference"].rpartition("\n\n")[0] for row in QUESTIONS if "reference" in row
    }
    told: dict[str, Any] = {}
    for number in (7, 16, 25, 34, 42, 50):
        exec(code[number], told)
    assert told["group_anagrams"](["tea", "tan", "ate"]) == [["tea", "ate"], ["tan"]]
    assert [told["balanced"](text) for text in ("([]{})", "(]", "((", ")", "")] == [1, 0, 0, 0, 1]
    assert told["rooms_needed"]([(0, 30), (5, 10), (15, 20), (30, 31)]) == 2
    assert told["longest_run"]([100, 4, 200, 1, 3, 2, 2]) == 4 and told["longest_run"]([]) == 0
    (tmp_path / "prices.csv").write_text("name,price\na,2\nb,\nc,4\n")
    assert told["average_price"](tmp_path / "prices.csv") == 3
    cache = told["LeastRecentlyUsed"](2)
    for key in (1, 2):
        cache.put(key, key)
    assert cache.get(1) == 1
    cache.put(3, 3)
    assert (cache.get(1), cache.get(2)) == (1, None)
    table = sqlite3.connect(":memory:")
    table.execute("create table employees(name, department, salary)")
    rows = [("a", "x", 5), ("b", "x", 4), ("c", "x", 4), ("d", "x", 3), ("e", "y", 2)]
    table.executemany("insert into employees values (?, ?, ?)", rows)
    assert set(table.execute(code[58])) == {("b", "x", 4), ("c", "x", 4)}


def test_reference_results_are_right() -> None:
    told = {row["question_id"]: row["reference"] for row in QUESTIONS if row["category"] == "math"}
    assert told[8].startswith("12 km/h") and round(2 / (1 / 15 + 1 / 10), 9) == 12
    assert told[17].endswith("x = -2, -1, 1 and 2.")
    assert [x for x in range(-9, 10) if x**4 - 5 * x**2 + 4 == 0] == [-2, -1, 1, 2]
    pairs = list(combinations("rrrrrbbb", 2))
    assert told[26].startswith("15/28") and (sum(a != b for a, b in pairs), len(pairs)) == (15, 28)


def test_no_question_is_worded_like_one_of_vicunas(shared_data: Path) -> None:
    lines = (shared_data / "vicuna" / "question.jsonl").read_text(encoding="utf-8").splitlines()
    theirs = [tokens(json.loads(line)["text"]) for line in lines]
    for row in QUESTIONS:
        words = tokens(row["text"])
        nearest = max(2 * LCSseq.similarity(words, other) / (len(words) + len(other)) for other in theirs)
        assert nearest < 0.5, row["text"]


def test_there_are_inspection_prompts_of_the_five_kinds() -> None:
    kinds = ("explain", "implicit_request", "translate", "email", "explain_joke")
    assert Counter(row["kind"] for row in PROMPTS) == dict.fromkeys(kinds, 3)
    assert len({row["prompt_id"] for row in PROMPTS}) == len(PROMPTS) == 15
