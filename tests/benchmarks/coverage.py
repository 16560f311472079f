"""How often 95 % intervals hold the truth, over a grid of designs: seeds x documents x seeds' deviation.

    python -m tests.benchmarks.coverage                  1,000 worlds a cell, some 15 minutes on one core
    python -m tests.benchmarks.coverage --worlds 4000    the same with less chance in it
    python -m tests.benchmarks.coverage --only rate      the kinds whose name holds "rate"
    python -m tests.benchmarks.coverage --only judged    what a judge says at equal length

1, 3, 5 and 10 seeds; 80 and 1,000 documents; seeds that deviate by 0, .5 and 2 of the standard errors that
the documents leave one checkpoint. The truth is the mean over all seeds and documents; with one seed that of
the checkpoint. Every kind goes through the functions that the report calls (`tests/crossed_worlds.py` draws).
With 1,000 worlds a cell's coverage is off by .007 (standard error). Then what other intervals over 3 seeds
and 80 documents cover, the judge's own, of one judging, what it says at equal length of several seeds, and
what is told by one or two documents.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.special import stdtrit

from alpaca_exp.statistics import attribution
from alpaca_exp.statistics.bootstrap import bootstrap_interval, mean_interval
from alpaca_exp.statistics.crossed import crossed, crossed_apart, difference
from alpaca_exp.statistics.intervals import Interval, Limits
from tests.crossed_worlds import Array, Design, World
from tests.judged_seed_worlds import JudgedWorld

LEAST, MOST = 0.93, 0.97
SEEDS, DOCUMENTS, DEVIATIONS = (1, 3, 5, 10), (80, 1_000), (0.0, 0.5, 2.0)
DRAWS, BOOTSTRAPPED = 300, 300
FACTORS = (
    attribution.Factor("scale", ("small", "large")),
    attribution.Factor("data", ("original", "cleaned", "uncapped")),
)
CELLS = attribution.cells(FACTORS)
SIX = (0.4, 0.5, 0.45, 0.55, 0.7, 0.6)
"""The cells' accuracies; the effects and the interaction are all there."""
OPPONENT = 8.0
SHARE: Limits = (0.0, 1.0)
JUDGED = (
    JudgedWorld("win_rate_lc", 0.0),
    JudgedWorld("win_rate_lc", -1.2),
    JudgedWorld("win_rate_lc", -3.0, questions=0.7),
    JudgedWorld("difference_lc", 0.3),
    JudgedWorld("difference_lc", -3.0),
)


@dataclass(frozen=True)
class Kind:
    """One quantity, the worlds that it is measured in, and its interval."""

    name: str
    world: World
    weights: tuple[float, ...] = (1.0,)
    limits: Limits | None = None
    interval: Callable[[Array, Kind, int], Interval] | None = None
    """Of one world's cells, (cells, seeds, documents); None: the contrast's, by `crossed`."""
    least_seeds: int = 1


def main() -> None:
    asked = _asked()
    started = time.time()
    print(_head())
    found = {}
    for kind in KINDS:
        if asked.only in kind.name:
            found[kind.name] = _grid(kind, asked.worlds)
            print(_line(kind.name, found[kind.name]), flush=True)
    rows = [_row(name, grid) for name, grid in found.items()]
    every = [cell for grid in found.values() for cell in grid.values() if cell is not None]
    good = float(np.mean([LEAST <= cell <= MOST for cell in every])) if every else 0.0
    if not asked.only:
        print(f"\n{len(every)} cells, of which {good:.1%} within {LEAST} to {MOST}; ", end="")
        print(f"worst {_worst(rows)}; {time.time() - started:.0f} s\n")
        peer = _others(asked.worlds)
        _judges_own(asked.worlds)
        judged = _at_equal_length(asked.worlds)
        print(_head())
        for kind in RARE:
            print(_line(kind.name, _grid(kind, asked.worlds)), flush=True)
        print(json.dumps(_summary([*rows, *judged], every, good, peer, asked.worlds)))
    elif asked.only == "judged":
        _at_equal_length(asked.worlds)


def _paired(cells: Array, kind: Kind, n: int) -> Interval:
    found = np.tensordot(kind.weights, cells, 1)
    reach = sum(map(abs, kind.weights)) / 2
    marked = kind.world.marks is not None and len(kind.weights) > 1
    return crossed(found, kind.world.clusters(n), kind.limits, (-reach, reach) if marked else None)


def _apart(cells: Array, kind: Kind, n: int) -> Interval:
    """Ours of all seeds, theirs of two fewer: no pairs."""
    return crossed_apart(cells[0], cells[1][: max(len(cells[1]) - 2, 2)], kind.world.clusters(n))


def _independent(cells: Array, kind: Kind, n: int) -> Interval:
    found = difference(crossed(cells[0]), crossed(cells[1]))
    assert found is not None
    return found


def _percent(cells: Array, kind: Kind, n: int) -> Interval:
    """Per cent of an opponent's points, by the linear form in which the report reads each judging."""
    ours, theirs = cells[0], OPPONENT + cells[1]
    ratio = ours.sum(1, keepdims=True) / theirs.sum(1, keepdims=True)
    return crossed(ratio + (ours - ratio * theirs) / theirs.mean(1, keepdims=True))


def _weights(values: attribution.Weights) -> tuple[float, ...]:
    return tuple(values.get(cell, 0.0) for cell in CELLS)


def _kinds() -> Iterator[Kind]:
    graded, groups = World((0.0,), None), (1, 1, 2, 3, 1, 6)
    judged, two = (-0.4, 0.4), (1.0, -1.0)
    yield Kind("score", replace(graded, own=0.0))
    yield Kind("score, seeds x documents alone", replace(graded, shared=0.0, own=0.0))
    yield Kind("score, documents alone", replace(graded, shared=5.0, own=0.0))
    yield Kind("score, documents unevenly noisy", replace(graded, uneven=True))
    yield Kind("score of ten marks", World((0.7,), tuple(np.linspace(-1.5, 1.5, 9))), limits=SHARE)
    yield Kind("score, clusters", replace(graded, sizes=groups))
    yield Kind("accuracy .5", World(), limits=SHARE)
    yield Kind("accuracy .9", World((0.9,)), limits=SHARE)
    yield Kind("accuracy .9, seeds x documents alone", World((0.9,), shared=0.1, own=0.1), limits=SHARE)
    yield Kind("accuracy .7, clusters", World((0.7,), sizes=groups), limits=SHARE)
    yield Kind("win rate .5, ties", World((0.5,), judged), limits=SHARE)
    yield Kind("win rate .95, ties", World((0.95,), judged), limits=SHARE)
    yield Kind("win rate .05, ties", World((0.05,), judged), limits=SHARE)
    yield Kind("difference of accuracies", World((0.6, 0.5)), two)
    yield Kind("difference of accuracies near .9", World((0.92, 0.88)), two)
    yield Kind("difference from an untuned base", World((0.6, 0.4), untuned=(1,)), two)
    yield Kind("difference of scores", World((1.0, 0.0), None), two)
    yield Kind("difference of win rates", World((0.6, 0.5), judged), two)
    yield Kind("difference, clusters", World((0.6, 0.5), sizes=groups), two)
    yield Kind("difference, seeds no pairs", World((0.6, 0.5)), two, interval=_apart, least_seeds=3)
    yield Kind("difference, nothing shared", World((0.6, 0.5), shared=0.0), two, interval=_independent)
    effects = attribution.effects(FACTORS, CELLS)
    yield Kind("main effect, 2 x 3", World(SIX), _weights(effects[0].weights))
    yield Kind("interaction, 2 x 3", World(SIX), _weights(effects[-1].weights))
    values = attribution.shapley(FACTORS, CELLS, CELLS[0], CELLS[-1]).values
    yield Kind("Shapley value of scale, 2 x 3", World(SIX), _weights(values["scale"]))
    yield Kind("Shapley value of data, 2 x 3", World(SIX), _weights(values["data"]))
    yield Kind("per cent of an opponent", World((6.0, 0.0), None, untuned=(1,)), two, interval=_percent)


KINDS = tuple(_kinds())
RARE = (
    Kind("accuracy .98", World((0.98,)), limits=SHARE),
    Kind("win rate .02, ties", World((0.02,), (-0.4, 0.4)), limits=SHARE),
    Kind("difference of accuracies .98 and .96", World((0.98, 0.96)), (1.0, -1.0)),
    Kind("difference of equal accuracies of .97", World((0.97, 0.97)), (1.0, -1.0)),
)
"""Of 80 documents one or two tell anything: no interval is exact then, and these are told apart."""


def _grid(kind: Kind, worlds: int) -> dict[Design, float | None]:
    """The share of worlds whose interval holds the truth, by design."""
    found: dict[Design, float | None] = {}
    for number, (seeds, n, deviation) in enumerate(product(SEEDS, DOCUMENTS, DEVIATIONS)):
        design = seeds, n, deviation
        if seeds < kind.least_seeds:
            found[design] = None
            continue
        rng = np.random.default_rng((number, len(kind.name), sum(map(ord, kind.name))))
        held: list[bool] = []
        for drawn in kind.world.draw(rng, worlds, design, kind.weights):
            truths = drawn.contrast(kind.weights)[1]
            if kind.interval is _percent:
                truths = drawn.truths[0] / OPPONENT
            interval = kind.interval or _paired
            for at, truth in enumerate(truths):
                one = interval(drawn.cells[:, at], kind, n)
                held.append(_holds((one.low, one.high), truth))
        found[design] = float(np.mean(held))
    return found


def _others(worlds: int) -> float:
    """What else could be done over three seeds and 80 documents; the share of good cells of t over seeds."""
    names = ("crossed", "t over seeds", "Satterthwaite", "his, mean squares added", "nested bootstrap")
    print(f"| 3 seeds, 80 documents, seeds' deviation | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    good: list[bool] = []
    for name, world, weights in (
        ("score", World((0.0,), None, own=0.0), (1.0,)),
        ("score, seeds x documents alone", World((0.0,), None, shared=0.0, own=0.0), (1.0,)),
        ("difference of accuracies", World((0.6, 0.5)), (1.0, -1.0)),
    ):
        for deviation in DEVIATIONS:
            rng = np.random.default_rng((int(10 * deviation), 3))
            parts = [one.contrast(weights) for one in world.draw(rng, worlds, (3, 80, deviation), weights)]
            values, truths = (np.concatenate(part) for part in zip(*parts, strict=True))
            ours = [crossed(one) for one in values]
            pairs = zip(((one.low, one.high) for one in ours), truths, strict=True)
            held = [float(np.mean([_holds(bounds, truth) for bounds, truth in pairs]))]
            held += [float(np.mean(abs(values.mean((1, 2)) - truths) <= half)) for half in _halves(values)]
            held.append(_nested(rng, values[:BOOTSTRAPPED], truths[:BOOTSTRAPPED]))
            good.append(LEAST <= held[1] <= MOST)
            print(f"| {name}, {deviation:g} | {' | '.join(f'{one:.3f}' for one in held)} |", flush=True)
    return float(np.mean(good))


def _halves(values: Array) -> list[Array]:
    """The half-widths of t over seeds, of Satterthwaite's, and of his that counts what is both's twice."""
    seeds, n = values.shape[1:]
    rows, columns = values.mean(2), values.mean(1)
    left = values - rows[..., None] - columns[:, None] + values.mean((1, 2))[:, None, None]
    of_seeds, of_documents = n * rows.var(1, ddof=1), seeds * columns.var(1, ddof=1)
    of_both = (left**2).sum((1, 2)) / ((seeds - 1) * (n - 1))
    halves = []
    for taken in (of_both, 0 * of_both):
        total = np.maximum(of_seeds + of_documents - taken, np.maximum(of_seeds, of_documents))
        doubt = of_seeds**2 / (seeds - 1) + of_documents**2 / (n - 1) + taken**2 / ((seeds - 1) * (n - 1))
        halves.append(stdtrit(total**2 / doubt, 0.975) * np.sqrt(total / seeds / n))
    return [stdtrit(seeds - 1, 0.975) * np.sqrt(of_seeds / seeds / n), *halves]


def _nested(rng: np.random.Generator, values: Array, truths: Array) -> float:
    """Percentiles of draws of whole seeds, then whole documents."""
    seeds, n = values.shape[1:]
    held = []
    for one, truth in zip(values, truths, strict=True):
        rows = rng.multinomial(seeds, np.full(seeds, 1 / seeds), DRAWS) / seeds
        columns = rng.multinomial(n, np.full(n, 1 / n), DRAWS) / n
        low, high = np.quantile(((rows @ one) * columns).sum(1), (0.025, 0.975))
        held.append(low <= truth <= high)
    return float(np.mean(held))


def _judges_own(worlds: int) -> None:
    """The bootstrap over questions that a judging's own scores come with."""
    print("\n| the judge's own interval, one judging of 80 questions | covers |\n|---|---|")
    for kind in KINDS:
        if kind.name.startswith("win rate"):
            drawn = kind.world.draw(np.random.default_rng(80), worlds, (1, 80, 0.5), (1.0,))
            pairs = [pair for one in drawn for pair in zip(one.cells[0], one.truths[0], strict=True)]
            held = [_holds(mean_interval(values[0].tolist(), SHARE), truth) for values, truth in pairs]
            print(f"| {kind.name} | {np.mean(held):.3f} |", flush=True)
    world = World((6.0, 0.0), None)
    held = []
    for drawn_ in world.draw(np.random.default_rng(81), worlds, (1, 80, 0.5), (1.0, -1.0)):
        for at in range(drawn_.cells.shape[1]):
            ours, theirs = drawn_.cells[0, at, 0], OPPONENT + drawn_.cells[1, at, 0]
            truth = drawn_.truths[0, at] / (OPPONENT + drawn_.truths[1, at])
            held.append(_holds(_bootstrapped_ratio(ours, theirs), truth))
    print(f"| per cent of an opponent | {np.mean(held):.3f} |\n")


def _at_equal_length(worlds: int) -> list[dict[str, object]]:
    """What a judge says at equal length, by how each question moves it, over seeds on the same questions."""
    n, rows = 80, []
    designs = [(s, d) for s, d in product(SEEDS, DEVIATIONS) if s > 1 or d == 0]
    print(f"| 80 questions, seeds, deviation | {' | '.join(f'{s}, {d:g}' for s, d in designs)} |")
    print(f"|---|{'---|' * len(designs)}")
    for number, world in enumerate(JUDGED):
        rng = np.random.default_rng((number, 82))
        unit = world.spread(rng, n)
        truths = {deviation: world.truth(rng, deviation * unit) for deviation in DEVIATIONS}
        grid: dict[Design, float | None] = {}
        for seeds, deviation in designs:
            held: list[bool] = []
            while len(held) < worlds:
                few = min(worlds - len(held), 100)
                for values in world.values(world.draw(rng, few, seeds, n, deviation * unit)):
                    one = crossed(values, limits=world.limits)
                    held.append(_holds((one.low, one.high), truths[deviation]))
            grid[seeds, n, deviation] = float(np.mean(held))
        name = f"{world.metric} {truths[0.0]:.2g}"
        print(_line(name, grid), flush=True)
        rows.append(_row(name, grid))
    print()
    return rows


def _bootstrapped_ratio(ours: Array, theirs: Array) -> tuple[float, float] | None:
    return bootstrap_interval(lambda counts: (counts @ ours) / (counts @ theirs), len(ours))


def _holds(interval: tuple[float | None, float | None] | None, truth: float) -> bool:
    low, high = interval or (None, None)
    return low is not None and high is not None and low <= truth <= high


def _head() -> str:
    designs = [f"{s}x{n}, {d:g}" for s, n, d in product(SEEDS, DOCUMENTS, DEVIATIONS)]
    return f"| seeds x documents, deviation | {' | '.join(designs)} |\n|---|{'---|' * len(designs)}"


def _line(name: str, grid: dict[Design, float | None]) -> str:
    shown = (
        "-" if one is None else f"{one:.3f}".lstrip("0") + "!" * (not LEAST <= one <= MOST)
        for one in grid.values()
    )
    return f"| {name} | {' | '.join(shown)} |"


def _row(name: str, grid: dict[Design, float | None]) -> dict[str, object]:
    cells = {design: one for design, one in grid.items() if one is not None}
    worst = max(cells, key=lambda design: abs(cells[design] - 0.95))
    return {
        "case": name,
        "ratio": round(float(np.mean([LEAST <= one <= MOST for one in cells.values()])), 3),
        "ours": cells[worst],
        "peer": 0.95,
        "peer_name": f"what is promised; worst at {worst[0]} x {worst[1]}, {worst[2]:g}",
        "lowest": min(cells.values()),
        "highest": max(cells.values()),
    }


def _worst(rows: list[dict[str, object]]) -> str:
    worst = max(rows, key=lambda row: abs(float(str(row["ours"])) - 0.95))
    return f"{worst['ours']:.3f}, {worst['case']} ({worst['peer_name']})"


def _summary(
    rows: list[dict[str, object]], every: list[float], good: float, peer: float, worlds: int
) -> dict[str, object]:
    return {
        "name": "coverage",
        "ratio": round(good, 4),
        "ours": round(good, 4),
        "peer": round(peer, 4),
        "unit": f"share of cells within {LEAST} to {MOST}; peer: t over seeds, 3 seeds, 80 documents",
        "worst": {"lowest": min(every), "highest": max(every)},
        "best": min(every, key=lambda one: abs(one - 0.95)),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "n": worlds,
        "rows": rows,
    }


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=1_000, help="a cell; default: %(default)s")
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    return parser.parse_args()


if __name__ == "__main__":
    main()
