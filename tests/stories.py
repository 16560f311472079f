"""What the tests of whole experiments share: small settings, and how a run's results are read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.children import ROOT, Child, can_fork

Started = Child | subprocess.Popen[str]

TINY = ("world=tiny", "runtime.num_threads=1")
TINIEST = (*TINY, "world.corpus_tokens=40960", "world.tasks=60", "world.questions=8", "trainer.epochs=2")
"""As few steps as still make every stage do something: for tests that run it many times."""

KEYS = {
    "generate/examples.jsonl": {"id", "instruction", "input", "output", "source", "similarity"},
    "curate/dataset.jsonl": {"id", "instruction", "input", "output"},
    "complete/completions.jsonl": {
        "question_id", "category", "prompt", "text", "model", "finish_reason", "usage", "words",
    },
    "evaluate/scores.jsonl": {
        "task", "metric", "filter", "value", "stderr", "n", "higher_is_better", "chance", "task_version",
    },
    "evaluate/documents.jsonl": {
        "task", "doc_id", "doc_hash", "prompt_hash", "metric", "value", "loglikelihoods", "gold",
    },
    "judge/verdicts.jsonl": {
        "question_id", "category", "model_1", "model_2", "judge", "protocol", "order", "score_1", "score_2",
        "preference", "words_1", "words_2", "text", "parsed",
    },
    "judge/scores.jsonl": {"task", "metric", "value", "stderr", "n"},
}  # fmt: skip
"""The columns that the contracts promise, by file."""

RUN_KEYS = {
    "experiment", "preset", "scale", "seed", "labels", "artifacts", "overrides", "status", "error",
    "started", "seconds", "usd",
}  # fmt: skip
RECORD_KEYS = {
    "stage", "version", "fingerprint", "identity", "inputs", "files", "started", "seconds", "machine",
    "git", "packages", "usage",
}  # fmt: skip


def runs(outputs: Path) -> list[dict[str, Any]]:
    """Every run.json, the oldest first."""
    files = sorted(outputs.glob("runs/*/*/run.json"), key=lambda file: file.stat().st_mtime_ns)
    return [json.loads(file.read_text()) for file in files]


def records(outputs: Path) -> dict[str, dict[str, Any]]:
    """stage/fingerprint -> record."""
    found = outputs.glob("*/*/record.json")
    return {f"{file.parent.parent.name}/{file.parent.name}": json.loads(file.read_text()) for file in found}


def made(outputs: Path) -> dict[str, dict[str, str]]:
    """What was made, without when: stage/fingerprint -> each file's sha256."""
    return {name: record["files"] for name, record in records(outputs).items()}


def rows(file: Path) -> list[dict[str, Any]]:
    """The lines of a JSON-lines file."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def start_in(
    folder: Path, *words: str, module: str = "alpaca_exp", fresh: bool = False, **more: str
) -> Started:
    """Begin `python -m MODULE ...` in `folder`, as a user would; `more` are environment variables.

    `fresh`: in an interpreter started for it, not in a fork (see `tests/children.py`).
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    if not fresh and can_fork(environment):
        return Child([module, *words], folder, environment)
    return subprocess.Popen(
        [sys.executable, "-m", module, *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # whatever who runs us ignores
    )


def run_in(folder: Path, *words: str, timeout: float = 300, **more: Any) -> subprocess.CompletedProcess[str]:
    """The same to its end; killed where that takes longer than `timeout` seconds."""
    process = start_in(folder, *words, **more)
    try:
        printed, complained = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        raise
    assert process.returncode is not None
    return subprocess.CompletedProcess(words, process.returncode, printed, complained)
