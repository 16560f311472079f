"""New answers: the same rows, another author or length; and what is no answer never becomes an output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alpaca_exp import prompts
from alpaca_exp.cleaning.answers import Answered, answered_anew
from alpaca_exp.records import Row
from alpaca_exp.schemas import Answers, DatasetVariantConfig, NoAnswer, RuntimeConfig
from tests.servers import Body, Reply, Server, prompt_of, stage_folder, teacher_at

ROWS: list[Row] = [
    {"id": name, "instruction": name, "input": "x" if name == "fine" else "", "output": "Old."}
    for name in ("fine", "empty", "blank", "cut", "filtered", "refused")
]
REPLIES = {
    "fine": Reply(" New. \n"),
    "empty": Reply(""),
    "blank": Reply(" \n "),
    "cut": Reply("It is because the", finish_reason="length"),
    "filtered": Reply("It is", finish_reason="content_filter"),
    "refused": Reply(None, refusal="I cannot help with that."),
}


def answered(outputs: Path, **variant: Any) -> tuple[Answered, list[str]]:
    def answer(body: Body, number: int) -> Reply:
        return REPLIES[prompts.section(prompt_of(body), "Instruction")]

    told = DatasetVariantConfig(answers=Answers.teacher, **variant)
    with Server(answer) as server:
        out = stage_folder(outputs, "curate")
        found = answered_anew(teacher_at(server), ROWS, told, runtime=RuntimeConfig(), out=out)
        return found, server.prompts()


def test_what_is_no_answer_becomes_no_output_and_is_listed_with_its_reason(tmp_path: Path) -> None:
    found, _ = answered(tmp_path)
    assert found.rows == [{**ROWS[0], "output": "New."}]
    reasons = {gone["id"]: gone["reason"] for gone in found.removed}
    assert reasons == {
        "empty": "the new answer is empty",
        "blank": "the new answer is empty",
        "cut": "the new answer was cut off at teacher.max_tokens",
        "filtered": "the new answer was stopped by the server's content filter",
        "refused": "the teacher refused to answer",
    }
    kinds = {"empty": 2, "cut_off": 1, "filtered": 1, "refused": 1}
    assert found.counts == {"asked": 6, "answered": 1, "removed": 5} | kinds


def test_rows_can_keep_their_old_answer_instead_and_say_so(tmp_path: Path) -> None:
    found, _ = answered(tmp_path, on_no_answer=NoAnswer.keep)
    assert [row["output"] for row in found.rows] == ["New.", *["Old."] * 5]
    assert [row["id"] for row in found.rows] == [row["id"] for row in ROWS] and not found.removed
    assert found.rows[3]["old_answer"] == "the new answer was cut off at teacher.max_tokens"
    assert "old_answer" not in found.rows[0] and found.counts["kept_old"] == 5


@pytest.mark.parametrize("words", [None, 100])
def test_uncapped_and_recapped_differ_in_the_length_sentence_alone(words: int | None, tmp_path: Path) -> None:
    _, shown = answered(tmp_path, answer_words=words)
    sentence = " Keep every answer under 100 words."
    assert all((sentence in prompt) == (words == 100) for prompt in shown)
    plain = {prompt.replace(sentence, "") for prompt in shown}
    assert plain == {prompts.answer(row["instruction"], row["input"], None) for row in ROWS}
