"""A report over many runs: seconds and memory of a fresh process, against reading the files as one would.

    python -m tests.benchmarks.reporting          1,000 runs of 800 documents, three times
    python -m tests.benchmarks.reporting --runs 200 --times 1

The runs are made up, in the shape of the miniature's own: 20 data sets on 5 bases with equally many seeds,
each with an evaluation of two tasks (400 documents, two metrics each, four log-likelihoods a row), a judging
of 80 questions in both orders, and the records of all its stages. Asked for are understanding, truthfulness,
per cent, win rate, words and dollars of each data set on each base, against one of the data sets.

Peers, in processes of their own, know the files and do no more than a mean and a t interval a cell over its
seeds: one reads each line with `json`, the other each file with pandas. The bar is 5 s and 500 MB.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from alpaca_exp.judging.scores_questions import compared
from alpaca_exp.records import Row, as_row

VARIANTS, BASES, TASKS, DOCUMENTS, QUESTIONS = 20, 5, ("world_facts", "world_truth"), 400, 80
RATE = "trainer.learning_rate"
"""In which every run differs."""
METRICS = "understanding,truthfulness,judge.percent,judge.win_rate,words,usd"
JUDGED = (
    "percent",
    "win_rate",
    "win_rate_lc",
    "score",
    "opponent_score",
    "difference",
    "flip_rate",
    "unparsed",
)
BAR_SECONDS, BAR_MB = 5.0, 500
PACKAGES = {"torch": "2.13.0", "transformers": "5.23.0", "lm-eval": "0.4.13", "numpy": "2.4.6"}
USAGE = {"requests": 0, "usd": 0.1, "usd_avoided": 0.2, "gpu_hours": 0.5}
PEER = """
import json, math, sys
from collections import defaultdict
from pathlib import Path
import numpy as np
{read}
root, cells = Path(sys.argv[1]), defaultdict(list)
for file in sorted(root.glob("runs/*/*/run.json")):
    run = json.loads(file.read_text())
    place = run["labels"]["dataset_variant"], run["labels"]["base_model"]
    scores = rows(root / "evaluate" / run["artifacts"]["evaluate"] / "scores.jsonl")
    documents = rows(root / "evaluate" / run["artifacts"]["evaluate"] / "documents.jsonl")
    judged = rows(root / "judge" / run["artifacts"]["judge"] / "questions.jsonl")
    cells[place].append([mean(documents, "world_facts"), mean(documents, "world_truth"), rate(judged)])
for place, found in sorted(cells.items()):
    half = 2.26 * np.std(found, axis=0, ddof=1) / math.sqrt(len(found)) if len(found) > 1 else 0
    print(*place, np.mean(found, axis=0), half)
"""
READERS = {
    "json": """
def rows(file):
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
def mean(found, task):
    return np.mean([row["value"] for row in found if row["task"] == task and row["metric"] == "acc"])
def rate(found):
    return np.mean([row["preference"] for row in found])
""",
    "pandas": """
import pandas as pd
def rows(file):
    return pd.read_json(file, lines=True)
def mean(found, task):
    return found[(found.task == task) & (found.metric == "acc")].value.mean()
def rate(found):
    return found.preference.mean()
""",
}


def main() -> None:
    """Print a line a case, and the summary as one JSON object."""
    parser = argparse.ArgumentParser(description="A report over many runs: seconds and memory.")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--times", type=int, default=3, help="how often each is measured")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make the runs here, and leave them")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outputs = asked.keep or Path(folder) / "outputs"
        if not outputs.exists():
            fill(outputs, asked.runs)
        rows = list(_cases(outputs, asked.times))
    first = rows[0]
    told = {"machine": platform.machine(), "threads": os.cpu_count(), "n": asked.runs}
    summary = {"name": "reporting", "ratio": first["ratio"], "ours": first["ours"], "peer": first["peer"]}
    print(json.dumps({**summary, "unit": "seconds", **told, "rows": rows}))


def _cases(outputs: Path, times: int) -> Iterator[Row]:
    peers = {
        f"every line read with {name}": measured(
            [sys.executable, "-c", PEER.format(read=code), str(outputs)], 1
        )
        for name, code in READERS.items()
        if name == "json" or find_spec(name)
    }
    peer = min(peers, key=lambda name: peers[name][0])
    options = ["--rows", "dataset_variant", "--columns", "base_model", "--metrics", METRICS]
    cases: dict[str, tuple[list[str], bool]] = {
        "first report": ([*options, "--baseline", "v00"], True),
        "the same again": ([*options, "--baseline", "v00"], False),
        "as a page": ([*options, "--baseline", "v00", "--format", "html"], False),
        "every run a row": (["--rows", RATE, "--metrics", METRICS], False),
        "every run against one": (["--rows", RATE, "--metrics", METRICS, "--baseline", "0.0001"], False),
        "what each could find": (["--power", "--rows", RATE, "--baseline", "0.0001"], False),
    }
    for case, (words, cold) in cases.items():
        head = ["power", str(outputs)] if words[0] == "--power" else [str(outputs), words[0]]
        command = [sys.executable, "-m", "alpaca_exp.report", *head, *words[1:]]
        seconds, megabytes, busy = measured(command, times, outputs / ".cache" if cold else None)
        row = {
            "case": case,
            "ratio": round(peers[peer][0] / seconds, 2),
            "ours": round(seconds, 3),
            "peer": round(peers[peer][0], 3),
            "peer_name": peer,
            "cpu": round(busy, 3),
            "peer_cpu": round(peers[peer].busy, 3),
            "bar": BAR_SECONDS,
            "megabytes": round(megabytes),
            "bar_megabytes": BAR_MB,
            "peer_megabytes": round(peers[peer][1]),
        }
        told = f"{seconds:.2f} s, {busy:.2f} s of CPU, {megabytes:.0f} MB"
        print(f"{case:22} {told} (peer {row['peer']} s, {row['peer_cpu']} s of CPU)", file=sys.stderr)
        yield row


class Measured(NamedTuple):
    """What a fresh process took."""

    seconds: float
    """The median."""
    megabytes: float
    """The most."""
    busy: float
    """The median seconds of CPU: on a machine with other work what tells."""


def measured(command: Sequence[str], times: int, forget: Path | None = None) -> Measured:
    """What the command takes, in a process of its own each time; `forget` is removed before each."""
    seconds, most, busy = [], 0.0, []
    for _ in range(times):
        if forget:
            shutil.rmtree(forget, ignore_errors=True)
        begun = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{command} ended with {child.returncode}")
        seconds.append(time.perf_counter() - begun)
        most = max(most, usage.ru_maxrss / 1024)
        busy.append(usage.ru_utime + usage.ru_stime)
    return Measured(statistics.median(seconds), most, statistics.median(busy))


def fill(outputs: Path, count: int) -> None:
    """Make `count` runs below `outputs`, the same ones every time."""
    chance = random.Random(0)
    heads = list(_heads())
    tails = [_tail(chance) for _ in range(997)]
    for variant in range(VARIANTS):
        _card(outputs, f"v{variant:02d}")
    for number in range(count):
        _run(outputs, number, heads, tails, chance)


def _run(
    outputs: Path, number: int, heads: Sequence[str], tails: Sequence[str], chance: random.Random
) -> None:
    seed, place = divmod(number, VARIANTS * BASES)
    variant, base, name = f"v{place % VARIANTS:02d}", f"b{place // VARIANTS}", f"{number:016x}"
    level = 0.5 + 0.01 * (place % VARIANTS) + 0.05 * (place // VARIANTS) + chance.gauss(0, 0.01)
    right = [chance.random() < level for _ in range(len(TASKS) * DOCUMENTS)]
    start = chance.randrange(len(tails))
    documents = "".join(
        f"{head}{float(right[row // 2])}{tails[(start + row) % len(tails)]}" for row, head in enumerate(heads)
    )
    means = {"understanding": ["world_facts.acc"], "truthfulness": ["world_truth.acc"]}
    suite = {"type": "WorldSuiteConfig", "tasks": list(TASKS), "frame": "raw", **means}
    folder = _artifact(outputs, "evaluate", name, {"suite": suite, "lm_eval": "0.4.13"}, {"model": name})
    (folder / "documents.jsonl").write_text(documents)
    _lines(folder / "scores.jsonl", _scores(right))
    (folder / "audit.json").write_text(json.dumps(_audit(), indent=2))
    trainer = {"type": "TrainerConfig", "learning_rate": 1e-4 * (1 + number), "epochs": 3}
    told = {"base_model": {"type": "WorldModelConfig", "hidden_size": 24}, "trainer": trainer, "seed": seed}
    _artifact(outputs, "train", name, told, {"dataset": variant})
    _artifact(outputs, "complete", name, {"seed": seed}, {"model": name})
    _judging(outputs, name, level, chance)
    labels = {"dataset_variant": variant, "base_model": base, "trainer": "t", "judge": "j", "eval_suite": "s"}
    artifacts = {"curate": variant, "train": name, "evaluate": name, "complete": name, "judge": name}
    row = {"experiment": variant, "preset": "miniature", "scale": "small", "seed": seed, "labels": labels,
           "artifacts": artifacts, "overrides": [f"seed={seed}"], "status": "done", "error": None,
           "started": "2026-01-01T00:00:00Z", "seconds": 1.0, "usd": 0.0}  # fmt: skip
    run = outputs / "runs" / variant / f"20260101T000000Z-{number:06x}"
    (run / ".hydra").mkdir(parents=True)
    (run / "run.json").write_text(json.dumps(row, indent=2))
    (run / ".hydra" / "config.yaml").write_text(_config(seed, number))


def _heads() -> Iterator[str]:
    for task in TASKS:
        for document in range(DOCUMENTS):
            for metric in ("acc", "acc_norm"):
                hashes = f'"doc_hash": "{document:064x}", "prompt_hash": "{document + 7:064x}"'
                yield f'{{"task": "{task}", "doc_id": {document}, {hashes}, "metric": "{metric}", "value": '


def _tail(chance: random.Random) -> str:
    logs = ", ".join(f"{-20 * chance.random():.6f}" for _ in range(4))
    return f', "loglikelihoods": [{logs}], "gold": {chance.randrange(4)}}}\n'


def _scores(right: Sequence[bool]) -> list[Row]:
    rows = []
    for place, (task, suite) in enumerate(zip(TASKS, ("understanding", "truthfulness"), strict=True)):
        value = sum(right[place * DOCUMENTS : (place + 1) * DOCUMENTS]) / DOCUMENTS
        error = (value * (1 - value) / (DOCUMENTS - 1)) ** 0.5
        same = {"filter": "none", "value": value, "stderr": error, "n": DOCUMENTS, "higher_is_better": True}
        told = {**same, "chance": 0.25, "task_version": "1.0"}
        rows += [{"task": task, "metric": metric, **told} for metric in ("acc", "acc_norm")]
        rows.append({"task": suite, "metric": "mean", **told})
    return rows


def _audit() -> Row:
    metric = {"chance": 0.25, "majority": 0.28, "stderr": "analytic"}
    tasks: list[Row] = [
        {"task": task, "task_version": "1.0", "num_fewshot": 0, "n": DOCUMENTS, "prompts": "728c51d5ab8893c3",
         "degenerate": False, "truncated": 0, "empty_generations": None, "comparable": True,
         "metrics": {"acc": metric, "acc_norm": metric}, "flags": []}
        for task in TASKS
    ]  # fmt: skip
    told = {"frame": "raw", "num_fewshot": None, "fewshot_seed": 1234, "limit": None}
    return {**told, "backend": "transformers", "groups": {}, "lm_eval": "0.4.13", "tasks": tasks}


def _judging(outputs: Path, name: str, level: float, chance: random.Random) -> None:
    rows = []
    for question in range(QUESTIONS):
        theirs = chance.randrange(4, 16) / 2
        for order in ("12", "21"):
            ours = min(10.0, max(1.0, theirs + round(4 * (level - 0.6) + chance.gauss(0, 1))))
            text = f"{theirs} {ours}\n" + "The one is right in 7 words. " * 6
            rows.append({
                "question_id": str(question), "category": ("people", "sums")[question % 2],
                "model_1": "miniature-teacher", "model_2": f"train/{name}", "judge": "g",
                "judge_version": "g-1", "protocol": "vicuna", "order": order,
                "score_1": theirs, "score_2": ours,
                "preference": 0.5 + 0.5 * ((ours > theirs) - (ours < theirs)), "words_1": 4 + question % 5,
                "words_2": chance.randrange(3, 9), "text": text, "parsed": True, "retest": False,
            })  # fmt: skip
    questions = compared(rows)
    folder = _artifact(outputs, "judge", name, {"judge": {"model": "g"}}, {"completions": name})
    _lines(folder / "verdicts.jsonl", rows)
    _lines(folder / "questions.jsonl", [as_row(one) for one in questions])
    won, mine = fmean(one.preference for one in questions), sum(one.score or 0 for one in questions)
    own = {
        "percent": 100 * mine / sum(one.opponent_score or 0 for one in questions),
        "win_rate": 100 * won,
        "mean": fmean(row["words_2"] for row in rows[1::2]),
    }
    _lines(
        folder / "scores.jsonl", [{**one, "value": own.get(one["metric"], one["value"])} for one in _names()]
    )


@functools.cache
def _names() -> list[Row]:
    """The names of a judging's many scores; few of them are asked for."""
    names = [*JUDGED, *(f"{name}/{part}" for name in JUDGED[:2] for part in "abcdefghi")]
    told = {
        "stderr": 4.2,
        "n": QUESTIONS,
        "higher_is_better": True,
        "chance": None,
        "filter": "none",
        "low": 1.0,
    }
    rows = [{"task": "judge", "metric": name, "value": 50.0, **told, "high": 90.0} for name in names]
    return [*rows, {"task": "words", "metric": "mean", "value": 5.0, "stderr": 0.2, "n": QUESTIONS}]


def _card(outputs: Path, variant: str) -> None:
    folder = _artifact(
        outputs, "curate", variant, {"variant": {"type": "DatasetVariantConfig", "rules": [variant]}}, {}
    )
    lineage = {"source": "generated by t", "teacher": "t", "cap": {"sentence": 100, "filter": None}}
    counts = {"rows_in": 1000, "rows_out": 900, "removed": {variant: 100}, "edited": {}}
    (folder / "card.json").write_text(
        json.dumps({"counts": counts, "lineage": {**lineage, "cleaning": [variant]}})
    )


def _artifact(outputs: Path, stage: str, name: str, identity: Row, inputs: Row) -> Path:
    folder = outputs / stage / name
    folder.mkdir(parents=True)
    record = {"stage": stage, "version": 1, "identity": identity, "inputs": inputs, "fingerprint": name,
              "files": {}, "started": "2026-01-01T00:00:00Z", "seconds": 1.0, "machine": {}, "git": "0" * 40,
              "packages": PACKAGES, "usage": USAGE}  # fmt: skip
    (folder / "record.json").write_text(json.dumps(record, indent=2))
    return folder


def _config(seed: int, number: int) -> str:
    """Of the length that a real one has."""
    other = "".join(f"{group}:\n" + "".join(f"  field_{n}: {n}\n" for n in range(40)) for group in "abcdef")
    rate = f"trainer:\n  learning_rate: {1e-4 * (1 + number)}\n  epochs: 3\n"
    return f"preset: miniature\nscale: small\nseed: {seed}\n{other}{rate}"


def _lines(file: Path, rows: Sequence[Row]) -> None:
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


if __name__ == "__main__":
    main()
