"""Others' answers: from Vicuna's, MT-bench's and AlpacaEval's files, or what is wrong with the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.judging.answers import load_answers
from alpaca_exp.judging.questions import load_questions
from alpaca_exp.schemas import FileQuestionsConfig


def written(path: Path, *rows: object, array: bool = False) -> Path:
    path.write_text(json.dumps(rows) if array else "".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_three_formats_are_told_apart(tmp_path: Path) -> None:
    vicuna = {"question_id": 1, "text": "A", "model_id": "v", "metadata": {}}
    mt_bench = {"question_id": 2, "model_id": "m", "choices": [{"index": 0, "turns": ["B", "C"]}]}
    found = load_answers(written(tmp_path / "a.jsonl", vicuna, mt_bench, {"question_id": "3", "text": ""}))
    assert [(name, row["text"], row["model"]) for name, row in found.items()] == [
        ("1", "A", "v"),
        ("2", "B", "m"),
        ("3", "", "a"),
    ]


def test_alpaca_evals_outputs_answer_its_questions(tmp_path: Path) -> None:
    rows = [
        {"instruction": f"Say {n}.", "output": str(n), "generator": "g", "dataset": "d"} for n in range(3)
    ]
    file = written(tmp_path / "outputs.json", *rows, array=True)
    asked, found = load_questions(FileQuestionsConfig(file=file)), load_answers(file)
    assert [row["text"] for row in asked] == ["Say 0.", "Say 1.", "Say 2."]
    assert [found[row["question_id"]]["text"] for row in asked] == ["0", "1", "2"]
    assert {row["model"] for row in found.values()} == {"g"}


def test_published_answers_are_read(shared_data: Path) -> None:
    found = load_answers(shared_data / "vicuna" / "answer" / "answer_alpaca-13b.jsonl")
    assert len(found) == 80 and all(row["text"] for row in found.values())


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"question_id": 1}, "line 1, lacks text"),
        ({"text": "x"}, "line 1, lacks question_id"),
        ({"question_id": 1, "text": 7}, "line 1, has an answer that is no text"),
        ({"question_id": 1, "choices": []}, "line 1, has no choices with turns"),
        ("x", "line 1, is no JSON object"),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, row: object, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        load_answers(written(tmp_path / "a.jsonl", row))
