"""Rows of their own for runs that were measured otherwise: no cell is a mean over what cannot be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from alpaca_exp.records import Row
from alpaca_exp.report.likeness import OWN_BACKEND
from alpaca_exp.report.metrics import audit_of, audits_of, parts_of, tasks_of
from alpaca_exp.report.runs import ABSENT, Run

Asked = Mapping[str, str]
"""How a run's documents were put to its model; what is not known of it is left out."""
FIELDS = ("frame", "limit", "num_fewshot")
"""Of `eval_suite`: what is known of an evaluation before it was made."""


def rows_apart(
    runs: Sequence[Run], rows: str, columns: str | None, metrics: Sequence[str], outputs: Path
) -> dict[str, str]:
    """The row of each run, by the run's name: its place on the axis `rows`, as a rule.

    Where runs of one cell were asked otherwise (prompt frame, limit, solved examples, lm-eval's version,
    documents), a row is added for each way, and its label says what tells it apart: `base, frame=raw`.
    """
    found: dict[str, str] = {}
    places: dict[str, dict[str, list[Run]]] = {}
    for run in runs:
        cells = places.setdefault(run.label(rows), {})
        cells.setdefault(run.label(columns) if columns else "", []).append(run)
    for place, cells in places.items():
        found |= _labelled(place, list(cells.values()), metrics, outputs)
    return found


def _labelled(
    place: str, cells: Sequence[Sequence[Run]], metrics: Sequence[str], outputs: Path
) -> dict[str, str]:
    """The label of each run of a place; the same keys tell its rows apart in every column."""
    asked = {run.name: _asked(run, metrics, outputs) for cell in cells for run in cell}
    keys = _differing([[asked[run.name] for run in cell] for cell in cells])
    alike: dict[tuple[str, ...], list[list[Run]]] = {}
    for cell in cells:
        ways: dict[tuple[str, ...], list[Run]] = {}
        for run in cell:
            ways.setdefault(_way(asked[run.name], keys, list(asked.values())), []).append(run)
        for way, same in ways.items():
            alike.setdefault(way, []).append(same)
    found = {}
    for way, parts in alike.items():
        label = ", ".join([place, *(f"{key}={value}" for key, value in zip(keys, way, strict=True))])
        documents = [_documents(part, metrics, outputs) for part in parts]
        several = any(len(set(one.values())) > 1 for one in documents)
        named = _named(parts, documents) if several else {}
        for name, digest in (item for one in documents for item in one.items()):
            found[name] = f"{label}, {named.get(name, f'documents={digest}')}" if several else label
    return found


def _asked(run: Run, metrics: Sequence[str], outputs: Path) -> Asked:
    """What its evaluation notes; before there is one, what its configuration says."""
    audit, tasks = audit_of(run.artifacts, outputs), _tasks(run, metrics, outputs)
    if audit is None:
        told = {key: run.label(f"eval_suite.{key}") for key in FIELDS}
        own = {key: value for key, value in told.items() if value not in (ABSENT, "null")}
        return own | ({"limit": "all"} if told["limit"] == "null" else {})
    if not tasks:
        return {}
    shots = sorted({str(task.get("num_fewshot") or 0) for task in tasks}, key=int)
    return {
        "frame": str(audit["frame"]),
        "limit": "all" if audit.get("limit") is None else str(audit["limit"]),
        "num_fewshot": "/".join(shots),
        **({"fewshot_seed": str(audit.get("fewshot_seed"))} if shots != ["0"] else {}),
        "lm_eval": str(audit.get("lm_eval")),
        "backend": str(audit.get("backend", OWN_BACKEND)),
    }


def _differing(cells: Sequence[Sequence[Asked]]) -> list[str]:
    """The keys that some cell holds several values of."""
    keys = dict.fromkeys(key for cell in cells for asked in cell for key in asked)
    return [
        key for key in keys if any(len({asked[key] for asked in cell if key in asked}) > 1 for cell in cells)
    ]


def _way(asked: Asked, keys: Sequence[str], others: Sequence[Asked]) -> tuple[str, ...]:
    """The values of `keys`; what is not known is taken from the first run that is like it in all that is."""
    known = [key for key in keys if key in asked]
    like = (other for other in others if all(other.get(key) == asked[key] for key in known))
    whole = next((other for other in like if all(key in other for key in keys)), asked)
    return tuple(whole.get(key, ABSENT) for key in keys)


def _documents(runs: Sequence[Run], metrics: Sequence[str], outputs: Path) -> dict[str, str]:
    """By run, a short hash of the documents and prompts of the tasks that all of `runs` have."""
    told = {
        run.name: {str(task["task"]): (task.get("task_version"), task["prompts"]) for task in tasks}
        for run in runs
        if (tasks := [task for task in _tasks(run, metrics, outputs) if task.get("prompts")])
    }
    common = set.intersection(*map(set, told.values())) if told else set()
    digests = {
        name: hashlib.sha256(repr(sorted((task, tasks[task]) for task in common)).encode()).hexdigest()[:6]
        for name, tasks in told.items()
    }
    first = next(iter(digests.values()), "")  # a run that did not end is counted in one of the rows
    return {run.name: digests.get(run.name, first) for run in runs}


def _named(parts: Sequence[Sequence[Run]], documents: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """By run, the option that its documents follow from (`world=tiny`); none where none tells them apart."""
    digests = {name: digest for one in documents for name, digest in one.items()}
    runs = [run for part in parts for run in part]
    for axis in ("preset", "world", "eval_suite"):
        pairs = {(run.label(axis), digests[run.name]) for run in runs if run.done}
        if len(pairs) == len({label for label, _ in pairs}) == len({digest for _, digest in pairs}):
            return {run.name: f"{axis}={run.label(axis)}" for run in runs}
    return {}


def _tasks(run: Run, metrics: Sequence[str], outputs: Path) -> list[Row]:
    """What the evaluation notes of the tasks that the metrics are read from."""
    audits = audits_of(run.artifacts, outputs)
    if not audits:
        return []
    parts = [part for metric in metrics for part in parts_of(metric, run.artifacts, outputs)]
    return [audits[task] for task in tasks_of(parts, run.artifacts, outputs) if task in audits]
