"""The data card: how many rows each step took or changed, how long outputs are, where the data came from."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from alpaca_exp.records import Row

Lengths = dict[str, float]


def card(
    counts: Mapping[str, Any],
    removed: Sequence[Row],
    edited: Sequence[Row],
    before: Sequence[Row],
    after: Sequence[Row],
    lineage: Mapping[str, Any],
) -> Row:
    """`card.json`: counts, lengths of outputs in words before and after, and lineage."""
    return {
        "counts": {
            "rows_in": len(before),
            "rows_out": len(after),
            "removed": _by_rule(removed),
            "edited": _by_rule(edited),
            **counts,
        },
        "lengths": {"before": word_lengths(before), "after": word_lengths(after)},
        "lineage": dict(lineage),
    }


def word_lengths(rows: Sequence[Row]) -> Lengths:
    """Mean, median, 95th percentile and maximum of the outputs' lengths in words (split at blanks)."""
    words = sorted(len(row["output"].split()) for row in rows)
    place = 0.95 * (len(words) - 1)
    low = int(place)
    high = min(low + 1, len(words) - 1)
    return {
        "mean": round(statistics.fmean(words), 3),
        "median": statistics.median(words),
        "p95": round(words[low] + (place - low) * (words[high] - words[low]), 3),
        "max": words[-1],
    }


def _by_rule(rows: Sequence[Row]) -> dict[str, int]:
    return dict(sorted(Counter(row["rule"] for row in rows).items()))
