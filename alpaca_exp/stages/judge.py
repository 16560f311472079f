"""The judge gives its verdict on the model's answers beside the opponent's, question by question."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from alpaca_exp.artifacts import Artifact
from alpaca_exp.cleaning.readable import check_readable, looked_at_first
from alpaca_exp.errors import InputError
from alpaca_exp.judging.protocol import FORMS, Reading, is_beyond, is_read, read, readings, requests, retests
from alpaca_exp.judging.questions import load_questions
from alpaca_exp.judging.remarks import Pair, remarks
from alpaca_exp.judging.scores import judge_scores, mean_words
from alpaca_exp.judging.scores_questions import compared
from alpaca_exp.records import Completion, Row, Score, as_row, read_jsonl, write_json, write_jsonl
from alpaca_exp.schemas import JudgeConfig, JudgeProtocol, RuntimeConfig
from alpaca_exp.scoreboard import brief

MOST_NAMED = 20
"""Questions that a message names."""


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

    `questions.jsonl` holds what the verdicts say of each question, over both orders; `notes.json` the
    sentences that the scores must be read with, which every run that uses them prints.

    Compared are the questions that both answered; how many are left out is said. Verdicts that could not
    be read are counted in the scores and enter nothing else, nor do those that were asked for again to see
    whether the judge repeats itself (`retest`). Where `dataset`, which the model was tuned on, is given:
    `overlaps.jsonl`, the questions that it holds, and the scores without them as `<metric>_clean`.
    Raises InputError where no question is common, and where nearly no reply can be read
    (`judge.max_unreadable`): of the first ones, before the others are paid for, and of all.
    """
    questions = load_questions(judge.questions)
    pairs, notes = _pairs(questions, _answers(opponent), _answers(completions))
    notes += _too_few(judge.questions.limit, len(questions))
    for sentence in notes:  # before it costs anything
        print(f"judge: {sentence}", file=sys.stderr)
    by_question = {str(pair[0]["question_id"]): pair for pair in pairs}
    asked = [one for each, a, b in pairs for one in readings(judge, each, a["text"], b["text"])]
    asked += retests(judge, asked)
    replies = _replies(judge, asked, runtime=runtime, out=out)
    rows = [
        _row(judge, by_question[str(one.question["question_id"])], one, told)
        for one, told in zip(asked, replies, strict=True)
    ]
    write_jsonl(rows, out / "verdicts.jsonl")
    write_jsonl(compared(rows), out / "questions.jsonl")
    scores = [*judge_scores(rows), mean_words([_words(ours) for _, _, ours in pairs])]
    if dataset is not None:
        clean, overlapping = _clean_scores(dataset, [question for question, _, _ in pairs], rows, out)
        scores += clean
        notes += overlapping
    write_jsonl(scores, out / "scores.jsonl")
    write_json({"notes": [*notes, *remarks(judge, pairs, rows)]}, out / "notes.json")
    told = brief([as_row(score) for score in scores])
    print(f"judge: {len(pairs)} questions compared: {told}", file=sys.stderr)


def _replies(
    judge: JudgeConfig, asked: Sequence[Reading], *, runtime: RuntimeConfig, out: Path
) -> list[list[Completion]]:
    """What the judge said of each reading. A reply that cannot be read is asked for again, as configured."""
    from alpaca_exp.llm.ask import Session
    from alpaca_exp.progress import progress

    wanted = [(each, part) for each in asked for part in range(len(requests(judge, each)))]
    with (
        progress("judge", len(wanted), "requests") as bar,
        Session(judge, runtime=runtime, out=out, title="judge") as session,
    ):

        def told(some: Sequence[tuple[Reading, int]], last: bool) -> list[Completion]:
            """The replies, those that cannot be read asked for again; checked with all that came before."""
            first = [requests(judge, each)[part] for each, part in some]
            found = session.ask(first, lambda n: bar.advance(n, session.dollars()), whole=last)
            for attempt in range(1, judge.retry_unreadable + 1):
                lost = [n for n, (each, _) in enumerate(some) if not is_read(judge, each, found[n])]
                anew = [requests(judge, some[n][0], attempt)[some[n][1]] for n in lost]
                for n, reply in zip(lost, session.ask(anew) if anew else [], strict=True):
                    found[n] = reply
            return found

        first = looked_at_first(judge)
        replies = told(wanted[:first], last=False) if len(wanted) > first > 0 else []
        _check(judge, wanted, replies)
        replies += told(wanted[len(replies) :], last=True)
        _check(judge, wanted, replies)
    each_takes = len(wanted) // len(asked)
    return [replies[n : n + each_takes] for n in range(0, len(replies), each_takes)]


def _check(judge: JudgeConfig, wanted: Sequence[tuple[Reading, int]], replies: Sequence[Completion]) -> None:
    """Raises InputError where nearly none of `replies`, the first to `wanted`, can be read."""
    pairs = zip(wanted, replies, strict=False)
    lost = [reply.text for (each, _), reply in pairs if not is_read(judge, each, reply)]
    check_readable(judge, lost, len(replies), FORMS[judge.protocol])


def _row(judge: JudgeConfig, pair: Pair, reading: Reading, replies: Sequence[Completion]) -> Row:
    question, theirs, ours = pair
    verdict = read(judge, reading, replies)
    versions = sorted({reply.model for reply in replies})
    systems = sorted({reply.fingerprint for reply in replies} - {""})
    row = {
        "question_id": verdict.question_id,
        "category": question["category"],
        "model_1": str(theirs.get("model", "")),
        "model_2": str(ours.get("model", "")),
        "judge": judge.model,
        "judge_version": ", ".join(versions),
        "protocol": judge.protocol.name,
        "order": verdict.order,
        "score_1": verdict.score_1,
        "score_2": verdict.score_2,
        "preference": verdict.preference,
        "words_1": _words(theirs),
        "words_2": _words(ours),
        "text": verdict.text,
        "parsed": verdict.parsed,
        "retest": reading.retest,
    }
    row |= {"judge_system": ", ".join(systems)} if systems else {}
    row |= {"out_of_range": True} if any(is_beyond(judge, reading, reply) for reply in replies) else {}
    weighted = judge.protocol is JudgeProtocol.preference
    return row | ({"logprobs": replies[0].top_logprobs} if weighted else {})


def _clean_scores(
    dataset: Artifact, questions: Sequence[Row], rows: Sequence[Row], out: Path
) -> tuple[list[Score], list[str]]:
    """Write which questions the training data holds; the judge's scores on the others, and what to say."""
    from alpaca_exp.cleaning.dataset import read_dataset
    from alpaca_exp.cleaning.overlap import OverlapIndex
    from alpaca_exp.harness.contamination import CLEAN, overlap_counts, overlap_rows, question_texts, told

    index = OverlapIndex(question_texts(questions))
    overlaps = overlap_rows(index, index.hits(read_dataset(dataset.path)))
    write_jsonl(overlaps, out / "overlaps.jsonl")
    notes = list(told(overlap_counts(index, overlaps), Counter(d.task for d in index.sizes), []))
    taken = {row["doc_id"] for row in overlaps}
    clean = judge_scores([row for row in rows if row["question_id"] not in taken]) if taken else []
    counts = [score for score in clean if score.metric.partition("/")[0] == "unparsed"]
    named = [replace(score, metric=f"{score.metric}{CLEAN}") for score in clean if score not in counts]
    return named, notes


def _answers(artifact: Artifact) -> dict[str, Row]:
    rows = read_jsonl(artifact / "completions.jsonl", required=("question_id", "text"))
    return {str(row["question_id"]): row for row in rows}


def _pairs(
    questions: Sequence[Row], theirs: dict[str, Row], ours: dict[str, Row]
) -> tuple[list[Pair], list[str]]:
    """The questions that both answered, with the answers, and a sentence on what either lacks."""
    names = [row["question_id"] for row in questions]
    lacking = {
        "the model": [n for n in names if n not in ours],
        "the opponent": [n for n in names if n not in theirs],
    }
    both = [row for row in questions if row["question_id"] in theirs and row["question_id"] in ours]
    if not both:
        raise InputError(
            f"The model's {len(ours)} answers and the opponent's {len(theirs)} have none of the "
            f"{len(questions)} questions in common; answer the same questions with both"
        )
    told = [f"{who} did not answer {_named(absent)}" for who, absent in lacking.items() if absent]
    notes = [f"{len(both)} of {len(questions)} questions are compared; {', and '.join(told)}"] if told else []
    return [(row, theirs[row["question_id"]], ours[row["question_id"]]) for row in both], notes


def _too_few(limit: int | None, count: int) -> Iterator[str]:
    if limit is not None and count < limit:
        yield f"judge.questions.limit is {limit}, but there are {count} questions"


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (
        f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    )


def _words(answer: Row) -> int:
    return len(answer["text"].split())
