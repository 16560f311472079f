"""Which published figure may stand beside a number of ours, and what is said of the difference."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from alpaca_exp.references.columns import COLUMNS, Setting, beside, published_model, refusal
from alpaca_exp.references.library import load
from alpaca_exp.references.rows import Reference

ALPACA_7B = {"base_model": "llama_7b", "dataset_variant": "original", "scale": "small"}
LLAMA_13B = {"base_model": "llama_13b", "dataset_variant": "none", "scale": "large"}
RAW = Setting(frame="raw", harness_version="0.4.13", num_fewshot=0, n=10_042)


def told(row: Reference, metric: str, others: Sequence[Reference] = ()) -> str:
    """Why a row is refused."""
    return refusal(row, metric, others) or "it may stand there"


def test_the_sources_figure_stands_there_and_what_the_paper_printed_is_said() -> None:
    (shown,) = beside("boolq.acc", ALPACA_7B, RAW)
    assert (shown.value, shown.text, shown.stderr) == (0.739, "0.739", 0.0078)
    assert shown.source == "GPT4All report, zero-shot table" and "Lindenau 2023 prints 73.1" in shown.marks
    assert "lm-eval of a version not told against 0.4.13" in shown.marks


def test_what_was_asked_otherwise_is_marked_and_the_likest_figure_comes_first() -> None:
    framed = Setting(frame="alpaca", num_fewshot=5, n=1000)
    first, second = beside("hellaswag.acc_norm", LLAMA_13B, framed)
    assert (first.value, second.value) == (0.762, 0.792)
    assert first.marks == (
        "raw prompt against Alpaca frame", "0 against 5 solved examples", "n 10,042 against 1,000"
    )  # fmt: skip
    assert "harness LLaMA's own against lm-eval" in second.marks


def test_a_model_that_only_stands_for_another_is_marked() -> None:
    (shown,) = beside("judge.percent", {"base_model": "miniature_large", "dataset_variant": "original"})
    assert shown.marks[0] == "miniature_large stands for Alpaca-13B"
    assert "per cent of ChatGPT through Vicuna-13B" in shown.marks
    assert (shown.value, shown.low, shown.high) == (76.24, 70.8, 81.1)


def test_another_recipe_than_stanfords_is_marked() -> None:
    marks = {trainer: beside("piqa.acc_norm", ALPACA_7B | {"trainer": trainer})[0].marks
             for trainer in ("stanford_7b", "lora")}  # fmt: skip
    assert "trainer lora against Stanford's of 7B" in marks["lora"]
    assert not [mark for mark in marks["stanford_7b"] if "trainer" in mark]


def test_the_papers_dollars_are_data_and_training() -> None:
    (shown,) = beside("usd", ALPACA_7B)
    assert (shown.value, shown.text) == (600.0, "500 + 100")
    assert beside("usd", LLAMA_13B) == []


@pytest.mark.parametrize("row", [row for row in load() if "haltt4llm" in row.id], ids=lambda row: row.id)
@pytest.mark.parametrize("metric", [metric for metric in COLUMNS if "truthfulqa" in metric])
def test_haltt4llm_never_enters_a_truthfulqa_column(row: Reference, metric: str) -> None:
    assert "is of HALTT4LLM's trivia from TruthfulQA, not of TruthfulQA" in told(row, metric)
    for labels in (ALPACA_7B, LLAMA_13B, ALPACA_7B | {"dataset_variant": "cleaned"}):
        assert all(shown.reference.dataset == "truthfulqa" for shown in beside(metric, labels))


@pytest.mark.parametrize(
    ("id_", "metric", "why"),
    [
        (
            "lindenau.5.alpaca",
            "truthfulqa_mc1.acc",
            "is of HALTT4LLM's trivia from TruthfulQA, not of Truthful",
        ),
        ("lindenau.5.llama", "truthfulqa_mc1.acc", "is truthful x informative, not mc1"),
        ("lindenau.1b.bard", "words", "nothing that was published is a figure of words"),
        ("gpt4all.llama-7b.hellaswag", "hellaswag.acc", "is acc_norm, not acc"),
        ("gpt4all.llama-7b.hellaswag", "piqa.acc_norm", "is of HellaSwag, not of PIQA"),
        ("lindenau.1b.alpaca-13b", "judge.percent", "without the pivot that they are chained through"),
        ("vicuna.tuning", "judge.percent", "is percent_difference, not percent"),
        ("llama.llama-7b.truthfulqa", "words", "nothing that was published is a figure of words"),
    ],
)
def test_a_figure_of_another_kind_is_refused_with_the_reason(id_: str, metric: str, why: str) -> None:
    (row,) = (row for row in load() if row.id == id_)
    assert why in told(row, metric)


TRIVIA = [row for row in load() if "haltt4llm" in row.id or "haltt4llm" in row.cites]
DISGUISES: list[dict[str, object]] = [
    {"metric": "mc1"},
    {"measure": "mc1"},
    {"task": "TruthfulQA", "metric": "mc1", "dataset": "", "measure": ""},
    {"task": "TruthfulQA", "dataset": "truthfulqa", "measure": "mc1", "id": "mine.1"},
    {"dataset": "truthfulqa", "measure": "mc1", "id": "mine.1", "gold": "", "harness": "HALTT4LLM"},
    {"task": "TruthfulQA", "dataset": "truthfulqa", "measure": "mc1", "gold": "", "harness": "", "n": None},
]


@pytest.mark.parametrize("disguise", DISGUISES, ids=str)
@pytest.mark.parametrize("row", TRIVIA, ids=lambda row: row.id)
def test_haltt4llm_enters_no_truthfulqa_column_in_any_disguise(
    row: Reference, disguise: dict[str, Any]
) -> None:
    assert "not of TruthfulQA" in told(dataclasses.replace(row, **disguise), "truthfulqa_mc1.acc")


def test_a_copy_stands_where_the_row_that_it_was_taken_from_stands() -> None:
    rows = {row.id: row for row in load()}
    copy = rows["lindenau.5.llama"]
    assert refusal(copy, "truthfulqa_gen.judged_both") is None
    mine = dataclasses.replace(copy, id="mine.1", cites="theirs.1")
    theirs = dataclasses.replace(copy, id="theirs.1", cites="haltt4llm.alpaca")
    assert "HALTT4LLM's trivia" in told(mine, "truthfulqa_gen.judged_both", [theirs])
    assert "is called mc1, not truthful x informative" in told(
        dataclasses.replace(copy, metric="mc1"), "truthfulqa_gen.judged_both"
    )
    assert "is of 8,170 documents, and TruthfulQA has 817" in told(
        dataclasses.replace(copy, n=8170), "truthfulqa_gen.judged_both"
    )


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        (ALPACA_7B, "alpaca-7b"),
        (LLAMA_13B, "llama-13b"),
        (ALPACA_7B | {"trainer": "none"}, "llama-7b"),
        (ALPACA_7B | {"trainer": "alpaca_lora"}, "alpaca-lora-7b"),
        ({"scale": "large", "experiment": "original"}, "alpaca-13b"),
        ({"base_model": "paper_small", "experiment": "base"}, "llama-7b"),
        ({"base_model": "text-davinci-003"}, "text-davinci-003"),
    ],
)
def test_a_rows_labels_tell_which_published_model_it_is(labels: dict[str, str], name: str) -> None:
    found = published_model(labels)
    assert found is not None and found.name == name


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"base_model": "olmo_2_7b", "dataset_variant": "original"},
        {"base_model": "llama_3_8b", "dataset_variant": "original", "scale": "small"},
        {"base_model": "llama_7b", "dataset_variant": "uncapped"},
        {"base_model": "llama_65b", "dataset_variant": "none", "scale": "large"},
        {"base_model": "qwen_2_5_7b", "dataset_variant": "none", "scale": "small"},
    ],
)
def test_a_model_that_nobody_published_stands_beside_nothing(labels: dict[str, str]) -> None:
    assert published_model(labels) is None and beside("boolq.acc", labels) == []
