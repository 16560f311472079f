"""What a suite's documents share with the training data, and the scores without those that do."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from alpaca_exp.cleaning.overlap import Document, Hit, OverlapIndex
from alpaca_exp.records import Row, Score
from alpaca_exp.statistics.clusters import clustered_stderr

CLEAN = "_clean"
"""A metric with this ending is that metric on the documents that the training data does not hold."""


JUDGE_QUESTIONS = "judge_questions"
"""The task that the judge's questions count as."""


def question_texts(questions: Iterable[Row]) -> list[Document]:
    """The judge's questions (rows with `question_id` and `text`) as documents."""
    return [Document(JUDGE_QUESTIONS, row["question_id"], row["text"]) for row in questions]


def overlap_rows(index: OverlapIndex, hits: Iterable[Hit]) -> list[Row]:
    """`overlaps.jsonl`: one line for each document of `hits`, in the index's order.

    `ngram` is the first that was found, `fields` counts the rows' fields that hold one, and `share` is
    how much of the document's n-grams was found.
    """
    found: dict[Document, list[Hit]] = {}
    for hit in hits:
        found.setdefault(hit.document, []).append(hit)
    return [
        {
            "task": document.task,
            "doc_id": document.doc_id,
            "ngram": found[document][0].ngrams[0],
            "row_ids": list(dict.fromkeys(hit.row_id for hit in found[document])),
            "fields": dict(sorted(Counter(hit.field for hit in found[document]).items())),
            "share": round(len({gram for hit in found[document] for gram in hit.ngrams}) / size, 4),
        }
        for document, size in index.sizes.items()
        if document in found
    ]


def overlap_counts(index: OverlapIndex, overlaps: Sequence[Row]) -> dict[str, Row]:
    """Per task: the n, documents that overlap, those too short to be found, n-grams that were its wording."""
    overlapping = Counter(row["task"] for row in overlaps)
    short = Counter(document.task for document, size in index.sizes.items() if not size)
    return {
        task: {
            "ngram": index.n,
            "documents": overlapping[task],
            "too_short": short[task],
            "boilerplate": index.boilerplate.get(task, 0),
        }
        for task in dict.fromkeys(document.task for document in index.sizes)
    }


def reasons(hits: Iterable[Hit]) -> dict[str, str]:
    """By row id, why a row overlaps: its first field that does, what it shares, and with which document."""
    found: dict[str, list[Hit]] = {}
    for hit in hits:
        found.setdefault(hit.row_id, []).append(hit)
    return {row_id: _reason(of_row) for row_id, of_row in found.items()}


def _reason(hits: Sequence[Hit]) -> str:
    first, others = hits[0], len({hit.document for hit in hits}) - 1
    more = f" and {others:,} more" if others else ""
    return (
        f'its {first.field} shares "{first.ngrams[0]}" with document {first.document.doc_id} '
        f"of {first.document.task}{more}"
    )


def clean_scores(
    scores: Sequence[Score], documents: Iterable[Row], overlaps: Sequence[Row]
) -> Iterator[Score]:
    """Of each task that overlaps, its means once more as `<metric>_clean`: without those documents.

    A metric that is no mean over documents is left out, and so is one of which no document is left.
    """
    taken = {(row["task"], row["doc_id"]) for row in overlaps}
    affected = {task for task, _ in taken}
    rows: dict[tuple[str, str], list[Row]] = {}
    for row in documents:
        if row["task"] in affected and (row["task"], row["doc_id"]) not in taken:
            rows.setdefault((row["task"], row["metric"]), []).append(row)
    for score in scores:
        named = score.metric if score.filter == "none" else f"{score.metric},{score.filter}"
        clean = rows.get((score.task, named))
        if clean and score.stderr is not None:
            values = [float(row["value"]) for row in clean]
            yield replace(
                score,
                metric=f"{score.metric}{CLEAN}",
                value=statistics.fmean(values),
                stderr=clustered_stderr(values, [row.get("cluster", row["doc_id"]) for row in clean]),
                n=len(clean),
            )


def told(counts: Mapping[str, Row], sizes: Mapping[str, int], scores: Sequence[Score]) -> Iterator[str]:
    """One sentence for each task that overlaps, with what each metric is without those documents."""
    named = {(score.task, score.metric): score.value for score in scores}
    for task, count in counts.items():
        if count["documents"]:
            changes = [
                f"{metric} {named[task, metric]:.3f}, without them {value:.3f}"
                for (of, clean), value in named.items()
                if of == task and clean.endswith(CLEAN) and (metric := clean.removesuffix(CLEAN))
            ]
            yield "; ".join(
                [
                    f"{count['documents']:,} of {sizes[task]:,} documents of {task} share "
                    f"{count['ngram']} words in a row, or all of a shorter text, with the training data",
                    *changes,
                ]
            )
