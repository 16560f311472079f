"""The stage complete: answers of a model, of the teacher, from a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp import prompts
from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError
from alpaca_exp.records import Row, read_jsonl, write_jsonl
from alpaca_exp.schemas import (
    FileQuestionsConfig,
    Frame,
    MiniatureTeacherConfig,
    PretrainedModelConfig,
    RuntimeConfig,
    WorldConfig,
    WorldQuestionsConfig,
)
from alpaca_exp.stages.complete import UNFINISHED, complete
from tests.models import tiny_llama

COLUMNS = ["question_id", "category", "prompt", "text", "model", "finish_reason", "usage", "words"]
TEXTS = [f"Say {'very ' * n}much." for n in range(9)]
"""Of nine lengths, so that batches are padded."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("outputs") / "train" / "0123456789abcdef"
    tiny_llama(folder / "model")
    return Artifact(folder)


@pytest.fixture
def questions(tmp_path: Path) -> Callable[..., FileQuestionsConfig]:
    file = tmp_path / "questions.jsonl"
    rows = [{"question_id": n, "text": text, "category": "talk"} for n, text in enumerate(TEXTS)]
    write_jsonl(rows, file)
    return lambda **fields: FileQuestionsConfig(**{"file": file, "max_tokens": 12, **fields})


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., list[Row]]:
    def completed(config: Any, name: str = "answers", frame: Frame = Frame.alpaca, **who: Any) -> list[Row]:
        out = tmp_path / "outputs" / "complete" / name
        out.mkdir(parents=True, exist_ok=True)
        complete(config, frame, who.pop("seed", 0), **who, runtime=RuntimeConfig(), out=out)
        assert not (out / UNFINISHED).exists()
        return list(read_jsonl(out / "completions.jsonl"))

    return completed


def test_a_model_answers_every_question_in_the_frame(
    run: Callable[..., list[Row]], questions: Callable[..., Any], model: Artifact
) -> None:
    rows = run(questions(), model=model)
    assert all(list(row) == COLUMNS for row in rows)
    assert [row["question_id"] for row in rows] == [str(n) for n in range(9)]
    assert [row["prompt"] for row in rows] == [prompts.framed(Frame.alpaca, text) for text in TEXTS]
    assert {row["model"] for row in rows} == {"train/0123456789abcdef"}
    assert {row["finish_reason"] for row in rows} <= {"stop", "length"}
    assert all(row["words"] == len(row["text"].split()) for row in rows)
    assert all(0 < row["usage"]["tokens_out"] <= 12 < row["usage"]["tokens_in"] for row in rows)


def test_greedy_answers_are_those_of_transformers(
    run: Callable[..., list[Row]], questions: Callable[..., Any], model: Artifact
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    peer = AutoModelForCausalLM.from_pretrained(model / "model")
    tokenizer = AutoTokenizer.from_pretrained(model / "model")
    expected = []
    for text in TEXTS:
        prompt = tokenizer(prompts.framed(Frame.alpaca, text), return_tensors="pt")
        tokens = peer.generate(**prompt, max_new_tokens=12, do_sample=False)[0, prompt.input_ids.shape[1] :]
        expected.append(tokenizer.decode(tokens, skip_special_tokens=True).strip())
    assert [row["text"] for row in run(questions(batch_size=4), model=model)] == expected


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_an_answer_does_not_depend_on_its_neighbours_in_the_batch(
    run: Callable[..., list[Row]], questions: Callable[..., Any], model: Artifact, temperature: float
) -> None:
    alone = run(questions(temperature=temperature, batch_size=1), model=model)
    assert run(questions(temperature=temperature, batch_size=4), model=model) == alone
    assert run(questions(temperature=temperature, limit=4), model=model) == alone[:4]


def test_the_seed_decides_what_is_drawn(
    run: Callable[..., list[Row]], questions: Callable[..., Any], model: Artifact
) -> None:
    first, again, other = (run(questions(temperature=1.0), model=model, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert [row["text"] for row in first] != [row["text"] for row in other]


def test_an_answer_stops_at_the_end_token(
    run: Callable[..., list[Row]], questions: Callable[..., Any], model: Artifact, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = tmp_path / "silent"
    tokenizer = AutoTokenizer.from_pretrained(model / "model")
    silent = AutoModelForCausalLM.from_pretrained(model / "model")
    with torch.no_grad():
        silent.lm_head.weight.zero_()
        silent.model.norm.weight.zero_()
    silent.generation_config.eos_token_id = [0]  # all tokens are equally likely, and 0 is the first of them
    silent.save_pretrained(path)
    tokenizer.save_pretrained(path)
    rows = run(questions(), weights=PretrainedModelConfig(path=str(path)))
    assert [(row["text"], row["finish_reason"], row["usage"]["tokens_out"]) for row in rows] == [
        ("", "stop", 1)
    ] * 9
    assert {row["model"] for row in rows} == {"silent"}


def test_a_killed_generation_goes_on_with_the_next_group(
    run: Callable[..., list[Row]],
    questions: Callable[..., Any],
    model: Artifact,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    from alpaca_exp.llm import writing

    few = questions(batch_size=2, temperature=0.8)
    whole = run(few, "whole", model=model)
    written: list[int] = []
    write = writing.write

    limit = 1

    def killed(local: Any, tasks: Any, **options: Any) -> Any:
        if len(written) == limit:
            raise KeyboardInterrupt
        written.append(len(tasks))
        return write(local, tasks, **options)

    monkeypatch.setattr(writing, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        run(few, "killed", model=model)
    with (tmp_path / "outputs" / "complete" / "killed" / UNFINISHED).open("a") as file:
        file.write('["5", ["torn')
    written.clear()
    limit = 3
    assert run(few, "killed", model=model) == whole
    assert written == [3, 3]


def test_a_prompt_that_fills_the_context_is_refused_in_a_sentence(
    run: Callable[..., list[Row]], questions: Callable[..., Any], tmp_path: Path
) -> None:
    path = tiny_llama(tmp_path / "short", context=40)
    with pytest.raises(InputError, match="the model reads 40; shorten it"):
        run(questions(), weights=PretrainedModelConfig(path=str(path)))


def test_the_teacher_is_asked_through_the_journal(run: Callable[..., list[Row]]) -> None:
    world = WorldConfig(people=16, questions=6)
    teacher = MiniatureTeacherConfig(model="miniature-teacher", world=world)
    rows = run(WorldQuestionsConfig(world=world), teacher=teacher)
    assert len(rows) == 6
    assert all(list(row) == COLUMNS and row["text"] for row in rows)
    assert rows[0]["prompt"].endswith("[Output]\n")
    assert run(WorldQuestionsConfig(world=world), "again", teacher=teacher) == rows


def test_answers_are_imported_from_a_file(
    run: Callable[..., list[Row]], questions: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "vicuna.jsonl"
    write_jsonl([{"question_id": n, "text": f"Answer {n}.", "model_id": "vicuna"} for n in range(9)], file)
    rows = run(questions(limit=2), file=file)
    assert [(row["question_id"], row["text"], row["model"], row["words"]) for row in rows] == [
        ("0", "Answer 0.", "vicuna", 2),
        ("1", "Answer 1.", "vicuna", 2),
    ]


def test_questions_that_a_file_does_not_answer_are_named_and_left_out(
    run: Callable[..., list[Row]],
    questions: Callable[..., Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "some.jsonl"
    write_jsonl([{"question_id": n, "text": "Answer."} for n in range(2)], file)
    assert [row["question_id"] for row in run(questions(), file=file)] == ["0", "1"]
    assert "no answer to 7 of the 9 questions (2, 3, 4, 5, 6 and 2 more)" in capsys.readouterr().err


def test_prompts_for_the_reading_page_are_answered_by_whoever_can(
    run: Callable[..., list[Row]], questions: Callable[..., Any], model: Artifact, tmp_path: Path
) -> None:
    inspection = tmp_path / "inspection.jsonl"
    write_jsonl([{"prompt_id": "joke_1", "text": "Explain this joke: ...", "kind": "joke"}], inspection)
    rows = run(questions(inspection=inspection, limit=2), model=model)
    assert [row["question_id"] for row in rows] == ["0", "1", "joke_1"]
    assert "Explain this joke" in rows[2]["prompt"] and rows[2]["category"] == "joke"
    assert rows[2]["inspection"] is True and "inspection" not in rows[0]
    file = tmp_path / "theirs.jsonl"
    write_jsonl([{"question_id": n, "text": "Answer."} for n in range(2)], file)
    assert len(run(questions(inspection=inspection, limit=2), "file", file=file)) == 2


def test_a_file_that_answers_other_questions_is_refused(
    run: Callable[..., list[Row]], questions: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "others.jsonl"
    write_jsonl([{"question_id": "x", "text": "Answer."}], file)
    with pytest.raises(InputError, match="no answer to 9 of the 9 questions"):
        run(questions(), file=file)
    write_jsonl([{"question_id": 1, "prompt": "Who was Ada?", "text": "Answer."}], file)
    with pytest.raises(InputError, match="answers another question 1: 'Who was Ada"):
        run(questions(), file=file)
