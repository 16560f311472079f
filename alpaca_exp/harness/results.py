"""From lm-eval's results to our rows: scores with their standard errors, and documents."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from lm_eval.api import metrics as lm_eval_metrics
from lm_eval.api.metrics import mean, mean_stderr
from lm_eval.api.task import Task

from alpaca_exp.harness.guessing import Guessing, gold, guessing
from alpaca_exp.harness.instructions import cluster_of, clusters_of, over_clusters
from alpaca_exp.harness.needs import SHARED_FOLDERS
from alpaca_exp.harness.quiet import muted
from alpaca_exp.records import Row, Score

SLOW = {lm_eval_metrics.bleu, lm_eval_metrics.chrf, lm_eval_metrics.chrfpp, lm_eval_metrics.ter}
RATIOS = {lm_eval_metrics.weighted_perplexity, lm_eval_metrics.bits_per_byte}
"""Functions of two sums over documents: lm-eval gives them no standard error, resampling does."""
BOOTSTRAPPED = SLOW | RATIOS | {
    lm_eval_metrics.median, lm_eval_metrics.matthews_corrcoef, lm_eval_metrics.f1_score,
    lm_eval_metrics.perplexity, lm_eval_metrics.nanmean,
}  # fmt: skip
RESAMPLES, RESAMPLES_IF_SLOW = 1000, 100
"""Of the documents, with replacement; lm-eval's own numbers for its `bootstrap_iters=1000`."""


def score_rows(name: str, task: Task, results: Row, known: Guessing | None = None) -> list[Score]:
    """One Score a metric and filter, its stderr as `stderr_of` says; `known` is `guessing` of its samples."""
    samples = results["samples"][name]
    known = known or guessing(task, one_each(samples))
    rows = []
    for key, value in results["results"][name].items():
        metric, comma, filter_name = key.partition(",")
        if not comma or metric.endswith("_stderr"):
            continue
        values = [s[metric] for s in samples if s["filter"] == filter_name and metric in s]
        rows.append(
            Score(
                task=name,
                metric=metric,
                filter=filter_name,
                value=float(value),
                stderr=_stderr(task, metric, values),
                n=len(values),
                higher_is_better=task.higher_is_better().get(metric, True),
                chance=known.chance.get(metric),
                task_version=str(task.VERSION),
            )
        )
    return over_clusters(rows, samples)


def document_rows(name: str, task: Task, samples: Sequence[Row], known: Guessing | None = None) -> list[Row]:
    """One row for each document and metric, in lm-eval's order of documents.

    `metric` is "acc", or "exact_match,strict" where a filter of the task was applied. A generated text
    stands in `text` as the model wrote it, and what the filter made of it in `answer`.
    """
    known = known or guessing(task, one_each(samples))
    places = dict(zip((sample["doc_id"] for sample in one_each(samples)), known.golds, strict=False))
    return [
        {
            "task": name,
            "doc_id": sample["doc_id"],
            "doc_hash": sample["doc_hash"],
            "prompt_hash": sample["prompt_hash"],
            "metric": metric if sample["filter"] == "none" else f"{metric},{sample['filter']}",
            "value": _plain(sample[metric]),
            "loglikelihoods": _loglikelihoods(sample),
            "gold": _plain(gold(task, sample, places.get(sample["doc_id"], ()))),
            **_texts(sample),
            **cluster_of(sample),
        }
        for sample in samples
        for metric in sample["metrics"]
    ]


def one_each(samples: Sequence[Row]) -> list[Row]:
    """One sample a document: those of the first filter."""
    return [sample for sample in samples if sample["filter"] == samples[0]["filter"]]


def stderr_of(task: Task, metric: str) -> str | None:
    """How its standard error is found.

    "analytic" is s / sqrt(n), for a mean over documents; "bootstrap" is the standard deviation over
    resampled documents, for those of lm-eval's other aggregations of which that is known to be sound;
    "clustered" is over the groups that a task's documents name, where those of a group go together.
    """
    if clusters_of(task):
        return "clustered"
    aggregation = task.aggregation().get(metric, mean)
    return "analytic" if aggregation is mean else "bootstrap" if aggregation in BOOTSTRAPPED else None


def written(sample: Row) -> str | None:
    """What the model wrote, before any filter; None where it chose."""
    first = sample["resps"][0]
    first = first[0] if isinstance(first, (list, tuple)) and first else first
    return first if isinstance(first, str) else None


def suite_row(name: str, named: Sequence[str], scores: Sequence[Score]) -> Score:
    """The mean of the metrics `named` ("piqa.acc_norm"), as the metric `mean` of the task `name`.

    Of a metric that several filters give, one is named by "gsm8k.exact_match/strict-match", else the first.

    The standard error takes tasks as independent, and metrics over the same documents as if they moved
    together, which bounds it from above: the root of the summed squares over the number of metrics.
    """
    first = {f"{score.task}.{score.metric}": score for score in reversed(scores)}
    found = first | {f"{score.task}.{score.metric}/{score.filter}": score for score in scores}
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


def _stderr(task: Task, metric: str, values: Sequence[Any]) -> float | None:
    how = stderr_of(task, metric)
    if len(values) < 2 or how is None:
        return None
    return _bootstrapped(task, metric, values) if how == "bootstrap" else float(mean_stderr(values))


def _bootstrapped(task: Task, metric: str, values: Sequence[Any]) -> float | None:
    aggregation: Callable[[Sequence[Any]], float] = task.aggregation()[metric]
    draw = random.Random(0)
    count = RESAMPLES_IF_SLOW if aggregation in SLOW else RESAMPLES
    with muted():
        found = [float(aggregation(draw.choices(values, k=len(values)))) for _ in range(count)]
    return statistics.stdev(found) if all(map(math.isfinite, found)) else None


def _loglikelihoods(sample: Row) -> list[float]:
    """Of the sample's requests, to the 1e-6: the digits beyond depend on the batch."""
    answers = sample["filtered_resps"]
    pairs = [answer[0] if isinstance(answer, (tuple, list)) else answer for answer in answers]
    return [round(float(value), 6) for value in pairs if isinstance(value, (int, float))]


def _texts(sample: Row) -> dict[str, Any]:
    text = written(sample)
    if text is None:
        return {}
    answer = sample["filtered_resps"][0]
    return {"text": text} if answer == text else {"text": text, "answer": _plain(answer)}


def _plain(value: Any) -> Any:
    """Without numpy: what JSON can hold."""
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
