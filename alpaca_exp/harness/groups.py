"""The scores of lm-eval's groups: a task's score each of their own, made of their tasks'."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from alpaca_exp.harness.names import StockGroup, resolve
from alpaca_exp.records import Score
from alpaca_exp.schemas import EvalSuiteConfig, InstructionSuiteConfig, WorldSuiteConfig


def groups_of(suite: EvalSuiteConfig) -> tuple[StockGroup, ...]:
    """The groups with a score of their own that the suite names, and those in them; the outermost first."""
    own = isinstance(suite, (WorldSuiteConfig, InstructionSuiteConfig))
    return () if own or not suite.tasks else resolve(suite.tasks).groups


def group_metrics(suite: EvalSuiteConfig) -> dict[str, list[str]]:
    """By a group's name, the metrics that it has."""
    return {group.name: [metric["metric"] for metric in _metrics(group)] for group in groups_of(suite)}


def group_rows(suite: EvalSuiteConfig, scores: Sequence[Score]) -> list[Score]:
    """One Score a group, metric and filter, as lm-eval aggregates them, from all of its tasks' `scores`.

    The mean of the tasks' values, weighted by their documents where the group says so. Its standard error
    is lm-eval's: of a weighted mean the pooled one, sqrt(sum((n - 1) n s^2) / (N - k)) / sqrt(N) with a
    task's n documents and standard error s, k tasks and N documents; of a plain mean sqrt(sum(s^2)) / k.
    Null where a task has none.
    """
    found: dict[tuple[str, str, str], Score] = {}
    sizes: dict[str, int] = {}
    for score in scores:
        found[score.task, score.metric, score.filter] = score
        sizes[score.task] = max(score.n, sizes.get(score.task, 0))
    return [
        _row(group, parts, [sizes[part.task] for part in parts], told)
        for group in groups_of(suite)
        for told in _metrics(group)
        for filter_name in _filters(group, told, scores)
        if (parts := [p for t in group.tasks if (p := found.get((t, told["metric"], filter_name)))])
    ]


def _metrics(group: StockGroup) -> list[dict[str, Any]]:
    told = group.config["aggregate_metric_list"]
    return [told] if isinstance(told, dict) else list(told)


def _filters(group: StockGroup, told: dict[str, Any], scores: Sequence[Score]) -> list[str]:
    """The filters that the group names for a metric, or all that its tasks have."""
    named = told.get("filter_list")
    if named is None:
        tasks = set(group.tasks)
        return sorted({s.filter for s in scores if s.task in tasks and s.metric == told["metric"]})
    return [named] if isinstance(named, str) else list(named)


def _row(group: StockGroup, parts: Sequence[Score], sizes: Sequence[int], told: dict[str, Any]) -> Score:
    weighted = told.get("weight_by_size", True)
    weights = sizes if weighted else [1] * len(parts)
    errors = [part.stderr for part in parts if part.stderr is not None]
    chances = [part.chance for part in parts if part.chance is not None]
    whole = len(errors) == len(parts)
    return Score(
        task=group.name,
        metric=parts[0].metric,
        filter=parts[0].filter,
        value=_mean([part.value for part in parts], weights),
        stderr=(_pooled(errors, sizes) if weighted else math.hypot(*errors) / len(errors)) if whole else None,
        n=sum(sizes),
        higher_is_better=all(part.higher_is_better for part in parts),
        chance=_mean(chances, weights) if len(chances) == len(parts) else None,
        task_version=str((group.config.get("metadata") or {}).get("version", "")),
    )


def _mean(values: Sequence[float], weights: Sequence[int]) -> float:
    return sum(value * weight for value, weight in zip(values, weights, strict=True)) / sum(weights)


def _pooled(errors: Sequence[float], sizes: Sequence[int]) -> float | None:
    free = sum(sizes) - len(sizes)
    if free < 1:
        return None
    squares = sum((n - 1) * error**2 * n for n, error in zip(sizes, errors, strict=True))
    return math.sqrt(squares / free) / math.sqrt(sum(sizes))
