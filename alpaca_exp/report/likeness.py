"""Whether two evaluations, or judgings, asked the same: what differs in frame, documents or versions."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

from alpaca_exp.records import Row
from alpaca_exp.report.judged import PREFIX, unlike_among_judgings, unlike_judgings
from alpaca_exp.report.metrics import audit_of, audits_of, has, parts_of, tasks_of
from alpaca_exp.report.runs import Run

OWN_BACKEND = "transformers"
"""Who scored where an audit does not say."""
NOTED = {"fewshot_seed": "solved examples drawn with seed", "lm_eval": "lm-eval"}
ASKED = ("num_fewshot", "task_version", "prompts")
"""What tells of a task how it was asked."""
FRAMES = {"raw": "raw prompt", "alpaca": "Alpaca frame"}


def unlike(metric: str, runs: Sequence[Run], others: Sequence[Run], outputs: Path) -> list[str]:
    """What was asked otherwise of one of `runs` than of one of `others`, a phrase each; empty: nothing.

    Of metrics that an evaluation left what its `audit.json` tells, of the judge's what its verdicts tell.
    """
    if metric.startswith(PREFIX):
        ours, theirs = ([run.artifacts["judge"] for run in _judged(side)] for side in (runs, others))
        return list(unlike_judgings(ours, theirs, outputs))
    mine, its = _ways(metric, runs, outputs), _ways(metric, others, outputs)
    said = (
        phrase for a in mine.items() for b in its.items() if a[0] != b[0]
        for phrase in _differences(metric, a[1], b[1], outputs)
    )  # fmt: skip
    return list(dict.fromkeys(said))


def unlike_among(metric: str, runs: Sequence[Run], outputs: Path) -> list[str]:
    """The same among the runs of one cell."""
    if metric.startswith(PREFIX):
        return list(unlike_among_judgings([run.artifacts["judge"] for run in _judged(runs)], outputs))
    pairs = combinations(_ways(metric, runs, outputs).values(), 2)
    both = ((_differences(metric, a, b, outputs), _differences(metric, b, a, outputs)) for a, b in pairs)
    said = (min(ways) for one, other in both for ways in zip(one, other, strict=True))
    return list(dict.fromkeys(said))


def _judged(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if "judge" in run.artifacts]


def _ways(metric: str, runs: Sequence[Run], outputs: Path) -> dict[Hashable, dict[str, str]]:
    """One run's artifacts for each way of asking, of those that have the metric and say how they asked."""
    found: dict[Hashable, dict[str, str]] = {}
    for run in runs:
        if has(metric, run.artifacts, outputs) and audit_of(run.artifacts, outputs):
            found.setdefault(_way(metric, run.artifacts["evaluate"], outputs), run.artifacts)
    return found


@functools.cache
def _way(metric: str, evaluation: str, outputs: Path) -> Hashable:
    """Equal for evaluations that asked the same for the metric."""
    artifacts = {"evaluate": evaluation}
    audit, audits = audit_of(artifacts, outputs), audits_of(artifacts, outputs)
    parts = parts_of(metric, artifacts, outputs)
    suite = (audit["frame"], audit.get("backend", OWN_BACKEND), *map(audit.get, ("limit", *NOTED)))
    tasks = tasks_of(parts, artifacts, outputs)
    asked = tuple((name, *(audits.get(name, {}).get(key) for key in ASKED)) for name in tasks)
    return suite, tuple(parts), asked


def _differences(metric: str, one: dict[str, str], other: dict[str, str], outputs: Path) -> Iterator[str]:
    ours, theirs = audit_of(one, outputs), audit_of(other, outputs)
    parts = parts_of(metric, one, outputs)
    if parts != parts_of(metric, other, outputs):
        yield f"{metric} is made of other metrics"
        return
    told = list(_of_suites(ours, theirs))
    tasks = tasks_of(parts, one, outputs)
    pairs = [(task, _task(one, task, outputs), _task(other, task, outputs)) for task in tasks]
    for task, mine, its in pairs:
        told += _of_tasks(task, mine, its)
    if not told:
        told += [f"other documents or prompts in {task}" for task, a, b in pairs
                 if a.get("prompts") != b.get("prompts")]  # fmt: skip
    yield from told


def _of_suites(ours: Row, theirs: Row) -> Iterator[str]:
    if ours["frame"] != theirs["frame"]:
        yield f"{FRAMES[ours['frame']]} against {FRAMES[theirs['frame']]}"
    if ours.get("limit") != theirs.get("limit"):
        yield f"{_documents(ours)} against {_documents(theirs)}"
    backends = [audit.get("backend", OWN_BACKEND) for audit in (ours, theirs)]
    if backends[0] != backends[1]:
        yield f"scored by {backends[0]} against {backends[1]}"
    for key, words in NOTED.items():
        if ours.get(key) != theirs.get(key):
            yield f"{words} {ours.get(key)} against {theirs.get(key)}"


def _of_tasks(task: str, ours: Row, theirs: Row) -> Iterator[str]:
    for key, words in (("num_fewshot", "{} against {} solved examples before a question"),
                       ("task_version", "version {} of " + task + " against {}")):  # fmt: skip
        if ours.get(key) != theirs.get(key):
            yield words.format(ours.get(key), theirs.get(key))


def _documents(audit: Row) -> str:
    limit = audit.get("limit")
    return "all documents" if limit is None else f"{limit:,} documents a task"


def _task(artifacts: dict[str, str], task: str, outputs: Path) -> Row:
    return audits_of(artifacts, outputs).get(task, {})
