"""Others' answers: from Vicuna's, MT-bench's and AlpacaEval's files, or what is wrong with the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.judging.answers import answers_to, load_answers, unchecked
from alpaca_exp.judging.questions import load_questions
from alpaca_exp.prompts import framed
from alpaca_exp.schemas import FileQuestionsConfig, Frame


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


ASKED = [{"question_id": name, "text": f"What is {name}?", "category": ""} for name in "123"]


def test_questions_are_not_taken_for_answers(tmp_path: Path) -> None:
    other = [{"question_id": name, "text": "Why?", "category": "generic"} for name in "123"]
    with pytest.raises(InputError, match="holds questions, not answers: no row tells whose answer it is"):
        load_answers(written(tmp_path / "question.jsonl", *other))
    same = [{"question_id": row["question_id"], "text": row["text"]} for row in ASKED]
    with pytest.raises(InputError, match="holds the questions, not answers to them"):
        answers_to(ASKED, written(tmp_path / "same.jsonl", *same))
    echo = [{**same[0], "model": "m"}, {"question_id": "2", "text": "Two.", "model": "m"}]
    assert len(answers_to(ASKED, written(tmp_path / "echo.jsonl", *echo))) == 2, (
        "a model may repeat a question"
    )


def test_published_questions_are_not_taken_for_answers(shared_data: Path) -> None:
    with pytest.raises(InputError, match="holds questions, not answers"):
        load_answers(shared_data / "vicuna" / "question.jsonl")


def test_two_answers_to_one_question_are_named_with_their_lines(tmp_path: Path) -> None:
    rows = [{"question_id": n, "text": text, "model": "m"} for n, text in ((1, "A"), (2, "B"), (1, "C"))]
    with pytest.raises(InputError, match="line 3, is another answer to question 1 than line 1; leave one"):
        load_answers(written(tmp_path / "a.jsonl", *rows))
    assert len(load_answers(written(tmp_path / "b.jsonl", *rows[:2], rows[0]))) == 2, "the same answer again"


def test_another_question_is_told_without_the_frame_around_it(tmp_path: Path) -> None:
    rows = [{"question_id": "1", "text": "A", "prompt": framed(Frame.alpaca, "Who was Ada?"), "model": "m"}]
    with pytest.raises(
        InputError, match=r"another question 1: 'Who was Ada\?', where 'What is 1\?' was asked"
    ):
        answers_to(ASKED, written(tmp_path / "a.jsonl", *rows))


def test_answers_that_do_not_tell_their_question_are_counted(tmp_path: Path) -> None:
    rows = [
        {"question_id": "1", "text": "One.", "model": "m", "prompt": "What is 1?"},
        {"question_id": "2", "text": "Two.", "model": "m"},
    ]
    found = answers_to(ASKED, written(tmp_path / "a.jsonl", *rows))
    assert unchecked(ASKED, found) == 1
