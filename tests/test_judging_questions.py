"""The questions: from a file, from the world, or one sentence that says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.judging.questions import load_questions
from alpaca_exp.schemas import FileQuestionsConfig, QuestionsConfig, WorldConfig, WorldQuestionsConfig


def written(path: Path, *rows: object) -> FileQuestionsConfig:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return FileQuestionsConfig(file=path)


def test_a_file_of_vicunas_format_is_read(tmp_path: Path) -> None:
    config = written(
        tmp_path / "q.jsonl", {"question_id": 1, "text": "Why?", "category": "generic", "more": 2}
    )
    assert load_questions(config) == [{"question_id": "1", "text": "Why?", "category": "generic", "more": 2}]


def test_the_shipped_questions_are_eighty() -> None:
    assert len(load_questions(FileQuestionsConfig())) == 80
    assert len(load_questions(FileQuestionsConfig(limit=3))) == 3


def test_the_world_asks_as_many_as_it_is_told() -> None:
    rows = load_questions(WorldQuestionsConfig(world=WorldConfig(people=24, questions=20)))
    assert len(rows) == 20 and all({"question_id", "text", "category"} <= row.keys() for row in rows)


def test_vicunas_own_questions_are_read(shared_data: Path) -> None:
    assert len(load_questions(FileQuestionsConfig(file=shared_data / "vicuna" / "question.jsonl"))) == 80


def test_what_is_wrong_is_one_sentence(tmp_path: Path) -> None:
    twice = written(tmp_path / "q.jsonl", {"question_id": 1, "text": "a"}, {"question_id": "1", "text": "b"})
    with pytest.raises(InputError, match="question_id 1 occurs twice"):
        load_questions(twice)
    with pytest.raises(InputError, match="holds no question"):
        load_questions(written(tmp_path / "empty.jsonl"))
    with pytest.raises(InputError, match="line 1, lacks text"):
        load_questions(written(tmp_path / "broken.jsonl", {"question_id": 1}))
    with pytest.raises(InputError, match="cannot be read"):
        load_questions(FileQuestionsConfig(file=tmp_path / "absent.jsonl"))
    with pytest.raises(InputError, match="names no questions"):
        load_questions(QuestionsConfig())
