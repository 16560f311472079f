"""How sure what some runs say is: its interval over seeds and documents, seeds within seeds included."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from alpaca_exp.report.evidence import TUNING, Evidence
from alpaca_exp.statistics.combined import combined
from alpaca_exp.statistics.crossed import crossed, crossed_apart, difference
from alpaca_exp.statistics.intervals import Doubt, Interval, Limits, Part


@functools.lru_cache(maxsize=1024)
def interval(found: Evidence, limits: Limits | None = None) -> Interval:
    """Over seeds and documents; of one checkpoint without documents, that of its own standard error.

    `limits` are what no value lies beyond, where the estimate may be near them. Where all values are alike
    those of the evidence tell what so many alike leave open.
    """
    rows = independent(found)
    error = rows.stderrs[0]
    if len(rows.readings) > 1 or rows.documents or error is None:
        return crossed(rows.values, rows.clusters, limits, rows.limits)
    return combined(float(rows.readings[0]), (Part(error**2, np.inf),), 1, Doubt.checkpoint, limits)


def unpaired(ours: Evidence, theirs: Evidence) -> Interval | None:
    """Of what shares no seeds, or no documents: each side with its own doubt (Welch's interval).

    None where one side is one checkpoint and the other several: of the one's seed nothing is known.
    """
    rows = [independent(one) for one in (ours, theirs)]
    several = all(len(one.seeds) > 1 for one in rows)
    if several and rows[0].documents and rows[0].documents == rows[1].documents:
        return crossed_apart(rows[0].values, rows[1].values, rows[0].clusters)
    return difference(interval(ours), interval(theirs))


def independent(found: Evidence) -> Evidence:
    """The rows, averaged where they share a pre-training or a data set and others have another one.

    Nine runs, three tunings of each of three pre-trainings, speak of pre-trainings as three do, not as nine.
    Where several such seeds vary, the one with the fewest values counts.
    """
    groups = min(_groupings(found.seeds), key=lambda rows: max(rows), default=None)
    if groups is None:
        return found
    parts = [np.flatnonzero(np.equal(groups, number)) for number in range(max(groups) + 1)]
    return replace(
        found,
        readings=np.array([found.readings[rows].mean() for rows in parts]),
        deviations=np.array([found.deviations[rows].mean(0) for rows in parts]),
        seeds=tuple(frozenset().union(*(found.seeds[row] for row in rows)) for rows in parts),
        stderrs=tuple(None for _ in parts),
    )


def _groupings(rows: Sequence[frozenset[tuple[str, ...]]]) -> list[list[int]]:
    """By seed of a pre-training or a teacher that varies, but less often than runs do: each row's number."""
    keys = sorted({seed.partition("=")[0] for row in rows for seeds in row for seed in seeds})
    found = []
    for key in (f"{key}=" for key in keys if f"{key}=" != TUNING):
        values = [
            frozenset(next((one for one in seeds if one.startswith(key)), "") for seeds in row)
            for row in rows
        ]
        places = {value: place for place, value in enumerate(dict.fromkeys(values))}
        if 1 < len(places) < len(rows) and all(len(value) == 1 for value in values):
            found.append([places[value] for value in values])
    return found
