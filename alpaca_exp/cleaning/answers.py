"""The same instructions answered anew by the teacher, so that length or author varies and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from alpaca_exp import prompts
from alpaca_exp.cleaning.rows import example_of, with_example
from alpaca_exp.llm.ask import ask_all
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Row
from alpaca_exp.schemas import RuntimeConfig, TeacherConfig


def answered_anew(
    teacher: TeacherConfig,
    rows: Sequence[Row],
    max_words: int | None,
    *,
    runtime: RuntimeConfig,
    out: Path,
) -> list[Row]:
    """`rows` with the teacher's answers as outputs; `max_words` puts the length sentence into the prompt.

    Rows keep their ids, so that they can be compared with the same rows of another variant.
    """
    requests = [_request(teacher, row, max_words) for row in rows]
    replies = ask_all(teacher, requests, runtime=runtime, out=out, title="answers")
    return [
        with_example(row, replace(example_of(row), output=reply.text.strip()))
        for row, reply in zip(rows, replies, strict=True)
    ]


def _request(teacher: TeacherConfig, row: Row, max_words: int | None) -> Request:
    return Request(
        model=teacher.model,
        prompt=prompts.answer(row["instruction"], row["input"], max_words),
        max_tokens=teacher.max_tokens,
        temperature=teacher.temperature,
        top_p=teacher.top_p,
        seed=teacher.seed,
    )
