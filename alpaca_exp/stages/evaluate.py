"""Measuring a model with lm-eval: scores with their standard errors, and every document's record."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from alpaca_exp.artifacts import Artifact
from alpaca_exp.cleaning.dataset import read_dataset
from alpaca_exp.errors import Stopped
from alpaca_exp.progress import Steps, progress
from alpaca_exp.records import Row, Score, as_row, write_json, write_jsonl
from alpaca_exp.schemas import BaseModelConfig, EvalSuiteConfig, RuntimeConfig
from alpaca_exp.scoreboard import brief

if TYPE_CHECKING:
    from lm_eval.api.task import Task

    from alpaca_exp.harness.backends import Scorer


def evaluate(
    suite: EvalSuiteConfig,
    documents: Mapping[str, Any],
    lm_eval: str,
    weights: BaseModelConfig | None = None,
    *,
    model: Artifact | None = None,
    dataset: Artifact | None = None,
    runtime: RuntimeConfig,
    out: Path,
) -> None:
    """Write `scores.jsonl`, `documents.jsonl` and `audit.json` of `model` (or `weights`) on the suite.

    Where `dataset`, which the model was tuned on, is given: `overlaps.jsonl`, the documents that it holds,
    how many they are in `audit.json`, and as `<metric>_clean` in `scores.jsonl` the metrics without them.
    `documents` are what `mirror_files` finds of each task, {} where they come from the hub; `lm_eval` is
    the version in use. Finished tasks are kept in `tasks/` until the end: a killed evaluation goes on with
    the next one, and says so. What the scores must be read with is in `audit.json`.
    Raises InputError, before any work, for a task, a document or a model that will not do.
    """
    from alpaca_exp.harness.backends import open_model, suited
    from alpaca_exp.harness.tasks import load_tasks

    tasks = suited(load_tasks(suite, documents, offline=runtime.offline), weights if model is None else None)
    folder = out / "tasks"
    folder.mkdir(exist_ok=True)
    missing = {name: task for name, task in tasks.items() if not _file(folder, name).exists()}
    if missing:
        if len(missing) < len(tasks):
            kept = f"{_progress(tasks, folder)} are kept from an earlier attempt"
            _say(f"{kept}; it goes on with {next(iter(missing))}")
        try:
            with open_model(weights, model, suite, runtime, out) as scorer:
                _score(missing, suite, scorer, folder)
        except (KeyboardInterrupt, Stopped):
            _say(f"stopped; {_progress(tasks, folder)} are scored and kept")
            raise
    done = [json.loads(_file(folder, name).read_text(encoding="utf-8")) for name in tasks]
    scores = [Score(**row) for part in done for row in part["scores"]]
    if dataset is not None:
        scores += _compare_with_training(dataset, tasks, done, scores, suite, out)
    _write(done, scores, suite, lm_eval, out)
    shutil.rmtree(folder)


def _progress(tasks: Mapping[str, Task], folder: Path) -> str:
    return f"{sum(_file(folder, name).exists() for name in tasks)} of {len(tasks)} tasks"


def _score(tasks: Mapping[str, Task], suite: EvalSuiteConfig, scorer: Scorer, folder: Path) -> None:
    from alpaca_exp.harness.outcomes import outcome
    from alpaca_exp.harness.scoring import num_documents, prepare, score

    prepare(scorer.lm, tasks, suite)
    total = sum(num_documents(task, suite.limit) for task in tasks.values())
    with progress("evaluate", total, "documents") as steps:
        for name, task in tasks.items():
            with scorer.counted(f"evaluate {name}"):
                results = score(scorer.lm, name, task, suite, partial(_advance, steps, scorer, name))
            write_json(outcome(name, task, results, scorer.lm), _file(folder, name))


def _advance(steps: Steps, scorer: Scorer, name: str, documents: int) -> None:
    steps.advance(documents, " ".join(filter(None, (name, scorer.note()))))


def _compare_with_training(
    dataset: Artifact,
    tasks: Mapping[str, Task],
    done: Sequence[Row],
    scores: Sequence[Score],
    suite: EvalSuiteConfig,
    out: Path,
) -> list[Score]:
    """Write and say which documents the training data holds, note it in each audit; the clean scores."""
    from alpaca_exp.cleaning.overlap import OverlapIndex
    from alpaca_exp.harness.contamination import clean_scores, overlap_counts, overlap_rows, told
    from alpaca_exp.harness.outcomes import means
    from alpaca_exp.harness.texts import task_texts

    index = OverlapIndex(text for name, task in tasks.items() for text in task_texts(name, task, suite.limit))
    overlaps = overlap_rows(index, index.hits(read_dataset(dataset.path)))
    write_jsonl(overlaps, out / "overlaps.jsonl")
    counts = overlap_counts(index, overlaps)
    for part in done:
        part["audit"]["overlap"] = counts[part["audit"]["task"]]
    rows = (row for part in done for row in part["documents"])
    clean = list(clean_scores(means(done, scores), rows, overlaps))
    sizes = {part["audit"]["task"]: part["audit"]["n"] for part in done}
    for sentence in told(counts, sizes, [*scores, *clean]):
        _say(sentence)
    return clean


def _write(done: Sequence[Row], scores: list[Score], suite: EvalSuiteConfig, lm_eval: str, out: Path) -> None:
    from alpaca_exp.harness.outcomes import asked, audited, with_means

    scores, audits = with_means(suite, scores), audited(done, scores)
    write_jsonl(map(_in_order, scores), out / "scores.jsonl")
    write_jsonl((row for part in done for row in part["documents"]), out / "documents.jsonl")
    write_json({**asked(suite), "lm_eval": lm_eval, "tasks": audits}, out / "audit.json")
    tasks = f"{len(audits)} task{'s' * (len(audits) != 1)}"
    _say(f"{tasks} scored: {brief([as_row(score) for score in scores])}")


def _say(sentence: str) -> None:
    print(f"evaluate: {sentence}", file=sys.stderr, flush=True)


def _in_order(score: Score) -> Row:
    """The columns in the contract's order."""
    columns = "task metric filter value stderr n higher_is_better chance task_version"
    return {name: getattr(score, name) for name in columns.split()}


def _file(folder: Path, task: str) -> Path:
    return folder / f"{quote(task, safe='')}.json"
