"""A metric document by document, so that two models can be compared over the same ones."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

from alpaca_exp.report.columns import columns
from alpaca_exp.report.judged import PREFIX, of_questions, question_values
from alpaca_exp.report.measured import Document as Document
from alpaca_exp.report.measured import Measured, measured, together
from alpaca_exp.report.metrics import ASSESSED, audits_of, parts_of, tasks_of
from alpaca_exp.report.rows import jsonl
from alpaca_exp.scoreboard import means
from alpaca_exp.statistics.intervals import paired_stderr

Values = Mapping[Document, float]


def document_values(metric: str, artifacts: dict[str, str], outputs: Path) -> list[Measured]:
    """The values that the metric is the mean of; one mapping a task.

    Of `understanding` and `truthfulness` there is one for each metric that they are the mean of. Empty
    where the metric is no mean over documents.
    """
    if metric.startswith(ASSESSED):
        judged = _judged(metric.removeprefix(ASSESSED), artifacts, outputs)
        return [judged] if judged else []
    if metric.startswith(PREFIX):
        found = question_values(metric, artifacts, outputs)
        return [of_questions(found)] if found else []
    if "evaluate" not in artifacts:
        return []
    audits = audits_of(artifacts, outputs)
    file = outputs / "evaluate" / artifacts["evaluate"] / "documents.jsonl"
    parts: list[Measured] = []
    for part in parts_of(metric, artifacts, outputs):
        inside = [(task, *part[1:]) for task in tasks_of([part], artifacts, outputs)]
        sound = all(means(one, audits) for one in inside)
        parts.append(together([_documents(file, *one) for one in inside]) if sound else measured({}))
    return list(parts) if parts and all(parts) else []


def difference_stderr(ours: Sequence[Values], theirs: Sequence[Values]) -> float | None:
    """The standard error of the mean of the differences; None unless both hold the very same documents.

    Metrics over the same documents are added up document by document, so that what they share is counted
    as it is; other tasks are independent. Documents of one cluster go together.
    """
    if not ours or [part.keys() for part in ours] != [part.keys() for part in theirs]:
        return None
    same: dict[frozenset[tuple[str, str]], dict[str, float]] = {}
    clusters: dict[str, Hashable] = {}
    for mine, other in zip(ours, theirs, strict=True):
        added = same.setdefault(frozenset((d.doc_id, d.doc_hash) for d in mine), {})
        for document, value in mine.items():
            added[document.doc_id] = added.get(document.doc_id, 0.0) + value - other[document]
            clusters[document.doc_id] = document.cluster
    parts = [_stderr(added, clusters) for added in same.values()]
    known = [part for part in parts if part is not None]
    return math.hypot(*known) / len(ours) if len(known) == len(parts) else None


def _stderr(differences: Mapping[str, float], clusters: Mapping[str, Hashable]) -> float | None:
    groups = [clusters[doc_id] for doc_id in differences]
    values = list(differences.values())
    return paired_stderr(values, [0.0] * len(values), None if None in groups else groups)


def _documents(file: Path, task: str, metric: str, chosen: str) -> Measured:
    name = metric if chosen == "none" else f"{metric},{chosen}"
    return columns(file).get((task, name)) or measured({})


def _judged(name: str, artifacts: dict[str, str], outputs: Path) -> Measured:
    """What the judge said of each answer, where it could be read: truthful, informative, or both."""
    rows = jsonl(outputs / "assess" / artifacts.get("assess", "") / "judgments.jsonl")
    asked = ("truthful", "informative") if name == "both" else (name,)
    read = {str(row["doc_id"]): [row.get(one) for one in asked] for row in rows}
    return measured(
        {Document(doc, ASSESSED): float(all(said)) for doc, said in read.items() if None not in said}
    )
