"""Whether two evaluations, or judgings, asked the same: what differs in frame, documents or versions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from alpaca_exp.records import Row
from alpaca_exp.report.judged import PREFIX, unlike_among_judgings, unlike_judgings
from alpaca_exp.report.metrics import audit_of, parts_of, score_rows, tasks_of
from alpaca_exp.report.runs import Run
from alpaca_exp.scoreboard import named

OWN_BACKEND = "transformers"
"""Who scored where an audit does not say."""
FRAMES = {"raw": "raw prompt", "alpaca": "Alpaca frame"}


def unlike(metric: str, runs: Sequence[Run], others: Sequence[Run], outputs: Path) -> list[str]:
    """What was asked otherwise of one of `runs` than of one of `others`, a phrase each; empty: nothing.

    Of metrics that an evaluation left what its `audit.json` tells, of the judge's what its verdicts tell.
    """
    if metric.startswith(PREFIX):
        ours, theirs = (
            [run.artifacts["judge"] for run in _distinct(metric, side, outputs)] for side in (runs, others)
        )
        return list(unlike_judgings(ours, theirs, outputs))
    pairs = {(_source(metric, a, outputs), _source(metric, b, outputs)): (a, b) for a in runs for b in others}
    known = [pair for sources, pair in pairs.items() if all(sources) and sources[0] != sources[1]]
    said = (phrase for a, b in known for phrase in _differences(metric, a.artifacts, b.artifacts, outputs))
    return list(dict.fromkeys(said))


def unlike_among(metric: str, runs: Sequence[Run], outputs: Path) -> list[str]:
    """The same among the runs of one cell."""
    distinct = _distinct(metric, runs, outputs)
    if metric.startswith(PREFIX):
        return list(unlike_among_judgings([run.artifacts["judge"] for run in distinct], outputs))
    pairs = combinations(distinct, 2)
    both = ((unlike(metric, [a], [b], outputs), unlike(metric, [b], [a], outputs)) for a, b in pairs)
    said = (min(ways) for one, other in both for ways in zip(one, other, strict=True))
    return list(dict.fromkeys(said))


def _distinct(metric: str, runs: Sequence[Run], outputs: Path) -> list[Run]:
    """One run for each artifact that the metric was read from."""
    found = {_source(metric, run, outputs): run for run in runs}
    return [run for source, run in found.items() if source]


def _source(metric: str, run: Run, outputs: Path) -> str:
    """The evaluation or judging that the metric was read from; "" where it is neither's."""
    if metric.startswith(PREFIX):
        return run.artifacts.get("judge", "")
    rows = score_rows(run.artifacts, "evaluate", outputs)
    return run.artifacts["evaluate"] if any(named(row) == metric for row in rows) else ""


def _differences(metric: str, one: dict[str, str], other: dict[str, str], outputs: Path) -> Iterator[str]:
    ours, theirs = audit_of(one, outputs), audit_of(other, outputs)
    if not ours or not theirs:
        return
    parts = parts_of(metric, one, outputs)
    if parts != parts_of(metric, other, outputs):
        yield f"{metric} is made of other metrics"
        return
    told = list(_of_suites(ours, theirs))
    tasks = tasks_of(parts, one, outputs)
    for task in tasks:
        told += _of_tasks(task, _task(ours, task), _task(theirs, task))
    if not told:
        pairs = ((task, _task(ours, task), _task(theirs, task)) for task in tasks)
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
    for key, words in (("fewshot_seed", "solved examples drawn with seed"), ("lm_eval", "lm-eval")):
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


def _task(audit: Row, task: str) -> Row:
    return next((row for row in audit["tasks"] if row["task"] == task), {})
