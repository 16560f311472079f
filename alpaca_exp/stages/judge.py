"""The judge compares the model's answers with the opponent's, question by question."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError
from alpaca_exp.judging.protocol import comparison, orders, preference, read_verdict
from alpaca_exp.judging.questions import load_questions
from alpaca_exp.judging.scores import judge_scores, mean_words
from alpaca_exp.records import Row, Score, Verdict, read_jsonl, write_jsonl
from alpaca_exp.schemas import JudgeConfig, RuntimeConfig

PROTOCOL = "vicuna"
Pair = tuple[Row, Row, Row]
"""A question, the opponent's answer (model 1) and the model's (model 2)."""


def judge(
    judge: JudgeConfig,
    *,
    completions: Artifact,
    opponent: Artifact,
    dataset: Artifact | None = None,
    runtime: RuntimeConfig,
    out: Path,
) -> None:
    """Write `verdicts.jsonl`, the opponent as model 1 and the model as model 2, and `scores.jsonl`.

    Compared are the questions that both answered; how many are left out is said. Verdicts that could not
    be read are counted in the scores and enter nothing else. Where `dataset`, which the model was tuned on,
    is given: `overlaps.jsonl`, the questions that it holds, and the scores without them as `<metric>_clean`.
    Raises InputError where no question is common.
    """
    from alpaca_exp.llm.ask import ask_all

    pairs = _pairs(load_questions(judge.questions), _answers(opponent), _answers(completions))
    asked = [(pair, order) for pair in pairs for order in orders(judge)]
    requests = [
        comparison(judge, question["text"], theirs["text"], ours["text"], order)
        for (question, theirs, ours), order in asked
    ]
    replies = ask_all(judge, requests, runtime=runtime, out=out, title="judge")
    rows = [
        _row(judge, pair, read_verdict(pair[0]["question_id"], order, reply.text))
        for (pair, order), reply in zip(asked, replies, strict=True)
    ]
    write_jsonl(rows, out / "verdicts.jsonl")
    scores = [*judge_scores(rows), mean_words([_words(ours) for _, _, ours in pairs])]
    if dataset is not None:
        scores += _clean_scores(dataset, [question for question, _, _ in pairs], rows, out)
    write_jsonl(scores, out / "scores.jsonl")
    _say_unread(rows, out)


def _clean_scores(dataset: Artifact, questions: Sequence[Row], rows: Sequence[Row], out: Path) -> list[Score]:
    """Write and say which questions the training data holds; the judge's scores on the others."""
    from alpaca_exp.cleaning.dataset import read_dataset
    from alpaca_exp.cleaning.overlap import OverlapIndex
    from alpaca_exp.harness.contamination import CLEAN, overlap_counts, overlap_rows, question_texts, told

    index = OverlapIndex(question_texts(questions))
    overlaps = overlap_rows(index, index.hits(read_dataset(dataset.path)))
    write_jsonl(overlaps, out / "overlaps.jsonl")
    for sentence in told(overlap_counts(index, overlaps), Counter(d.task for d in index.sizes), []):
        print(f"judge: {sentence}", file=sys.stderr)
    taken = {row["doc_id"] for row in overlaps}
    clean = judge_scores([row for row in rows if row["question_id"] not in taken]) if taken else []
    return [replace(score, metric=f"{score.metric}{CLEAN}") for score in clean if score.metric != "unparsed"]


def _answers(artifact: Artifact) -> dict[str, Row]:
    rows = read_jsonl(artifact / "completions.jsonl", required=("question_id", "text"))
    return {str(row["question_id"]): row for row in rows}


def _pairs(questions: Sequence[Row], theirs: dict[str, Row], ours: dict[str, Row]) -> list[Pair]:
    both = [row for row in questions if row["question_id"] in theirs and row["question_id"] in ours]
    if not both:
        raise InputError(
            f"The model's {len(ours)} answers and the opponent's {len(theirs)} have none of the "
            f"{len(questions)} questions in common; answer the same questions with both"
        )
    absent = [row["question_id"] for row in questions if row not in both]
    if absent:
        some = ", ".join(absent[:5]) + (", ..." if len(absent) > 5 else "")
        print(
            f"judge: {len(both)} of {len(questions)} questions are compared; not answered by both: {some}",
            file=sys.stderr,
        )
    return [(row, theirs[row["question_id"]], ours[row["question_id"]]) for row in both]


def _row(judge: JudgeConfig, pair: Pair, verdict: Verdict) -> Row:
    question, theirs, ours = pair
    return {
        "question_id": verdict.question_id,
        "category": question["category"],
        "model_1": str(theirs.get("model", "")),
        "model_2": str(ours.get("model", "")),
        "judge": judge.model,
        "protocol": PROTOCOL,
        "order": verdict.order,
        "score_1": verdict.score_1,
        "score_2": verdict.score_2,
        "preference": preference(verdict),
        "words_1": _words(theirs),
        "words_2": _words(ours),
        "text": verdict.text,
        "parsed": verdict.parsed,
    }


def _words(answer: Row) -> int:
    return len(answer["text"].split())


def _say_unread(rows: Sequence[Row], out: Path) -> None:
    unread = sum(not row["parsed"] for row in rows)
    if unread:
        print(
            f"judge: {unread} of {len(rows)} verdicts hold no two scores of 1 to 10 and count for nothing; "
            f"see {out / 'verdicts.jsonl'}",
            file=sys.stderr,
        )
