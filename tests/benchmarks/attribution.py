"""How often intervals of effects, interactions and Shapley values hold the truth, in simulated factorials.

python -m tests.benchmarks.attribution: 2 x 3 cells, 1,000 worlds for each number of seeds and documents and
each deviation of seeds. The peer is a percentile bootstrap that draws seeds and documents anew.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from alpaca_exp.statistics.attribution import Cell, Factor, cells, effects, shapley
from alpaca_exp.statistics.crossed import crossed

Array = npt.NDArray[np.float64]
FACTORS = (Factor("scale", ("small", "large")), Factor("data", ("original", "cleaned", "uncapped")))
TRUTH = np.array([0.3, 0.5, 0.25, 0.5, 0.65, 0.5])
SEEDS, DOCUMENTS, DEVIATIONS = (1, 3, 5, 10), (80, 1_000), (0.0, 0.5, 2.0)
"""The last in standard errors that the documents leave one checkpoint."""
WORLDS, PEER_WORLDS, DRAWS = 1_000, 100, 300
HARD, TASTE, CHANCE = 0.3, 0.2, 0.2
"""How far documents differ: for all cells, for one cell, and from run to run."""
LEAST, MOST = 0.93, 0.97


def main() -> None:
    """Print a line a setting, and a JSON object."""
    worlds, peers = (200, 20) if "--quick" in sys.argv else (WORLDS, PEER_WORLDS)
    weights = dict(_contrasts())
    print(f"| seeds | documents | deviation | {' | '.join(weights)} | bootstrap |")
    rows: list[dict[str, Any]] = []
    for seeds, n, deviation in product(SEEDS, DOCUMENTS, DEVIATIONS):
        rng = np.random.default_rng([seeds, n, int(10 * deviation)])
        held, theirs = _covered(np.array(list(weights.values())), seeds, n, deviation, worlds, peers, rng)
        told = " | ".join(f"{one:.3f}" for one in held)
        print(f"| {seeds} | {n:,} | {deviation:g} | {told} | {theirs:.2f} |", flush=True)
        for name, ours in zip(weights, held, strict=True):
            case = f"{name}, {seeds} seeds, {n:,} documents, deviation {deviation:g}"
            ratio = round(ours / max(theirs, 0.01), 2)
            rows.append(
                {"case": case, "ratio": ratio, "ours": ours, "peer": theirs, "peer_name": "bootstrap"}
            )
    good = float(np.mean([LEAST <= row["ours"] <= MOST for row in rows]))
    peer = float(np.mean([LEAST <= row["peer"] <= MOST for row in rows]))
    print(json.dumps({
        "name": "attribution", "ratio": round(good / max(peer, 0.01), 2), "ours": good, "peer": peer,
        "unit": f"share of settings whose 95 % interval holds the truth in {LEAST:.0%} to {MOST:.0%}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": os.environ.get("OMP_NUM_THREADS", "all"), "n": len(rows), "rows": rows,
    }))  # fmt: skip


def _contrasts() -> Iterator[tuple[str, list[float]]]:
    places = cells(FACTORS)
    scale, cleaned, _, interaction, _ = effects(FACTORS, places)
    ways = shapley(FACTORS, places, ("small", "original"), ("large", "cleaned"))
    found: dict[str, Mapping[Cell, float]] = {
        "scale": scale.weights, "data": cleaned.weights, "interaction": interaction.weights,
        "Shapley value": ways.values["scale"],
    }  # fmt: skip
    yield from ((name, [one.get(cell, 0.0) for cell in places]) for name, one in found.items())


def _covered(
    weights: Array, seeds: int, n: int, deviation: float, worlds: int, peers: int, rng: np.random.Generator
) -> tuple[list[float], float]:
    """Of each contrast, and of the peer's for the last; with one seed the truth is its own checkpoints'."""
    held, theirs = np.zeros(len(weights)), 0
    spread = deviation * np.sqrt((HARD**2 + TASTE**2 + CHANCE**2) / n)
    for number in range(worlds):
        documents = rng.normal(0, HARD, (1, 1, n)) + rng.normal(0, TASTE, (len(TRUTH), 1, n))
        ofseeds = rng.normal(0, spread, (len(TRUTH), seeds, 1))
        scores = TRUTH[:, None, None] + documents + ofseeds + rng.normal(0, CHANCE, (len(TRUTH), seeds, n))
        truth = weights @ (TRUTH + (ofseeds[:, 0, 0] if seeds == 1 else 0.0))
        for at, values in enumerate(np.tensordot(weights, scores, 1)):
            one = crossed(values)
            held[at] += one.low is not None and one.high is not None and one.low <= truth[at] <= one.high
        if number < peers:
            low, high = _bootstrap(values, rng)
            theirs += low <= truth[-1] <= high
    return (held / worlds).round(3).tolist(), theirs / peers


def _bootstrap(values: Array, rng: np.random.Generator) -> tuple[float, float]:
    seeds, n = values.shape
    rows = rng.multinomial(seeds, np.full(seeds, 1 / seeds), DRAWS) / seeds
    columns = rng.multinomial(n, np.full(n, 1 / n), DRAWS) / n
    low, high = np.quantile(((rows @ values) * columns).sum(1), (0.025, 0.975))
    return float(low), float(high)


if __name__ == "__main__":
    main()
