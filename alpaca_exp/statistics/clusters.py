"""The standard error of a mean over documents that come in groups."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence


def clustered_stderr(values: Sequence[float], clusters: Sequence[Hashable]) -> float | None:
    """Of the mean of `values`, where values of one cluster may depend on one another; None for one cluster.

    The root of G / (G - 1) x the sum over clusters of (the sum of its values' deviations from the mean)^2,
    over n: Liang and Zeger 1986, Biometrika 73, with the correction for few clusters that Cameron and Miller
    2015, J. Human Resources 50, give; for evaluations proposed by Miller 2024, arXiv:2411.00640. Where each
    value is a cluster of its own it is s / sqrt(n).
    """
    mean = math.fsum(values) / len(values)
    sums: dict[Hashable, list[float]] = defaultdict(list)
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster].append(value - mean)
    count = len(sums)
    if count < 2:
        return None
    squares = math.fsum(math.fsum(deviations) ** 2 for deviations in sums.values())
    return math.sqrt(squares * count / (count - 1)) / len(values)
