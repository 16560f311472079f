"""What giving hopeless trials up saves: `+sweep=learning_rate` on the miniature, pruned against unpruned.

    python -m tests.benchmarks.pruning                           # four study seeds, one worker
    python -m tests.benchmarks.pruning --seeds 3 --workers 2 4
    python -m tests.benchmarks.pruning --seeds 1 --trials 8

For each study seed and number of workers both are run, in turn: the same sampler seed, the same trials to
ask for, folders of their own, so that neither finds a training of the other; only what all trials share, up
to the data, is made once. Steps are those of the optimizer in all trials: a trial that was given up counts up
to the point at which that was decided. The best runs of both are compared over the questions, in pairs:
`difference` is pruned - unpruned with its 95 % interval; the same run in both differs by nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from alpaca_exp.report.documents import document_values
from alpaca_exp.report.measured import Measured
from alpaca_exp.statistics.crossed import crossed

ROOT = Path(__file__).resolve().parents[2]
OBJECTIVE = "judge.percent"
SHARED = ("pretrain", "generate", "curate", "journal")
"""What the trials have in common, by the folders below `outputs`."""
UNPRUNED = ("~hydra.sweeper.pruner",)


@dataclass(frozen=True)
class Study:
    """What one study took, and what it came to."""

    steps: int
    pruned: int
    best: float
    answers: Measured
    """The best run's, question by question."""


def main() -> None:
    """Run the studies, print a line for each, the JSON line last."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=4, help="of the sampler, from 0")
    parser.add_argument("--workers", type=int, nargs="+", default=[1], help="numbers of workers to try")
    parser.add_argument("--trials", type=int, default=16, help="of each study")
    parser.add_argument("--shared", type=Path, help="outputs of an earlier run, for what all trials share")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shared, rows = chosen.shared, []
        for workers in chosen.workers:
            for seed in range(chosen.seeds):
                told = []
                for words in ((), UNPRUNED):
                    outputs = Path(folder) / f"{workers}-{seed}-{len(words)}"
                    asked = (*words, f"runtime.workers={workers}", f"hydra.sweeper.sampler.seed={seed}")
                    told.append(_study(outputs, shared, chosen.trials, asked))
                    shared = shared or outputs
                rows.append(_row(f"study seed {seed}, workers {workers}", *told))
                print(json.dumps(rows[-1]), flush=True)
        print(json.dumps(_summary(rows, chosen.trials, max(chosen.workers))))


def _study(outputs: Path, shared: Path | None, trials: int, words: Sequence[str]) -> Study:
    """Run one, and read what it took and what it came to."""
    for name in SHARED if shared else ():
        shutil.copytree(shared / name, outputs / name)  # type: ignore[operator]
    command = [
        sys.executable, "-m", "alpaca_exp", "--multirun", "+sweep=learning_rate",
        f"hydra.sweeper.n_trials={trials}", f"runtime.outputs={outputs}", *words,
    ]  # fmt: skip
    outputs.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=outputs, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sweep = outputs / "sweeps" / "learning_rate"
    found = [json.loads(line) for line in (sweep / "trials.jsonl").read_text().splitlines()]
    assert len(found) == trials and {row["state"] for row in found} <= {"complete", "pruned"}, found
    best = max((row for row in found if row["state"] == "complete"), key=lambda row: row["values"][0])
    artifacts = json.loads((sweep / best["folder"] / "run.json").read_text())["artifacts"]
    (answers,) = document_values(OBJECTIVE, artifacts, outputs)
    return Study(
        steps=sum(row["steps"] for row in found),
        pruned=sum(row["state"] == "pruned" for row in found),
        best=best["values"][0],
        answers=answers,
    )


def _row(case: str, ours: Study, peer: Study) -> dict[str, Any]:
    assert list(ours.answers) == list(peer.answers)
    between = crossed(np.array([ours.answers.numbers - peer.answers.numbers]))
    assert between.low is not None and between.high is not None
    return {
        "case": case,
        "ratio": round(ours.steps / peer.steps, 3),
        "ours": ours.steps,
        "peer": peer.steps,
        "peer_name": "the same study, unpruned",
        "pruned_trials": ours.pruned,
        "best": round(ours.best, 3),
        "best_unpruned": round(peer.best, 3),
        "difference": [round(one, 3) for one in (between.mean, between.low, between.high)],
        "same_best": between.low <= 0 <= between.high,
    }


def _summary(rows: Sequence[dict[str, Any]], trials: int, workers: int) -> dict[str, Any]:
    ours, peer = (sum(row[key] for row in rows) for key in ("ours", "peer"))
    return {
        "name": "pruning",
        "ratio": round(ours / peer, 3),
        "worst": max(row["ratio"] for row in rows),
        "ours": ours,
        "peer": peer,
        "unit": "steps",
        "best": round(fmean(row["best"] for row in rows), 4),
        "best_unpruned": round(fmean(row["best_unpruned"] for row in rows), 4),
        "same_best": sum(row["same_best"] for row in rows),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "threads": workers,
        "n": trials,
        "rows": rows,
    }


if __name__ == "__main__":
    main()
