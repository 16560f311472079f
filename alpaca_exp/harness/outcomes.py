"""What is kept of a scored task, and what an evaluation's parts say together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lm_eval.api.task import Task

from alpaca_exp.harness.audits import Request, audit, flags
from alpaca_exp.harness.groups import group_rows, groups_of
from alpaca_exp.harness.guessing import guessing
from alpaca_exp.harness.results import document_rows, one_each, score_rows, suite_row
from alpaca_exp.records import Row, Score, as_row
from alpaca_exp.schemas import EvalSuiteConfig


def outcome(name: str, task: Task, results: Row, lm: Any) -> Row:
    """The task's `scores`, `documents` and `audit`, as JSON holds them; `lm` is the model that was scored."""
    samples = results["samples"][name]
    known = guessing(task, one_each(samples))
    cut: Collection[Request] = getattr(lm, "truncated", ())  # a server does not tell
    limit: int = getattr(lm, "max_length", 0)
    return {
        "scores": [as_row(row) for row in score_rows(name, task, results, known)],
        "documents": document_rows(name, task, samples, known),
        "audit": audit(name, task, samples, cut, limit, known),
    }


def means(done: Sequence[Row], scores: Sequence[Score]) -> list[Score]:
    """Those of the scores that are a mean over documents: others cannot be had for some of them alone."""
    how = {part["audit"]["task"]: part["audit"]["metrics"] for part in done}
    return [score for score in scores if _error(how, score) in ("analytic", "clustered")]


def audited(done: Sequence[Row], scores: Sequence[Score]) -> list[Row]:
    """Each task's audit with its `flags`: the last look, once the documents were sought in the data."""
    rows: dict[str, list[Row]] = {}
    for score in scores:
        rows.setdefault(score.task, []).append(as_row(score))
    audits = [part["audit"] for part in done]
    return [found | {"flags": flags(found, rows.get(found["task"], []))} for found in audits]


def with_means(suite: EvalSuiteConfig, scores: Sequence[Score]) -> list[Score]:
    """The scores, then those of groups, then the suite's means of which every part was measured."""
    found = [*scores, *group_rows(suite, scores)]
    measured = {f"{score.task}.{score.metric}{end}" for score in found for end in ("", f"/{score.filter}")}
    whole = {name: parts for name, parts in suite.means().items() if measured.issuperset(parts)}
    return found + [suite_row(name, parts, found) for name, parts in whole.items()]


def asked(suite: EvalSuiteConfig) -> Row:
    """How the documents were put to the model: what only equal evaluations have in common."""
    return {
        "frame": suite.frame.value,
        "num_fewshot": suite.num_fewshot,
        "shots": suite.shots,
        "fewshot_seed": suite.fewshot_seed,
        "limit": suite.limit,
        "backend": suite.backend.value,
        "groups": {group.name: list(group.tasks) for group in groups_of(suite)},
    }


def _error(how: Mapping[str, Row], score: Score) -> str | None:
    """How its standard error was found."""
    found: str | None = how.get(score.task, {}).get(score.metric, {}).get("stderr")
    return found
