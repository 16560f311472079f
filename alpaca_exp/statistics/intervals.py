"""95 % intervals: what they speak of, and those of one checkpoint.

With one seed nothing is known about other seeds; what remains is the evaluation's own standard error, which
speaks of this checkpoint only. Those over seeds, and over seeds and documents, are in `statistics.crossed`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from alpaca_exp.statistics.clusters import clustered_stderr

Limits = tuple[float, float]
"""What no value of a metric lies below, and above."""


class Doubt(Enum):
    """What an interval speaks of."""

    seeds = "over seeds"
    checkpoint = "of this checkpoint only"
    unknown = "no interval"


@dataclass(frozen=True)
class Part:
    """A part of an estimate's variance, with the degrees of freedom that it was estimated on."""

    variance: float
    df: float


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval; the bounds are None where nothing is known about its doubt."""

    mean: float
    low: float | None
    high: float | None
    n: int
    """How many seeds it rests on."""
    doubt: Doubt
    stderr: float | None = None
    df: float | None = None
    """Student's t with these degrees of freedom is as wide as the interval."""
    parts: tuple[Part, ...] = ()
    """What the squared standard error is made of: seeds, then documents."""
    limits: Limits | None = None
    """Within which it is not symmetric around the estimate (`statistics.combined`)."""
    both: float = 0.0
    """How much of the seeds' part is of single seeds on single documents: more documents lessen it too."""

    @property
    def speaks_of(self) -> str:
        """`over seeds and documents`: what it is an interval over."""
        both = self.doubt is Doubt.seeds and len(self.parts) > 1
        return f"{self.doubt.value} and documents" if both else self.doubt.value


def of_checkpoint(value: float, stderr: float | None) -> Interval:
    """One value with the normal interval of its standard error over documents."""
    if stderr is None:
        return Interval(value, None, None, 1, Doubt.unknown)
    half = 1.959964 * stderr
    return Interval(value, value - half, value + half, 1, Doubt.checkpoint)


def paired_stderr(
    first: Sequence[float], second: Sequence[float], clusters: Sequence[Hashable] | None = None
) -> float | None:
    """The standard error of mean(first) - mean(second) over the same documents; None for fewer than two.

    Where documents come in groups, over these (`clustered_stderr`); None for fewer than two of them.
    """
    differences = np.subtract(first, second)
    if differences.size < 2:
        return None
    if clusters is not None:
        return clustered_stderr(differences.tolist(), clusters)
    return float(np.std(differences, ddof=1) / math.sqrt(differences.size))
