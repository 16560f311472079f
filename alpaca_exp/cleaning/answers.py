"""The same instructions answered anew by the teacher, so that length or author varies and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from alpaca_exp import prompts
from alpaca_exp.cleaning.rows import example_of, removal_row, with_example
from alpaca_exp.llm.ask import ask_all
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Completion, Row
from alpaca_exp.schemas import DatasetVariantConfig, NoAnswer, RuntimeConfig, TeacherConfig

NAME = "no_answer"
"""The rule under which a row without a new answer is listed."""
_FAILED = {
    "length": ("cut_off", "the new answer was cut off at teacher.max_tokens"),
    "content_filter": ("filtered", "the new answer was stopped by the server's content filter"),
    "refusal": ("refused", "the teacher refused to answer"),
}


@dataclass(frozen=True)
class Answered:
    """Rows with new outputs; `removed` are rows of the file of that name."""

    rows: list[Row] = field(default_factory=list)
    removed: list[Row] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """asked, answered; of the others empty, cut_off, filtered, refused, and how many were kept or removed."""


def answered_anew(
    teacher: TeacherConfig,
    rows: Sequence[Row],
    variant: DatasetVariantConfig,
    *,
    runtime: RuntimeConfig,
    out: Path,
) -> Answered:
    """`rows` with the teacher's answers as outputs; `variant.answer_words` is the prompt's length sentence.

    Rows keep their ids, so that they can be compared with the same rows of another variant. What is
    empty, refused or cut off becomes no output: the row is removed, or keeps its old one and says so
    under `old_answer`, as `variant.on_no_answer` has it.
    """
    requests = [_request(teacher, row, variant.answer_words) for row in rows]
    replies = ask_all(teacher, requests, runtime=runtime, out=out, title="answers")
    found = Answered(counts=Counter(asked=len(rows), answered=0))
    for row, reply in zip(rows, replies, strict=True):
        failure = _failure(reply)
        if failure is None:
            found.counts["answered"] += 1
            found.rows.append(with_example(row, replace(example_of(row), output=reply.text.strip())))
        else:
            _without(row, *failure, variant.on_no_answer, found)
    return found


def _failure(reply: Completion) -> tuple[str, str] | None:
    """What kind of no answer it is, and why; None for an answer."""
    if failed := _FAILED.get(reply.finish_reason):
        return failed
    return None if reply.text.strip() else ("empty", "the new answer is empty")


def _without(row: Row, kind: str, reason: str, fate: NoAnswer, found: Answered) -> None:
    found.counts[kind] += 1
    found.counts["kept_old" if fate is NoAnswer.keep else "removed"] += 1
    if fate is NoAnswer.keep:
        found.rows.append({**row, "old_answer": reason})
    else:
        found.removed.append(removal_row(row, NAME, "answer", reason))


def _request(teacher: TeacherConfig, row: Row, max_words: int | None) -> Request:
    return Request(
        model=teacher.model,
        prompt=prompts.answer(row["instruction"], row["input"], max_words),
        max_tokens=teacher.max_tokens,
        temperature=teacher.temperature,
        top_p=teacher.top_p,
        seed=teacher.seed,
    )
