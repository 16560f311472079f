"""New answers, subsets and limits: which rows the stage curate keeps, and which it asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError
from alpaca_exp.schemas import (
    Answers,
)
from tests.curations import CLEANED, TEACHER, card, curated, generated_in, rows
from tests.servers import Body, Reply, Server, prompt_of, teacher_at


@pytest.fixture
def generated(tmp_path: Path) -> Artifact:
    return generated_in(tmp_path / "outputs")


def test_uncapped_has_the_same_rows_with_longer_answers(tmp_path: Path, generated: Artifact) -> None:
    told = {"examples": generated, "answers": Answers.teacher, "teacher": TEACHER}
    uncapped, recapped = curated(tmp_path, "u", **told), curated(tmp_path, "r", answer_words=100, **told)
    names = [row["id"] for row in rows(generated / "examples.jsonl")]
    answered = [row["id"] for row in rows(uncapped / "dataset.jsonl")]
    empty = {row["id"] for row in rows(uncapped / "removed.jsonl") if row["rule"] == "no_answer"}
    assert 0 < len(empty) < 30 and answered == [name for name in names if name not in empty]
    assert [row["id"] for row in rows(recapped / "dataset.jsonl")] == answered
    assert card(uncapped)["lineage"]["teacher"] == TEACHER.model
    assert card(uncapped)["lengths"]["after"]["mean"] > 1.5 * card(recapped)["lengths"]["after"]["mean"]
    assert card(uncapped)["lineage"]["cap"]["sentence"] is None
    assert card(recapped)["lineage"]["cap"]["sentence"] == 100


def test_no_answer_is_paid_for_that_the_subset_leaves_out(tmp_path: Path, generated: Artifact) -> None:
    told = {"examples": generated, "answers": Answers.teacher, "teacher": TEACHER}
    small = curated(tmp_path, "small", num_examples=10, **told)
    assert json.loads((small / "usage.json").read_text())["requests"] <= 10
    assert card(small)["counts"]["answers"]["asked"] == 10
    got = len(rows(small / "dataset.jsonl"))
    assert card(small)["counts"]["num_examples"] == {"asked": 10, "got": got}
    whole = {row["id"]: row for row in rows(curated(tmp_path, "whole", **told) / "dataset.jsonl")}
    assert all(whole[row["id"]] == row for row in rows(small / "dataset.jsonl"))


def test_with_cleaning_the_subset_is_drawn_from_what_is_left(tmp_path: Path, generated: Artifact) -> None:
    out = curated(tmp_path, examples=generated, rules=["all"], num_examples=50)
    assert len(rows(out / "dataset.jsonl")) == 50
    counts = card(out)["counts"]
    assert counts["rows_in"] == 50 + counts["not_drawn"] + sum(counts["removed"].values())


def test_longer_outputs_are_left_out_and_listed(tmp_path: Path, generated: Artifact) -> None:
    out = curated(tmp_path, examples=generated, max_words=5)
    assert all(len(row["output"].split()) <= 5 for row in rows(out / "dataset.jsonl"))
    assert card(out)["counts"]["removed"]["max_words"] == len(rows(out / "removed.jsonl")) > 0


def test_more_rows_than_are_left_is_an_error_and_no_smaller_set(tmp_path: Path, generated: Artifact) -> None:
    count = len(rows(generated / "examples.jsonl"))
    assert len(rows(curated(tmp_path, examples=generated, num_examples=count) / "dataset.jsonl")) == count
    with pytest.raises(InputError, match=rf"num_examples is {count} and there are \d+ rows"):
        curated(tmp_path, "less", examples=generated, num_examples=count, rules=["all"])


def test_what_the_source_cannot_give_is_said_before_anything_is_paid_for(
    tmp_path: Path, generated: Artifact
) -> None:
    with Server() as server, pytest.raises(InputError, match="num_examples is 5,000"):
        told: dict[str, Any] = {"answers": Answers.teacher, "teacher": teacher_at(server), **CLEANED}
        curated(tmp_path, examples=generated, num_examples=5000, **told)
    assert server.count == 0


def test_a_files_rows_are_answered_by_a_server_with_and_without_the_length_sentence(tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    data = [{"instruction": f"Say {n}.", "input": "x" if n % 3 else "", "output": "Old."} for n in range(40)]
    file.write_text(json.dumps(data))

    def answer(body: Body, number: int) -> Reply:
        brief = "under 100 words" in prompt_of(body)
        cut = "Say 7." in prompt_of(body)
        return Reply("Short." if brief else "A long answer.", finish_reason="length" if cut else "stop")

    with Server(answer) as server:
        told: dict[str, Any] = {"source": file, "answers": Answers.teacher, "teacher": teacher_at(server)}
        uncapped = curated(tmp_path, "u", num_examples=20, **told)
        assert server.count == 20
        recapped = curated(tmp_path, "r", num_examples=20, answer_words=100, **told)
        assert server.count == 40
    original = rows(curated(tmp_path, "o", source=file, num_examples=20) / "dataset.jsonl")
    for out, said, cap in ((uncapped, "A long answer.", None), (recapped, "Short.", 100)):
        kept = rows(out / "dataset.jsonl")
        pairs = {row["id"]: row for row in original}
        assert all({**pairs[row["id"]], "output": said} == row for row in kept)
        assert len(kept) + len(rows(out / "removed.jsonl")) == 20
        lineage = card(out)["lineage"]
        assert (lineage["teacher"], lineage["cap"]["sentence"]) == ("fake", cap)
