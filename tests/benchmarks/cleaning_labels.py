"""What people decided about rows of Alpaca, and how well a set of flagged rows agrees with it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

Label = dict[str, Any]
"""One line of a file of labels: idx, label, basis, mar_status."""
Labels = Sequence[Label]


@dataclass(frozen=True)
class Score:
    """What was found of what there was to find."""

    hits: int
    false_alarms: int
    positives: int

    @property
    def flagged(self) -> int:
        """The rows that count for precision."""
        return self.hits + self.false_alarms

    @property
    def precision(self) -> float:
        """The share of the flagged rows that people changed; 0 where none is labelled."""
        return self.hits / max(1, self.flagged)

    @property
    def recall(self) -> float:
        """The share of the changed rows that are flagged."""
        return self.hits / max(1, self.positives)

    def __str__(self) -> str:
        sides = [("P", self.precision, self.flagged), ("R", self.recall, self.positives)]
        told = [f"{side} {share:.3f} {_interval(self.hits, n)}" for side, share, n in sides]
        counts = f"{self.hits} hits, {self.false_alarms} false alarms, {self.positives} changed"
        return f"{'  '.join(told)}  ({counts})"


READINGS: dict[str, tuple[Callable[[Label], bool], Callable[[Label], bool]]] = {
    "davinci-only": (lambda it: bool(it.get("mar_status")), lambda it: it.get("mar_status") == "changed"),
    "final": (lambda it: it.get("basis") == "final", lambda it: it["label"] != "kept"),
    "latest": (lambda it: True, lambda it: it["label"] != "kept"),
}
"""Which labels count, and which of them are positive."""


def score(flagged: Collection[int], labels: Labels, reading: str) -> Score:
    """The flagged rows against one reading of the labels."""
    counts, positive = READINGS[reading]
    told = [label for label in labels if counts(label)]
    hits = sum(positive(label) and label["idx"] in flagged for label in told)
    kept = [label for label in told if not positive(label) and label["label"] == "kept"]
    return Score(hits, sum(label["idx"] in flagged for label in kept), sum(map(positive, told)))


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22); of nothing it is 0 to 1."""
    if not n:
        return 0.0, 1.0
    z = 1.959964
    share, spread = hits / n, z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def _interval(hits: int, n: int) -> str:
    return "[{:.2f}, {:.2f}]".format(*wilson(hits, n))


def halves(labels: Labels) -> dict[str, Labels]:
    """All labels; the half that was looked at; the half that was only counted."""
    first = [hashlib.sha256(f"row-{label['idx']}".encode()).digest()[0] % 2 == 0 for label in labels]
    return {
        "all labels": labels,
        "half in view": [label for label, seen in zip(labels, first, strict=True) if seen],
        "half unseen": [label for label, seen in zip(labels, first, strict=True) if not seen],
    }
