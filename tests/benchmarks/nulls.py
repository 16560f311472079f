"""How often a table of 20 true nulls calls one of them better: rows that are equal in truth, after Holm.

    python -m tests.benchmarks.nulls                 1,000 tables a design, some 4 minutes on one core
    python -m tests.benchmarks.nulls --tables 200    the same sooner, with more chance in it

21 recipes that give equal models on average: 20 rows against the first, paired by seed and document, each
difference with its interval and its p value, all adjusted together, through the functions that the report
calls. With one seed the rows are right or wrong and the test is McNemar's; seeds then do nothing, since it
speaks of these checkpoints only. A table is false where any row is marked, in either direction; "better"
counts those marked upwards. With 1,000 tables the share is off by .007 (standard error).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from alpaca_exp.statistics.crossed import crossed
from alpaca_exp.statistics.mcnemar import mcnemar
from alpaca_exp.statistics.significance import holm, p_value
from tests.crossed_worlds import Array, Design, World

ROWS, ALPHA, MOST = 20, 0.05, 0.065
RIGHT, LIKELY = World((0.6,) * (ROWS + 1)), World((0.9,) * (ROWS + 1))
POINTS = World((0.0,) * (ROWS + 1), None)
JUDGED = World((0.5,) * (ROWS + 1), (-0.4, 0.4))
UNTUNED = World((0.5,) * (ROWS + 1), untuned=(0,))
CLUSTERS = World((0.6,) * (ROWS + 1), sizes=(1, 1, 2, 3, 1, 6))


@dataclass(frozen=True)
class Tables:
    """How many of a thousand tables are false, of one design."""

    case: str
    design: Design
    marked: float
    better: float
    unadjusted: float
    """Of tables with a row whose own p value is at most .05: what Holm prevents."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", type=int, default=1_000, help="a design; default: %(default)s")
    tables, started = parser.parse_args().tables, time.time()
    print("| tables of 20 nulls | seeds x documents, deviation | false | better | without Holm |")
    print("|---|---|---|---|---|")
    found = []
    for case, world, design in _designs():
        found.append(_of(case, world, design, tables))
        one = found[-1]
        shown = f"{design[0]} x {design[1]}, {design[2]:g}"
        mark = "!" * (one.marked > MOST)
        print(
            f"| {case} | {shown} | {one.marked:.3f}{mark} | {one.better:.3f} | {one.unadjusted:.3f} |",
            flush=True,
        )
    worst = max(found, key=lambda one: one.marked)
    print(f"\nworst {worst.marked:.3f}, {worst.case} {worst.design}; {time.time() - started:.0f} s")
    print(json.dumps(_summary(found, worst, tables)))


def _designs() -> Iterator[tuple[str, World, Design]]:
    for n in (80, 1_000):
        yield "accuracies, McNemar", RIGHT, (1, n, 0.0)
    yield "accuracies near .9, McNemar", LIKELY, (1, 80, 0.0)
    yield "points", POINTS, (1, 80, 0.0)
    yield "win rates", JUDGED, (1, 80, 0.0)
    for seeds in (2, 3, 5, 10):
        for deviation in (0.0, 0.5, 2.0):
            yield "accuracies", RIGHT, (seeds, 80, deviation)
    for deviation in (0.0, 2.0):
        yield "accuracies", RIGHT, (3, 1_000, deviation)
        yield "accuracies near .9", LIKELY, (3, 80, deviation)
        yield "points", POINTS, (3, 80, deviation)
        yield "win rates", JUDGED, (3, 80, deviation)
        yield "against an untuned base", UNTUNED, (3, 80, deviation)
        yield "accuracies, clusters", CLUSTERS, (3, 80, deviation)


def _of(case: str, world: World, design: Design, tables: int) -> Tables:
    rng = np.random.default_rng((len(case), *map(int, (design[0], design[1], 10 * design[2]))))
    weights = (1.0, *(0.0,) * ROWS) if not world.untuned else (0.0, 1.0, *(0.0,) * (ROWS - 1))
    exact = case.endswith("McNemar")
    marks, better, alone = [], [], []
    for drawn in world.draw(rng, tables, design, weights):
        for at in range(drawn.cells.shape[1]):
            tested = _tested(drawn.cells[:, at], world.clusters(design[1]), exact)
            adjusted = holm([p for p, _ in tested])
            false = [up for p, (_, up) in zip(adjusted, tested, strict=True) if p <= ALPHA]
            marks.append(bool(false))
            better.append(any(false))
            alone.append(any(p <= ALPHA for p, _ in tested))
    return Tables(case, design, *(float(np.mean(one)) for one in (marks, better, alone)))


def _tested(cells: Array, clusters: tuple[int, ...] | None, exact: bool) -> list[tuple[float, bool]]:
    """Each row's p value against the first, and whether it stands above it."""
    found = []
    for row in cells[1:]:
        if exact:
            found.append((mcnemar(row[0], cells[0, 0]), bool(row.mean() > cells[0].mean())))
            continue
        interval = crossed(row - cells[0], clusters)
        p = p_value(interval)
        assert p is not None
        found.append((p, interval.mean > 0))
    return found


def _summary(found: list[Tables], worst: Tables, tables: int) -> dict[str, object]:
    rows = [
        {
            "case": f"{one.case}, {one.design[0]} x {one.design[1]}, {one.design[2]:g}",
            "ratio": round(one.marked / ALPHA, 2),
            "ours": one.marked,
            "peer": one.unadjusted,
            "peer_name": "without Holm",
            "better": one.better,
        }
        for one in found
    ]
    return {
        "name": "nulls",
        "ratio": round(worst.marked / ALPHA, 2),
        "ours": worst.marked,
        "peer": ALPHA,
        "unit": f"share of false tables, the worst design's; at most {MOST} is wanted",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "n": tables,
        "rows": rows,
    }


if __name__ == "__main__":
    main()
