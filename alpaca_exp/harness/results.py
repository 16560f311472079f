"""From lm-eval's results to our rows: scores with their standard errors, documents, and the audit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from lm_eval.api.metrics import mean, mean_stderr
from lm_eval.api.task import Task

from alpaca_exp.harness.mirror import SHARED_FOLDERS
from alpaca_exp.records import Row, Score

GUESSABLE = ("acc", "acc_norm", "acc_bytes", "exact_match")
"""Metrics whose chance level is one over the number of choices."""
DEGENERATE_SHARE = 0.95
"""With more of the right answers than this in one place, knowing the place is knowing the answer."""


def score_rows(name: str, task: Task, results: Row) -> list[Score]:
    """One Score a metric and filter; stderr = s / sqrt(n), where the metric is a mean over documents."""
    samples = results["samples"][name]
    rows = []
    for key, value in results["results"][name].items():
        metric, comma, filter_name = key.partition(",")
        if not comma or metric.endswith("_stderr"):
            continue
        values = [s[metric] for s in samples if s["filter"] == filter_name and metric in s]
        averaged = task.aggregation().get(metric, mean) is mean and len(values) > 1
        rows.append(
            Score(
                task=name,
                metric=metric,
                filter=filter_name,
                value=float(value),
                stderr=float(mean_stderr(values)) if averaged else None,
                n=len(values),
                higher_is_better=task.higher_is_better().get(metric, True),
                chance=_chance(task, samples) if metric in GUESSABLE else None,
                task_version=str(task.VERSION),
            )
        )
    return rows


def document_rows(name: str, task: Task, samples: Iterable[Row]) -> list[Row]:
    """One row for each document and metric, in lm-eval's order of documents.

    `metric` is "acc", or "exact_match,strict" where a filter of the task was applied; a generated text
    stands in `text`.
    """
    return [
        {
            "task": name,
            "doc_id": sample["doc_id"],
            "doc_hash": sample["doc_hash"],
            "prompt_hash": sample["prompt_hash"],
            "metric": metric if sample["filter"] == "none" else f"{metric},{sample['filter']}",
            "value": _plain(sample[metric]),
            "loglikelihoods": _loglikelihoods(sample),
            "gold": _gold(task, sample),
            **_text(sample),
        }
        for sample in samples
        for metric in sample["metrics"]
    ]


def audit(name: str, task: Task, samples: Sequence[Row], truncated: int = 0) -> Row:
    """What the scores stand against: chance, the commonest answer, where the right answers lie.

    `majority` is the score of always choosing the commonest place; `degenerate` says that nearly all right
    answers lie in one place. Both are null where the task does not choose among answers. `truncated` is the
    number of requests that were cut to fit into the model's context.
    """
    first = samples[0]["filter"]
    samples = [sample for sample in samples if sample["filter"] == first]
    places = Counter(gold for sample in samples if isinstance(gold := _gold(task, sample), int))
    share = max(places.values()) / len(samples) if places else None
    texts = [row["text"] for sample in samples if (row := _text(sample))]
    return {
        "task": name,
        "n": len(samples),
        "chance": _chance(task, samples),
        "majority": share,
        "gold_positions": {str(place): places[place] for place in sorted(places)},
        "degenerate": share > DEGENERATE_SHARE and len(samples) > 1 if share is not None else None,
        "truncated": truncated,
        "empty_generations": sum(not text.strip() for text in texts) / len(texts) if texts else None,
    }


def suite_row(name: str, named: Sequence[str], scores: Sequence[Score]) -> Score:
    """The mean of the metrics `named` ("piqa.acc_norm"), as the metric `mean` of the task `name`.

    The standard error takes tasks as independent, and metrics over the same documents as if they moved
    together, which bounds it from above: the root of the summed squares over the number of metrics.
    """
    found = {f"{score.task}.{score.metric}": score for score in reversed(scores)}
    parts = [found[metric] for metric in named]
    same: dict[str, list[Score]] = {}
    for part in parts:
        same.setdefault(SHARED_FOLDERS.get(part.task, part.task), []).append(part)
    known = all(part.stderr is not None for part in parts)
    errors = [sum(part.stderr or 0.0 for part in group) for group in same.values()]
    chances = [part.chance for part in parts if part.chance is not None]
    return Score(
        task=name,
        metric="mean",
        value=sum(part.value for part in parts) / len(parts),
        stderr=math.hypot(*errors) / len(parts) if known else None,
        n=sum(max(part.n for part in group) for group in same.values()),
        chance=sum(chances) / len(parts) if len(chances) == len(parts) else None,
    )


def _chooses(task: Task) -> bool:
    return task.OUTPUT_TYPE == "multiple_choice" and not callable(task.config.process_results)


def _chance(task: Task, samples: Sequence[Row]) -> float | None:
    """The mean over documents of right choices by choices."""
    if not _chooses(task) or not samples:
        return None
    golds = [_gold(task, sample) for sample in samples]
    right = [len(gold) if isinstance(gold, list) else 1 for gold in golds]
    return float(np.mean([k / len(_choices(task, s)) for k, s in zip(right, samples, strict=True)]))


def _choices(task: Task, sample: Row) -> list[str]:
    choices: list[str] = task.doc_to_choice(sample["doc"])
    return choices


def _gold(task: Task, sample: Row) -> Any:
    """The right choice's place, as lm-eval's multiple choice finds it; else the target; null: task's own."""
    if callable(task.config.process_results):
        return None
    if not _chooses(task):
        return sample["target"]
    gold = task.doc_to_text(sample["doc"]) if task.multiple_input else sample["target"]
    choices = _choices(task, sample)
    return choices.index(gold) if isinstance(gold, str) and gold in choices else _plain(gold)


def _loglikelihoods(sample: Row) -> list[float]:
    """Of the sample's requests, to the 1e-6: the digits beyond depend on the batch."""
    answers = sample["filtered_resps"]
    pairs = [answer[0] if isinstance(answer, (tuple, list)) else answer for answer in answers]
    return [round(float(value), 6) for value in pairs if isinstance(value, (int, float))]


def _text(sample: Row) -> dict[str, str]:
    texts = [answer for answer in sample["filtered_resps"] if isinstance(answer, str)]
    return {"text": texts[0]} if texts else {}


def _plain(value: Any) -> Any:
    """Without numpy: what JSON can hold."""
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
