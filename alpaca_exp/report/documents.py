"""A metric document by document, so that two models can be compared over the same ones."""

from __future__ import annotations

from pathlib import Path

from alpaca_exp.report.columns import columns
from alpaca_exp.report.judged import PREFIX
from alpaca_exp.report.judged_values import of_questions, question_values
from alpaca_exp.report.measured import Document as Document
from alpaca_exp.report.measured import Measured, measured, together
from alpaca_exp.report.metrics import ASSESSED, audits_of, parts_of, tasks_of
from alpaca_exp.report.rows import jsonl
from alpaca_exp.scoreboard import means


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
    file = outputs.joinpath("evaluate", artifacts["evaluate"], "documents.jsonl")
    parts: list[Measured] = []
    for part in parts_of(metric, artifacts, outputs):
        inside = [(task, *part[1:]) for task in tasks_of([part], artifacts, outputs)]
        sound = all(means(one, audits) for one in inside)
        parts.append(together([_documents(file, *one) for one in inside]) if sound else measured({}))
    return list(parts) if parts and all(parts) else []


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
