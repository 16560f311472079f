"""Judging a model: the time that 80 questions in both orders take, beside the least that they can take.

    python -m tests.benchmarks.judging            five seconds a protocol

The server is a process of its own that answers each request after one second; 32 are under way at once. The
least is a second for each 32 requests, rounded up; ours is the whole stage, from two files of answers to
verdicts and scores, with its journal and ledger. What every reply says is read: none may be lost.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alpaca_exp.artifacts import Artifact
from alpaca_exp.judging.questions import load_questions
from alpaca_exp.records import read_jsonl, write_jsonl
from alpaca_exp.schemas import FileQuestionsConfig, JudgeProtocol, OpenAIJudgeConfig, RuntimeConfig
from alpaca_exp.stages.judge import judge

CONCURRENCY, LATENCY_S = 32, 1.0
CASES: dict[str, dict[str, Any]] = {
    "vicuna, both orders": {"protocol": JudgeProtocol.vicuna},
    "vicuna, both orders, and 5 % again": {"protocol": JudgeProtocol.vicuna, "retest": 0.05},
    "pairwise, both orders": {"protocol": JudgeProtocol.pairwise},
    "preference, both orders": {"protocol": JudgeProtocol.preference},
    "single, both answers": {"protocol": JudgeProtocol.single},
}
SERVER = f"""
import dataclasses, sys
from tests.servers import Server, sensible
with Server(lambda body, number: dataclasses.replace(sensible(body), delay_s={LATENCY_S})) as server:
    print(server.base_url, flush=True)
    sys.stdin.read()
"""


@contextmanager
def served() -> Iterator[str]:
    """The address of a judge that takes its time."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def judged(address: str, questions: FileQuestionsConfig, **how: Any) -> tuple[float, int]:
    """Seconds of the stage, and how many requests it made."""
    told: dict[str, Any] = {"retest": 0.0, "concurrency": CONCURRENCY, "questions": questions}
    config = OpenAIJudgeConfig(model="m", base_url=address, **(told | how))
    with tempfile.TemporaryDirectory() as folder:
        both = {name: _answers(Path(folder) / name, questions) for name in ("completions", "opponent")}
        out = Path(folder) / "judge" / "benchmark"
        out.mkdir(parents=True)
        start = time.perf_counter()
        judge(config, **both, runtime=RuntimeConfig(), out=out)
        seconds = time.perf_counter() - start
        assert all(row["parsed"] for row in read_jsonl(out / "verdicts.jsonl"))
        journal = read_jsonl(Path(folder) / "journal" / "m.jsonl")
        return seconds, sum(row["state"] == "answered" for row in journal)


def _answers(folder: Path, questions: FileQuestionsConfig) -> Artifact:
    folder.mkdir()
    text = f"An answer of the {folder.name}. " * 30
    rows = [{"question_id": row["question_id"], "text": text} for row in load_questions(questions)]
    write_jsonl(rows, folder / "completions.jsonl")
    return Artifact(folder)


def main() -> None:
    """Print the figures, and last one JSON object."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "").parse_args()
    questions, rows = FileQuestionsConfig(), []
    with served() as address:
        judged(address, FileQuestionsConfig(limit=1))  # imports are not what is measured
        for case, how in CASES.items():
            seconds, count = judged(address, questions, **how)
            ideal = math.ceil(count / CONCURRENCY) * LATENCY_S
            row = {"case": f"{case}: {count} requests", "ours": round(seconds, 2), "peer": ideal}
            rows.append(row | {"ratio": round(seconds / ideal, 3), "peer_name": "the least possible"})
            print(f"{row['case']}, {seconds:.2f} s; the least possible {ideal:.0f} s", flush=True)
    first = {name: rows[0][name] for name in ("ratio", "ours", "peer")}
    told = {"name": "judging", **first, "unit": f"s, {CONCURRENCY} at once, {LATENCY_S:g} s latency"}
    told |= {"machine": f"{platform.machine()}, {os.cpu_count()} cores", "threads": 1, "n": 160}
    print(json.dumps({**told, "rows": rows}))


if __name__ == "__main__":
    main()
