"""The questions: from a file, from the world, or one sentence that says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.judging.questions import load_prompts, load_questions
from alpaca_exp.schemas import FileQuestionsConfig, QuestionsConfig, WorldConfig, WorldQuestionsConfig


def written(path: Path, *rows: object) -> FileQuestionsConfig:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return FileQuestionsConfig(file=path)


def test_a_file_of_vicunas_format_is_read(tmp_path: Path) -> None:
    config = written(
        tmp_path / "q.jsonl", {"question_id": 1, "text": "Why?", "category": "generic", "more": 2}
    )
    assert load_questions(config) == [{"question_id": "1", "text": "Why?", "category": "generic", "more": 2}]


def test_mt_benchs_first_turn_and_its_reference_are_taken(tmp_path: Path) -> None:
    two = {"question_id": 81, "category": "math", "turns": ["One?", "Two?"], "reference": ["1", "2"]}
    plain = {"question_id": 82, "category": "stem", "turns": ["Three?"]}
    rows = load_questions(written(tmp_path / "q.jsonl", two, plain))
    assert [(row["question_id"], row["text"], row.get("reference")) for row in rows] == [
        ("81", "One?", "1"),
        ("82", "Three?", None),
    ]


def test_alpaca_evals_questions_are_named_by_their_content(tmp_path: Path) -> None:
    rows = [{"instruction": "Sing.", "dataset": "koala", "output": "la"}, {"instruction": "Dance."}]
    file = tmp_path / "alpaca_eval.json"
    file.write_text(json.dumps(rows, indent=2))
    found = load_questions(FileQuestionsConfig(file=file))
    assert [(row["text"], row["category"]) for row in found] == [("Sing.", "koala"), ("Dance.", "")]
    file.write_text(json.dumps(rows[::-1]))
    assert load_questions(FileQuestionsConfig(file=file))[1]["question_id"] == found[0]["question_id"]


def test_prompts_for_reading_are_answered_too_and_judged_by_nobody(tmp_path: Path) -> None:
    config = written(tmp_path / "q.jsonl", {"question_id": 1, "text": "Why?", "category": "generic"})
    config.inspection = Path("seeds/inspection_prompts.jsonl")
    rows = load_prompts(config)
    assert len(rows) == 16 and len(load_questions(config)) == 1
    assert [row.get("inspection", False) for row in rows] == [False] + [True] * 15
    assert (rows[1]["question_id"], rows[1]["category"]) == ("explain_1", "explain")
    config.limit = 1
    assert len(load_prompts(config)) == 2
    same = written(tmp_path / "same.jsonl", {"question_id": "explain_1", "text": "Why?"})
    same.inspection = config.inspection
    with pytest.raises(InputError, match="has the id explain_1 of a question"):
        load_prompts(same)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"question_id": 1, "text": " "}, "line 1, has no question in it"),
        ({"question_id": 1, "text": 5}, "line 1, has no question in it, only '5'"),
        ({"question_id": 1, "turns": []}, "line 1, has no question in it"),
        ({"question_id": True, "text": "x"}, "line 1, has a question_id that is neither"),
        ({"question_id": 1, "text": "x", "reference": {"a": 1}}, "line 1, has a reference that is no text"),
        ({"text": "x"}, "line 1, lacks question_id"),
        ({"instruction": ""}, "line 1, has no question in it"),
    ],
)
def test_a_broken_question_is_named_with_its_line(tmp_path: Path, row: object, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        load_questions(written(tmp_path / "q.jsonl", row))


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
