"""What giving hopeless trials up saves: `+sweep=learning_rate` on the miniature, pruned against unpruned.

    python -m tests.benchmarks.pruning                    three study seeds: about ten minutes on two cores
    python -m tests.benchmarks.pruning --seeds 1 --trials 8

For each study seed both are run, in turn: the same sampler seed, the same trials to ask for, folders of
their own, so that neither finds a training of the other; only what all trials share, up to the data, is made
once. Steps are those of the optimizer in all trials: a trial that was given up counts up to the point at
which that was decided. `noise` is the standard error over documents of the unpruned study's best.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from alpaca_exp.report.metrics import reading

ROOT = Path(__file__).resolve().parents[2]
OBJECTIVE = "judge.percent"
SHARED = ("pretrain", "generate", "curate", "journal")
"""What the trials have in common, by the folders below `outputs`."""
UNPRUNED = ("~hydra.sweeper.pruner",)
WORKERS = 2


def main() -> None:
    """Run the studies, print a line for each, the JSON line last."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3, help="of the sampler, from 0")
    parser.add_argument("--trials", type=int, default=16, help="of each study")
    parser.add_argument("--shared", type=Path, help="outputs of an earlier run, for what all trials share")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shared, rows = chosen.shared, []
        for seed in range(chosen.seeds):
            told = {}
            for who, words in (("ours", ()), ("peer", UNPRUNED)):
                outputs = Path(folder) / who / str(seed)
                told[who] = _study(outputs, shared, seed, chosen.trials, words)
                shared = shared or outputs
            rows.append(_row(seed, **told))
            print(json.dumps(rows[-1]), flush=True)
        print(json.dumps(_summary(rows, chosen.trials)))


def _study(
    outputs: Path, shared: Path | None, seed: int, trials: int, words: Sequence[str]
) -> dict[str, float]:
    """Run one, and read what it took and what it came to."""
    for name in SHARED if shared else ():
        shutil.copytree(shared / name, outputs / name)  # type: ignore[operator]
    command = [
        sys.executable, "-m", "alpaca_exp", "--multirun", "+sweep=learning_rate",
        f"hydra.sweeper.sampler.seed={seed}", f"hydra.sweeper.n_trials={trials}",
        f"runtime.outputs={outputs}", f"runtime.workers={WORKERS}", *words,
    ]  # fmt: skip
    outputs.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=outputs, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sweep = outputs / "sweeps" / "learning_rate"
    found = [json.loads(line) for line in (sweep / "trials.jsonl").read_text().splitlines()]
    assert len(found) == trials and {row["state"] for row in found} <= {"complete", "pruned"}, found
    best = max((row for row in found if row["state"] == "complete"), key=lambda row: row["values"][0])
    whole = _steps(sweep / best["folder"], outputs)
    return {
        "steps": sum(_taken(row, whole) for row in found),
        "pruned": sum(row["state"] == "pruned" for row in found),
        "best": best["values"][0],
        "noise": _noise(sweep / best["folder"], outputs),
    }


def _steps(run: Path, outputs: Path) -> int:
    """Of a whole training: all trials have the same rows and epochs."""
    artifact = json.loads((run / "run.json").read_text())["artifacts"]["train"]
    with (outputs / "train" / Path(artifact).name / "metrics.csv").open() as file:
        return int(list(csv.DictReader(file))[-1]["step"])


def _taken(row: dict[str, Any], whole: int) -> int:
    """The steps of one trial; its points are counted in per cent."""
    if row["state"] == "complete":
        return whole
    return math.ceil(whole * max(map(int, row["intermediate"])) / 100)


def _noise(run: Path, outputs: Path) -> float:
    """The objective's standard error over documents in one run."""
    artifacts = json.loads((run / "run.json").read_text())["artifacts"]
    read = reading(OBJECTIVE, artifacts, outputs)
    assert read is not None and read.stderr is not None
    return read.stderr


def _row(seed: int, ours: dict[str, float], peer: dict[str, float]) -> dict[str, Any]:
    return {
        "case": f"study seed {seed}",
        "ratio": round(ours["steps"] / peer["steps"], 3),
        "ours": ours["steps"],
        "peer": peer["steps"],
        "peer_name": "the same study, unpruned",
        "pruned_trials": ours["pruned"],
        "best": ours["best"],
        "best_unpruned": peer["best"],
        "noise": round(peer["noise"], 4),
        "same_best": abs(ours["best"] - peer["best"]) <= 2 * peer["noise"],
    }


def _summary(rows: Sequence[dict[str, Any]], trials: int) -> dict[str, Any]:
    ours, peer = (sum(row[key] for row in rows) for key in ("ours", "peer"))
    return {
        "name": "pruning",
        "ratio": round(ours / peer, 3),
        "ours": ours,
        "peer": peer,
        "unit": "steps",
        "best": round(fmean(row["best"] for row in rows), 4),
        "best_unpruned": round(fmean(row["best_unpruned"] for row in rows), 4),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "threads": WORKERS,
        "n": trials,
        "rows": rows,
    }


if __name__ == "__main__":
    main()
