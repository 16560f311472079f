"""A judge says of each answer that was generated for TruthfulQA whether it is truthful and informative."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError
from alpaca_exp.judging.truth import TASK, judgment, judgment_requests, judgment_scores
from alpaca_exp.records import Row, read_jsonl, write_jsonl
from alpaca_exp.schemas import EvalSuiteConfig, JudgeConfig, RuntimeConfig


def assess(
    judge: JudgeConfig,
    suite: EvalSuiteConfig,
    documents: dict[str, Path],
    lm_eval: str,
    *,
    scores: Artifact,
    runtime: RuntimeConfig,
    out: Path,
) -> None:
    """Write `judgments.jsonl`, one line an answer, and `scores.jsonl`, of the evaluation `scores`.

    The judge sees the question, the answer, and the known right and wrong ones, and is asked twice.
    `suite` is the one that was evaluated, with `truthfulqa_gen` alone; `documents` its file, {} for the hub.
    A reply that is neither yes nor no is counted, said, and enters nothing. Raises InputError where the
    evaluation holds no answers.
    """
    from alpaca_exp.harness.tasks import load_tasks
    from alpaca_exp.llm.ask import ask_all

    answers = _answers(scores, suite.limit)
    docs = load_tasks(suite, documents, offline=runtime.offline)[TASK].task_docs
    asked = [request for place, text in answers for request in judgment_requests(judge, docs[place], text)]
    replies = [reply.text for reply in ask_all(judge, asked, runtime=runtime, out=out, title="assess")]
    pairs = zip(replies[::2], replies[1::2], strict=True)
    rows = [
        judgment(place, docs[place], text, pair) for (place, text), pair in zip(answers, pairs, strict=True)
    ]
    write_jsonl(rows, out / "judgments.jsonl")
    write_jsonl(judgment_scores(rows), out / "scores.jsonl")
    _say_unread(rows, out)


def _answers(scores: Artifact, limit: int | None) -> list[tuple[int, str]]:
    """The documents' places and what was generated for them, each once, whatever the number of metrics."""
    rows = read_jsonl(scores / "documents.jsonl", required=("task", "doc_id"))
    found = {int(row["doc_id"]): str(row["text"]) for row in rows if row["task"] == TASK and "text" in row}
    if not found:
        raise InputError(
            f"{scores / 'documents.jsonl'} holds no generated answers to {TASK}; evaluate it first"
        )
    return sorted(found.items())[:limit]


def _say_unread(rows: Sequence[Row], out: Path) -> None:
    unread = sum(row[name] is None for row in rows for name in ("truthful", "informative"))
    if unread:
        print(
            f"assess: {unread} of {2 * len(rows)} replies are neither yes nor no and count for nothing; see "
            f"{out / 'judgments.jsonl'}",
            file=sys.stderr,
        )
