"""The paper's claims in worlds where each is true and in worlds where it is false: is a verdict ever wrong?

    python -m tests.benchmarks.claims                            one world, six seeds: some minutes
    python -m tests.benchmarks.claims --worlds 2 3 --seeds 8     longer, and surer
    python -m tests.benchmarks.claims --overrides world=tiny     a world too small to decide much

Real experiments through the command line; what is found under `--outputs` is not made again. Each world is
judged as a user would who ran three of the seeds, once for every three of them. What is true is known by
how the world is built: who learns from a teacher without an error inherits none, who learns nothing stays
as it was. The mean over all seeds stands beside it, as a check of that.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from alpaca_exp.report.claim_files import claims_in
from alpaca_exp.report.claims import Verdict, judged
from alpaca_exp.report.runs import Run, collect
from alpaca_exp.schemas.claims import Claim

SEEDS_OF_A_USER = 3


@dataclass(frozen=True)
class World:
    """A setting of the miniature, and which claims are true or false in it by its making."""

    name: str
    overrides: tuple[str, ...]
    variants: tuple[str, ...]
    true: tuple[str, ...] = ()
    false: tuple[str, ...] = ()
    scales: tuple[str, ...] = ("small",)


WORLDS = (
    World(
        "as it is", (), ("original", "cleaned", "uncapped"),
        true=("errors_are_inherited", "cleaning_repairs", "cap_makes_answers_short",
              "judge_prefers_the_tuned_model", "scale_outweighs_data_in_understanding"),
        false=("judge_prefers_longer_answers", "tuning_leaves_understanding"),
        scales=("small", "large"),
    ),
    World(
        "a flawless teacher", ("teacher=flawless",), ("original", "cleaned"),
        true=("tuned_model_stays_behind", "tuning_leaves_understanding"),
        false=("errors_are_inherited", "cleaning_repairs"),
    ),
    World(
        "a misinformed teacher", ("teacher=misinformed",), ("original",),
        true=("errors_are_inherited",),
        false=("tuning_leaves_understanding",),
    ),
    World(
        "a teacher without a pupil", ("teacher=misinformed", "trainer.learning_rate=1e-6"), ("original",),
        true=("tuning_leaves_understanding",),
        false=("tuned_model_stays_behind", "errors_are_inherited"),
        scales=("large",),
    ),
    World(
        "a useless teacher", ("teacher=useless",), ("original",), false=("judge_prefers_the_tuned_model",),
    ),
    World(
        "a terse teacher", ("teacher=terse",), ("original", "uncapped"),
        false=("cap_makes_answers_short",),
    ),
    World("a contrary critic", ("critic=contrary",), ("original", "cleaned"), false=("cleaning_repairs",)),
    World(
        "a judge fond of length", ("judge=fond",), ("original", "uncapped"),
        true=("judge_prefers_longer_answers",),
    ),
    World(
        "sizes that are one", ("base_model=miniature_small",), ("original", "cleaned"),
        false=("scale_outweighs_data_in_understanding", "scale_outweighs_data_in_truthfulness"),
        scales=("small", "large"),
    ),
)  # fmt: skip


@dataclass
class Tally:
    """The verdicts on one claim in one world."""

    world: str
    claim: str
    truth: bool
    all_seeds: str = ""
    """What all seeds together say."""
    verdicts: Counter[str] = field(default_factory=Counter)

    @property
    def wrong(self) -> int:
        """How many verdicts are the opposite of what is true."""
        return self.verdicts["contradicted" if self.truth else "supported"]


def main() -> None:
    """Run what is missing, print the table and, last, one JSON object."""
    asked = _arguments()
    started = time.monotonic()
    claims, _ = claims_in("paper")
    tallies: list[Tally] = []
    for seed in asked.worlds:
        outputs = asked.outputs / f"world{seed}"
        for world in WORLDS:
            _run(world, seed, asked.seeds, outputs, asked)
        runs = collect(outputs)
        for world in WORLDS:
            here = [run for run in runs if run.label("experiment") == _name(world)]
            tallies += _judged(world, seed, claims, here, asked.seeds, outputs)
    _print(tallies)
    wrong = sum(one.wrong for one in tallies)
    many = sum(one.verdicts.total() for one in tallies)
    result = {
        "name": "claims",
        "wrong": wrong,
        "verdicts": many,
        "unit": f"verdicts on the paper's claims from {SEEDS_OF_A_USER} seeds each",
        "machine": platform.processor() or platform.machine(),
        "threads": os.cpu_count(),
        "n": asked.seeds,
        "worlds": asked.worlds,
        "seconds": round(time.monotonic() - started, 1),
        "rows": [
            {"case": f"{one.world}: {one.claim}", "truth": one.truth, **one.verdicts, "all": one.all_seeds}
            for one in tallies
        ],
    }
    print(json.dumps(result))


def _run(world: World, seed: int, seeds: int, outputs: Path, asked: argparse.Namespace) -> None:
    """The sweep of a world, and its untuned models."""
    shared = [f"name={_name(world)}", f"world.seed={seed}", f"scale={','.join(world.scales)}"]
    shared += [
        *(word for word in world.overrides if not word.startswith("trainer.")),
        *asked.overrides,
        f"runtime.outputs={outputs}",
        f"runtime.workers={asked.workers}",
    ]
    tuned = [f"dataset_variant={','.join(world.variants)}", f"seed={','.join(map(str, range(seeds)))}"]
    learning = [word for word in world.overrides if word.startswith("trainer.")]
    for words in ([*learning, *tuned], ["dataset_variant=none", "trainer=none", "seed=0"]):
        command = [sys.executable, "-m", "alpaca_exp", "--multirun", *shared, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        print(f"world {seed}, {world.name}: {(done.stdout.splitlines() or [''])[-2:][0]}", flush=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _judged(
    world: World, seed: int, claims: Sequence[Claim], runs: Sequence[Run], seeds: int, outputs: Path
) -> list[Tally]:
    """Every claim whose truth is known there, by every three of the seeds."""
    truths = {**dict.fromkeys(world.true, True), **dict.fromkeys(world.false, False)}
    whole = {one.claim: one for one in judged(claims, runs, outputs)}
    tallies = {
        name: Tally(f"{world.name} ({seed})", name, truth, _told(whole[name]))
        for name, truth in truths.items()
    }
    for chosen in _some(seeds):
        kept = [run for run in runs if run.row["seed"] in chosen or run.label("trainer") == "none"]
        for one in judged(claims, kept, outputs):
            if one.claim in tallies:
                tallies[one.claim].verdicts[one.verdict] += 1
    return list(tallies.values())


def _some(seeds: int) -> Iterator[tuple[int, ...]]:
    yield from combinations(range(seeds), min(SEEDS_OF_A_USER, seeds))


def _told(one: Verdict) -> str:
    if one.estimate is None or one.low is None or one.high is None:
        return one.why
    return f"{one.estimate:+.2f} [{one.low:+.2f}, {one.high:+.2f}] {one.unit}"


def _name(world: World) -> str:
    return world.name.replace(" ", "_")


def _print(tallies: Sequence[Tally]) -> None:
    heads = ("supp.", "contr.", "open", "wrong")
    print(f"\n{'world':28}{'claim':40}{'true':6}{'all seeds':34}{''.join(f'{head:>7}' for head in heads)}")
    for one in tallies:
        counts = one.verdicts
        undecided = counts.total() - counts["supported"] - counts["contradicted"]
        numbers = (counts["supported"], counts["contradicted"], undecided, one.wrong)
        told = f"{one.world:28}{one.claim:40}{'yes' if one.truth else 'no':6}{one.all_seeds:34}"
        print(told + "".join(f"{number:7}" for number in numbers))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--worlds", type=int, nargs="+", default=[2], help="world.seed of each world")
    parser.add_argument("--seeds", type=int, default=6, help="tunings of each")
    parser.add_argument("--workers", type=int, default=2, help="jobs at a time")
    parser.add_argument("--outputs", type=Path, default=Path("outputs/claims"), help="found or made here")
    parser.add_argument("--overrides", nargs="*", default=[], help="laid over every experiment")
    return parser.parse_args()


if __name__ == "__main__":
    main()
