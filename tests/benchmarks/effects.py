"""The effects that the miniature world shows, each a difference with an interval over worlds and seeds.

    python -m tests.benchmarks.effects                          two worlds, three seeds each: some 20 minutes
    python -m tests.benchmarks.effects --small                  one world, three seeds: wider intervals
    python -m tests.benchmarks.effects --worlds 5 6 --outputs effects

Real experiments through the real stages. What is found under `--outputs` is not made again, so a run
that was stopped goes on, and a second one only prints. A replicate is one world with one seed for
pre-training, tuning and teacher; differences are taken within a replicate. The world's settings were
chosen on worlds 0, 1 and 100 and above, never on those reported here.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from alpaca_exp.artifacts import run
from alpaca_exp.compose import compose
from alpaca_exp.plan import plan
from alpaca_exp.report.metrics import reading
from alpaca_exp.statistics.crossed import crossed

METRICS = ("understanding", "truthfulness", "judge.score", "words", "rows")
MARGIN = 0.03
"""Understanding and, of flawless data, truthfulness may differ by so much and count as the same."""
FOND = "judge.length_fondness=0.2"
FLAWLESS = ("teacher.error_rate=0", "teacher.defect_rate=0")
EXPERIMENTS: dict[str, tuple[str, ...]] = {
    "base": ("+experiment=base",),
    "large base": ("+experiment=base", "scale=large"),
    "original": ("+experiment=original",),
    "cleaned": ("+experiment=cleaned",),
    "rules only": ("+experiment=cleaned", "critic=none"),
    "oracle": ("+experiment=cleaned", "critic=oracle"),
    "uncapped": ("+experiment=uncapped",),
    "original, fond judge": ("+experiment=original", FOND),
    "uncapped, fond judge": ("+experiment=uncapped", FOND),
    "flawless original": ("+experiment=original", *FLAWLESS),
    "flawless cleaned": ("+experiment=cleaned", *FLAWLESS),
}

Replicate = Mapping[str, Mapping[str, float]]
"""Experiment -> metric -> value, of one world and seed."""


@dataclass(frozen=True)
class Effect:
    """One claim: what is subtracted, and where the whole interval must lie for the claim to hold."""

    case: str
    difference: Callable[[Replicate], float]
    above: float = float("-inf")
    below: float = float("inf")


def main() -> None:
    """Run what is missing, print the table and, last, one JSON object."""
    arguments = _arguments()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    started = time.monotonic()
    replicates = {
        (world, seed): _replicate(world, seed, arguments.outputs, tuple(arguments.overrides))
        for world in arguments.worlds
        for seed in arguments.seeds
    }
    _print_means(list(replicates.values()))
    rows = [_row(effect, list(replicates.values())) for effect in EFFECTS]
    for row in rows:
        bounds = f"[{row['low']:+.3f}, {row['high']:+.3f}]"
        print(f"{row['case']:76} {row['difference']:+.3f} {bounds:18} {'holds' if row['holds'] else 'FAILS'}")
    result = {
        "name": "effects",
        "holds": all(row["holds"] for row in rows),
        "unit": "difference, 95 % interval over worlds and seeds (Student's t)",
        "machine": platform.processor() or platform.machine(),
        "threads": os.cpu_count(),
        "n": len(replicates),
        "worlds": arguments.worlds,
        "seeds": arguments.seeds,
        "seconds": round(time.monotonic() - started, 1),
        "rows": rows,
    }
    print(json.dumps(result))


def _gain(metric: str, better: str, worse: str) -> Callable[[Replicate], float]:
    return lambda cells: cells[better][metric] - cells[worse][metric]


def _repaired(cells: Replicate) -> float:
    """What cleaning wins back beyond half of what the original lost."""
    base, original, cleaned = (cells[name]["truthfulness"] for name in ("base", "original", "cleaned"))
    return (cleaned - original) - 0.5 * (base - original)


EFFECTS = (
    Effect("cleaned - original, truthfulness", _gain("truthfulness", "cleaned", "original"), above=0),
    Effect(
        "cleaned - original of equal size, truthfulness",
        _gain("truthfulness", "cleaned", "original, equal size"),
        above=0,
    ),
    Effect("original - base, truthfulness", _gain("truthfulness", "original", "base"), below=0),
    Effect("what cleaning repairs beyond half of that loss, truthfulness", _repaired, above=0),
    Effect("large base - small base, understanding", _gain("understanding", "large base", "base"), above=0),
    Effect("cleaned - base, judge's points of ten", _gain("judge.score", "cleaned", "base"), above=0),
    Effect(
        f"cleaned - base, understanding (margin {MARGIN:g})",
        _gain("understanding", "cleaned", "base"),
        above=-MARGIN,
    ),
    Effect("uncapped - original, words", _gain("words", "uncapped", "original"), above=0),
    Effect(
        "uncapped - original, points of a judge who is fond of length",
        _gain("judge.score", "uncapped, fond judge", "original, fond judge"),
        above=0,
    ),
    Effect(
        "with the critic - rules alone, truthfulness", _gain("truthfulness", "cleaned", "rules only"), above=0
    ),
    Effect(
        f"cleaned - original of a flawless teacher, truthfulness (margin {MARGIN:g})",
        _gain("truthfulness", "flawless cleaned", "flawless original"),
        above=-MARGIN,
        below=MARGIN,
    ),
)


def _row(effect: Effect, replicates: list[Replicate]) -> dict[str, object]:
    interval = crossed([[effect.difference(cells)] for cells in replicates])
    assert interval.low is not None and interval.high is not None, "two replicates or more have an interval"
    return {
        "case": effect.case,
        "difference": round(interval.mean, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
        "n": interval.n,
        "holds": effect.above < interval.low and interval.high < effect.below,
    }


def _replicate(world: int, seed: int, outputs: Path, overrides: tuple[str, ...]) -> Replicate:
    chance = (f"world.seed={world}", f"base_model.seed={seed}", f"seed={seed}", f"teacher.seed={seed}")
    cells: dict[str, dict[str, float]] = {}
    for name, experiment in _experiments():
        sized = (f"dataset_variant.num_examples={cells['cleaned']['rows']:.0f}",) if "equal" in name else ()
        cells[name] = _measured((*experiment, *sized, *chance, *overrides), outputs)
        shown = ", ".join(f"{metric} {value:.3f}" for metric, value in cells[name].items())
        print(f"world {world} seed {seed}: {name:22} {shown}", flush=True)
    return cells


def _experiments() -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, experiment in EXPERIMENTS.items():
        yield name, experiment
        if name == "cleaned":
            yield "original, equal size", EXPERIMENTS["original"]


def _measured(overrides: tuple[str, ...], outputs: Path) -> dict[str, float]:
    """The metrics of one experiment; its stages are found or made under `outputs`."""
    config = compose([*overrides, f"runtime.outputs={outputs}"])
    made = {name: run(stage, outputs).path.name for name, stage in plan(config).items()}
    found = {metric: reading(metric, made, outputs) for metric in METRICS}
    return {metric: each.value for metric, each in found.items() if each}


def _print_means(replicates: list[Replicate]) -> None:
    print(f"\n{'mean of ' + str(len(replicates)):24}" + "".join(f"{metric:>16}" for metric in METRICS))
    for name in replicates[0]:
        means = {
            metric: sum(cells[name][metric] for cells in replicates) / len(replicates)
            for metric in METRICS
            if metric in replicates[0][name]
        }
        print(f"{name:24}" + "".join(f"{means[m]:16.3f}" if m in means else " " * 16 for m in METRICS))
    print()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--worlds", type=int, nargs="+", default=[2, 3], help="world.seed of each world")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds within each world")
    parser.add_argument("--small", action="store_true", help="one world, three seeds")
    parser.add_argument("--outputs", type=Path, default=Path("outputs/effects"), help="found or made here")
    parser.add_argument("overrides", nargs="*", help="laid over every experiment, as on the command line")
    arguments = parser.parse_args()
    if arguments.small:
        arguments.worlds, arguments.seeds = arguments.worlds[:1], arguments.seeds[:3]
    if len(arguments.worlds) * len(arguments.seeds) < 2:
        parser.error("an interval needs two replicates or more: name another world or seed")
    return arguments


if __name__ == "__main__":
    main()
