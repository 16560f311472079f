"""What a suite would end with for what it names, told from lm-eval's own files before anything runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alpaca_exp.errors import ConfigError
from alpaca_exp.harness.groups import group_metrics
from alpaca_exp.harness.instruction_files import lacking
from alpaca_exp.harness.names import Function, StockTask, fewer
from alpaca_exp.harness.needs import idle_shots, stock
from alpaca_exp.schemas import (
    BaseModelConfig,
    ConfiguredModelConfig,
    EvalSuiteConfig,
    InstructionSuiteConfig,
    NoSuiteConfig,
    PretrainedModelConfig,
    ScratchModelConfig,
    WorldSuiteConfig,
)

DEFAULT_METRICS = {
    "loglikelihood": ("perplexity", "acc"),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
    "multiple_choice": ("acc", "acc_norm"),
    "generate_until": ("exact_match",),
}
"""lm-eval's, of tasks whose definition names none."""
WRITTEN = 256
"""Tokens that lm-eval lets a task write whose definition does not say."""
CONTEXTS = ("n_positions", "max_position_embeddings", "n_ctx")
"""Where lm-eval looks for a model's context in its configuration."""


def suite_obstacles(suite: EvalSuiteConfig) -> Iterator[str]:
    """One sentence for each task, metric or file that the suite names and that there is not."""
    if isinstance(suite, InstructionSuiteConfig):
        yield from lacking(suite)
    try:
        found = measured(suite)
    except ConfigError as error:
        yield from error.problems
        return
    if found is not None:
        yield from unknown_metrics(suite, found)


def measured(suite: EvalSuiteConfig) -> dict[str, Sequence[str]] | None:
    """The metrics that the suite ends with, by their tasks and groups; None where only a task's code knows.

    Raises ConfigError for tasks that there are not.
    """
    match suite:
        case NoSuiteConfig():
            return {}
        case InstructionSuiteConfig():
            return dict.fromkeys(suite.tasks, ("rougeL", "exact_match"))
        case WorldSuiteConfig():
            return dict.fromkeys(suite.tasks, ("acc", "acc_norm"))
    tasks = stock(suite).tasks
    if any("class" in task.config for task in tasks.values()):
        return None
    return {
        **{name: told for name, task in tasks.items() if (told := _metrics(task)) is not None},
        **group_metrics(suite),
    }


def suite_remarks(suite: EvalSuiteConfig) -> Iterator[str]:
    """One sentence for what the suite says and what changes nothing."""
    try:
        idle = idle_shots(suite)
    except ConfigError:  # which names are wrong is said by `suite_obstacles`
        return
    if idle:
        yield (
            f"eval_suite.shots names {', '.join(idle)}, of which eval_suite.tasks holds nothing: no score is "
            "changed by it"
        )


def unknown_metrics(suite: EvalSuiteConfig, measured: Mapping[str, Sequence[str]]) -> list[str]:
    """One sentence for each metric that the suite names and its task, or its group, does not measure."""
    named = [metric for metrics in suite.means().values() for metric in metrics]
    parts = ((metric, *metric.partition("/")[0].rpartition(".")[::2]) for metric in named)
    return [
        f"eval_suite names the metric {metric}, but the task {task} measures "
        f"{', '.join(sorted(measured.get(task, ()))) or 'none of its own'}"
        for metric, task, name in parts
        if name not in measured.get(task, ())
    ]


def too_short(suite: EvalSuiteConfig, base_model: BaseModelConfig) -> list[str]:
    """One sentence for each task whose answers alone fill the context, where that is known beforehand."""
    context = _context(base_model)
    if context is None:
        return []
    longer = "take a model with a longer context"
    if isinstance(base_model, ScratchModelConfig):
        longer = "set base_model.max_position_embeddings to more"
    return fewer(
        f"the task {task} writes up to {count} tokens, but the model reads {context} in all; "
        f"{longer}{or_fewer}, or leave the task out of eval_suite.tasks"
        for task, count, or_fewer in _written(suite)
        if count >= context
    )


def _written(suite: EvalSuiteConfig) -> Iterator[tuple[str, int, str]]:
    """Of each task that has answers written: their limit in tokens, and how it can be lowered."""
    match suite:
        case NoSuiteConfig() | WorldSuiteConfig():
            return
        case InstructionSuiteConfig():
            limits = zip(suite.TASKS, ("max_tokens", "user_max_tokens"), strict=True)
            for task, field in ((task, field) for task, field in limits if task in suite.tasks):
                yield task, getattr(suite, field), f", lower eval_suite.{field}"
        case _:
            try:
                tasks = stock(suite).tasks
            except ConfigError:
                return
            for name, told in tasks.items():
                if told.config.get("output_type") == "generate_until":
                    settings = told.config.get("generation_kwargs") or {}
                    yield name, int(settings.get("max_gen_toks", WRITTEN)), ""


def _metrics(task: StockTask) -> list[str] | None:
    """What the task's definition measures; None where only its code knows."""
    told = task.config.get("metric_list")
    if told is None:
        return list(DEFAULT_METRICS.get(str(task.config.get("output_type", "generate_until")), ()))
    names = [entry.get("metric") for entry in told]
    return [name.name.rpartition(".")[2] if isinstance(name, Function) else str(name) for name in names]


def _context(base_model: BaseModelConfig) -> int | None:
    """The longest text that the model reads, in tokens; None where only loading it tells."""
    told: Any = None
    match base_model:
        case ScratchModelConfig():
            return base_model.max_position_embeddings
        case ConfiguredModelConfig():
            told = base_model.config
        case PretrainedModelConfig():
            told = base_model.path
    if isinstance(told, str):
        place = Path(told).expanduser()
        told = _read(place / "config.json" if place.is_dir() else place)
    told = told if isinstance(told, dict) else {}
    found = (told.get(name) for name in CONTEXTS)
    return next((size for size in found if isinstance(size, int)), None)


def _read(file: Path) -> Any:
    """A config.json; nothing where it cannot be read, which its reader says."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
