"""How far a reading may be off, document by document: what its standard error is made of."""

from __future__ import annotations

import functools
import math
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alpaca_exp.report.documents import document_values
from alpaca_exp.report.judged import judging
from alpaca_exp.report.judged_values import of_questions
from alpaca_exp.report.measured import Asked, Measured

Array = npt.NDArray[np.float64]
Key = tuple[str, str]
"""A document: its id, and the hash of its content (its task's name, where there is none)."""


@dataclass(frozen=True, eq=False)
class Columns:
    """Which documents a metric is the mean of, and how each counts; one object for runs asked the same."""

    documents: tuple[Key, ...]
    groups: tuple[Hashable, ...]
    """Their clusters; a document that has none is its own."""
    places: tuple[npt.NDArray[np.intp], ...]
    """By task, the column of each of its documents."""
    scales: tuple[float, ...]
    """By task, how much of a document's deviation is the reading's."""


NONE = Columns((), (), (), ())


@functools.cache
def shares(metric: str, source: str, value: float, outputs: Path) -> tuple[Columns, Array]:
    """Each document's share in how far the reading may be off; without columns where it is no mean of theirs.

    A document that several of the metrics have in common adds them up.
    """
    stage, _, fingerprint = source.partition("/")
    artifacts = {stage: fingerprint}
    parts = _words(artifacts, outputs) if metric == "words" else document_values(metric, artifacts, outputs)
    means = [math.fsum(part.numbers) / len(part) for part in parts if len(part)]
    if not parts or not math.isclose(math.fsum(means) / len(parts), value, rel_tol=1e-6, abs_tol=1e-9):
        return NONE, np.zeros(0)
    columns = _columns(tuple(part.asked for part in parts))
    if columns is NONE:
        return NONE, np.zeros(0)
    found = np.zeros(len(columns.documents))
    for part, mean, places, scale in zip(parts, means, columns.places, columns.scales, strict=True):
        found[places] += scale * (part.numbers - mean)
    return columns, found


@functools.lru_cache(maxsize=1024)
def _columns(asked: tuple[Asked, ...]) -> Columns:
    """The columns of tasks that a metric is the mean of; none where a task has one document, or one cluster.

    A document of a task counts 1 / documents of the task / tasks, times the root of G / (G - 1) for G
    documents, or clusters: that makes of the sum of squares an estimate without bias.
    """
    groups: dict[Key, Hashable] = {}
    own, counts = [], []
    for number, task in enumerate(asked):
        keys = [(one.doc_id, one.doc_hash) for one in task.documents]
        clusters = [one.cluster for one in task.documents]
        grouped = keys if None in clusters else [(number, cluster) for cluster in clusters]
        for key, group in zip(keys, grouped, strict=True):
            groups.setdefault(key, group)
        own.append(keys)
        counts.append(len(set(grouped)))
    if min(counts) < 2:
        return NONE
    place = {key: column for column, key in enumerate(groups)}
    return Columns(
        documents=tuple(groups),
        groups=tuple(groups.values()),
        places=tuple(np.array([place[key] for key in keys], np.intp) for keys in own),
        scales=tuple(
            math.sqrt(count / (count - 1)) / len(keys) / len(own)
            for keys, count in zip(own, counts, strict=True)
        ),
    )


def _words(artifacts: dict[str, str], outputs: Path) -> list[Measured]:
    """The lengths of the answers to the judge's questions, which its verdicts hold."""
    told = judging(artifacts.get("judge", ""), outputs)
    return [of_questions(told.words)] if told and told.words else []
