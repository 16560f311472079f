"""Outputs folders for tests of the report page, filled by hand: a sweep with its jobs, and a study."""

from __future__ import annotations

import json
from pathlib import Path

from alpaca_exp.records import Row
from alpaca_exp.report.page_writing import note

VARIANTS = ("original", "cleaned", "<b>new</b>")
SCORES = {"original": 0.40, "cleaned": 0.60, "<b>new</b>": 0.50}


def sweep(outputs: Path, name: str = "small") -> Path:
    """Three data sets with three seeds each; a tenth job failed, an eleventh waits, the last was killed."""
    for number in range(9):
        run(outputs, number, VARIANTS[number // 3], number % 3, sweep=name)
    folder = outputs / "sweeps" / name
    jobs: list[Row] = [{"job": n, "label": f"job {n}", "status": "done"} for n in range(9)]
    jobs += [
        {"job": 9, "label": "job 9", "status": "failed", "error": "the <server> is away", "log": "9/job.log"},
        {"job": 10, "label": "job 10", "status": "waiting"},
        {"job": 11, "label": "job 11", "status": "running"},
    ]
    (folder / "9").mkdir()
    (folder / "9" / "job.log").write_text("the <server> is away", encoding="utf-8")
    tell(folder, *jobs)
    note(folder, {"rows": "dataset_variant", "metrics": ["understanding"], "baseline": "original"})
    return folder


def tell(folder: Path, *jobs: Row) -> None:
    """Add rows to `jobs.jsonl`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "jobs.jsonl").open("a", encoding="utf-8") as file:
        file.write("".join(f"{json.dumps(job)}\n" for job in jobs))


def study(outputs: Path, goals: dict[str, str], name: str = "search") -> Path:
    """Six complete trials and two that were given up, of two parameters."""
    folder = outputs / "sweeps" / name
    trials, best = [], [0.0] * len(goals)
    for number in range(8):
        pruned = number in (3, 5)
        values = None if pruned else [0.3 + 0.05 * number, 20.0 + 3 * number][: len(goals)]
        best = best if values is None else list(map(max, best, values))
        trials.append({
            "number": number, "state": "pruned" if pruned else "complete", "values": values, "best": best,
            "params": {"trainer.learning_rate": 1e-5 * 2**number, "trainer.epochs": 1 + number % 3},
            "steps": 10, "seconds": 1.5, "error": None, "retry_of": None, "folder": str(number),
        })  # fmt: skip
        run(outputs, number, "original", 0, status="stopped" if pruned else "done", sweep=name)
    done = [one for one in trials if one["values"]]
    told = {
        "name": name, "study_name": name, "n_trials": 8, "objectives": goals, "counts": {"complete": 6},
        "trials": trials, "best": [7] if len(goals) == 1 else [one["number"] for one in done],
        "importances": {
            goal: {"trainer.learning_rate": 0.8, "trainer.epochs": 0.2} for goal in goals
        },
        "axes": [{"name": "trainer.learning_rate", "log": True, "marks": [[0, "1e-05"], [1, "0.00128"]]},
                 {"name": "trainer.epochs", "log": False, "marks": [[0, "1"], [1, "3"]]}],
        "lines": [{"number": one["number"], "values": one["values"],
                   "places": [one["number"] / 7, None if one["number"] == 2 else 0.5]} for one in done],
        "curves": {str(n): [[10, 2.0], [20, 1.9 - n / 10]] for n in (2, 3, 5)},
    }  # fmt: skip
    (folder / "overview.json").write_text(json.dumps(told), encoding="utf-8")
    tell(folder, *({"job": n, "label": f"trial {n}", "status": "done"} for n in range(8)))
    head = {"name": name, "kind": "study", "command": ["python", "-m", "alpaca_exp"], "started": ""}
    (folder / "sweep.json").write_text(json.dumps(head), encoding="utf-8")
    return folder


def run(
    outputs: Path, number: int, variant: str, seed: int, status: str = "done", sweep: str = "small"
) -> None:
    """One run with a training, an evaluation and a page of its answers."""
    tag = f"{len(list(outputs.glob('train/*'))):016x}"
    luck = (seed + 1) % 3 if variant == "cleaned" else seed  # equal differences would tell nothing of others
    score = SCORES[variant] + 0.01 * luck
    row = {
        "task": "understanding",
        "metric": "mean",
        "filter": "none",
        "value": score,
        "stderr": 0.02,
        "n": 400,
    }
    curve = "".join(f"{step},{3 - step / 100 - score:.3f}\n" for step in range(10, 60, 10))
    artifact(outputs, f"train/{tag}", record__json=record(seed=seed), metrics__csv=f"step,loss\n{curve}")
    artifact(
        outputs, f"evaluate/{tag}", record__json=record(seed=seed, variant=variant),
        scores__jsonl=json.dumps(row) + "\n",
    )  # fmt: skip
    artifact(outputs, f"compare/{tag}", record__json=record(seed=seed), index__html="<p>answers")
    counts = {"rows_in": 100, "rows_out": 90, "removed": {"critic": 10}, "edited": {}, "not_drawn": 0}
    data = f"{1000 + VARIANTS.index(variant):016x}"
    artifact(
        outputs, f"curate/{data}", record__json=record(variant=variant),
        card__json=json.dumps({"counts": counts}), card__html="<p>card",
    )  # fmt: skip
    told = {
        "experiment": sweep, "preset": "miniature", "scale": "small", "seed": seed, "status": status,
        "started": f"2026-01-01T00:00:{number:02}Z", "usd": 0.0, "error": None, "seconds": 1.0,
        "labels": {"dataset_variant": variant}, "overrides": [f"dataset_variant={variant}", f"seed={seed}"],
        "artifacts": {"curate": data, "train": tag, "evaluate": tag, "compare": tag},
    }  # fmt: skip
    if sweep == "search":
        told["overrides"] = [f"trainer.learning_rate={1e-5 * 2**number}"]
    folder = outputs / "sweeps" / sweep / str(number)
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(told), encoding="utf-8")


def artifact(outputs: Path, name: str, **files: str) -> None:
    """A folder with these files."""
    folder = outputs / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (folder / file.replace("__", ".")).write_text(text, encoding="utf-8")


def record(**identity: object) -> str:
    """A finished stage's record."""
    return json.dumps(
        {
            "version": 1, "git": "0123456789", "identity": identity, "files": {},
            "packages": {"torch": "2.13"}, "usage": {"usd": 0.0, "usd_avoided": 0.0, "gpu_hours": 0.0},
        }
    )  # fmt: skip
