"""Answers to the questions that are judged: of the model, of the teacher, or from a file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alpaca_exp import prompts
from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError
from alpaca_exp.progress import progress
from alpaca_exp.records import Completion, Row, Usage, write_jsonl
from alpaca_exp.schemas import (
    ApiModelConfig,
    BaseModelConfig,
    Frame,
    LanguageModelConfig,
    PretrainedModelConfig,
    QuestionsConfig,
    RuntimeConfig,
    TeacherConfig,
)

UNFINISHED = "unfinished.jsonl"
GROUP = 2
"""Answers for each slot that are written and kept as one piece."""


def complete(
    questions: QuestionsConfig,
    frame: Frame,
    seed: int,
    weights: BaseModelConfig | None = None,
    teacher: TeacherConfig | None = None,
    file: Path | None = None,
    *,
    model: Artifact | None = None,
    runtime: RuntimeConfig,
    out: Path,
) -> None:
    """Write `completions.jsonl`: one answer for each question, in the questions' order.

    Then those to the prompts for the reading page, marked `inspection`. The answers are those of the
    `teacher` (which may be `model` or `weights`), of the `file` (answers.py), of `model`, or of `weights`,
    which a server may have. A killed generation goes on with the next group. Questions that the file does
    not answer are named and left out. Raises InputError where a model cannot be loaded, or where the file
    answers other questions.
    """
    from alpaca_exp.judging.questions import load_prompts

    rows = load_prompts(questions)
    if teacher is not None:
        from alpaca_exp.llm.build import with_weights

        teacher = with_weights(teacher, weights, model)
        texts = [prompts.answer(row["text"], "", teacher.max_words) for row in rows]
        answers = _asked(texts, questions, seed, teacher, runtime, out)
    elif file is not None:
        rows, answers = _imported(rows, file)
    elif model is None and isinstance(weights, ApiModelConfig):  # it has a frame of its own
        answers = _asked([row["text"] for row in rows], questions, seed, weights, runtime, out)
    else:
        source, name, options = _source(weights, model)
        framed = [prompts.framed(frame, row["text"]) for row in rows]
        answers = _written(rows, framed, questions, seed, source, name, options, runtime, out)
    write_jsonl(map(_row, rows, answers), out / "completions.jsonl")
    (out / UNFINISHED).unlink(missing_ok=True)


def _row(question: Row, answer: Completion) -> Row:
    return {
        "question_id": question["question_id"],
        "category": question["category"],
        "prompt": answer.prompt,
        "text": answer.text,
        "model": answer.model,
        "finish_reason": answer.finish_reason,
        "usage": {"tokens_in": answer.usage.tokens_in, "tokens_out": answer.usage.tokens_out},
        "words": len(answer.text.split()),
        **({"inspection": True} if question.get("inspection") else {}),
    }


def _asked(
    texts: Sequence[str],
    questions: QuestionsConfig,
    seed: int,
    asked: LanguageModelConfig,
    runtime: RuntimeConfig,
    out: Path,
) -> list[Completion]:
    from alpaca_exp.llm.ask import ask_all
    from alpaca_exp.llm.model import Request

    requests = [
        Request(
            model=asked.model,
            prompt=text,
            max_tokens=questions.max_tokens,
            temperature=questions.temperature,
            seed=seed,
        )
        for text in texts
    ]
    return ask_all(asked, requests, runtime=runtime, out=out, title="complete")


def _imported(rows: Sequence[Row], file: Path) -> tuple[list[Row], list[Completion]]:
    """The questions that `file` answers, and its answers; the others are named."""
    from alpaca_exp.judging.answers import answers_to, unanswered

    found = answers_to(rows, file)
    missing = unanswered(rows, found)
    if missing:
        print(f"complete: {file} has no answer to {missing}; these are not compared", file=sys.stderr)
    answered = [row for row in rows if row["question_id"] in found]
    return answered, [_completion(row, found[row["question_id"]]) for row in answered]


def _completion(question: Row, found: Mapping[str, Any]) -> Completion:
    return Completion(
        prompt=str(found.get("prompt") or question["text"]),
        text=found["text"],
        model=found["model"],
        finish_reason=str(found.get("finish_reason") or "stop"),
    )


def _source(weights: BaseModelConfig | None, model: Artifact | None) -> tuple[Path | str, str, Row]:
    """Where the model lies, its name in tables (never an absolute path), and how it is loaded."""
    if model is not None:
        return model / "model", f"{model.path.parent.name}/{model.path.name}", {}
    if isinstance(weights, PretrainedModelConfig):
        path = Path(weights.path).expanduser()
        name = path.resolve().name if path.is_dir() else weights.path
        return weights.path, name, {"dtype": weights.dtype, "revision": weights.revision}
    raise InputError("there is no model to answer: base_model names no weights, and no stage made any")


def _written(
    rows: Sequence[Row],
    framed: Sequence[str],
    questions: QuestionsConfig,
    seed: int,
    source: Path | str,
    name: str,
    options: Row,
    runtime: RuntimeConfig,
    out: Path,
) -> list[Completion]:
    """The local model's answers, group by group; each group is kept in a file as soon as it is written.

    The last bits of a product depend on how many answers are written at once, and so, where two tokens are
    as good as equal, may an answer. A group is therefore written from its beginning or not at all: what a
    killed attempt had finished and what is written now are the same as without the kill.
    """
    from alpaca_exp.llm.local import encode, gpu_time, load, seed_of
    from alpaca_exp.llm.writing import Answer, Task, write

    local = load(source, runtime=runtime, **options)
    tokens = encode(local, framed)
    done = _unfinished(out)
    with progress("complete", len(rows), "answers") as steps:

        def advance(number: int, answer: Answer) -> None:
            steps.advance()

        for number, group in enumerate(_groups(tokens, questions.batch_size)):
            ids = [rows[index]["question_id"] for index in group]
            if all(question in done for question in ids):
                steps.advance(len(group))
                continue
            tasks = [
                Task(
                    tokens[index],
                    questions.max_tokens,
                    temperature=questions.temperature,
                    seed=seed_of(seed, question),
                )
                for index, question in zip(group, ids, strict=True)
            ]
            with gpu_time(local, out, f"complete {number}"):
                answers = write(local, tasks, slots=questions.batch_size, done=advance)
            written = [[a.text.strip(), a.finish_reason, a.tokens_in, a.tokens_out] for a in answers]
            done |= dict(zip(ids, written, strict=True))
            _keep(done, ids, out)
    return [
        Completion(prompt, text, name, reason, Usage(1, tokens_in, tokens_out))
        for prompt, (text, reason, tokens_in, tokens_out) in zip(
            framed, (done[row["question_id"]] for row in rows), strict=True
        )
    ]


def _groups(prompts: Sequence[Sequence[int]], slots: int) -> list[list[int]]:
    """The prompts' indices: groups of about one size, each with prompts of all lengths.

    The larger a group, the fewer slots stay empty at its end, and the more a kill may cost.
    """
    count = -(-len(prompts) // (GROUP * slots))
    order = sorted(range(len(prompts)), key=lambda index: (-len(prompts[index]), index))
    return [order[start::count] for start in range(count)]


def _keep(done: Mapping[str, list[Any]], ids: Sequence[str], out: Path) -> None:
    with (out / UNFINISHED).open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps([name, done[name]]) + "\n" for name in ids))
        file.flush()
        os.fsync(file.fileno())


def _unfinished(out: Path) -> dict[str, list[Any]]:
    """What a killed attempt had written; its last line may be torn."""
    try:
        lines = (out / UNFINISHED).read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    except FileNotFoundError:
        return {}
    whole = [line for line in lines if line.endswith("\n")]
    (out / UNFINISHED).write_text("".join(whole), encoding="utf-8")
    return dict(json.loads(line) for line in whole)
