"""What the world outside still lacks for a plan to run: said before the first stage, not hours into it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlparse

from alpaca_exp.artifacts import Stage, find
from alpaca_exp.cleaning.rules import chosen
from alpaca_exp.cleaning.sources import source_obstacles
from alpaca_exp.errors import ConfigError, InputError
from alpaca_exp.harness.names import task_folders
from alpaca_exp.schemas import (
    CheckpointConfig,
    DatasetVariantConfig,
    EndpointConfig,
    EvalSuiteConfig,
    ExperimentConfig,
    JournalConfig,
    LanguageModelConfig,
    NoRaterConfig,
    PretrainedModelConfig,
    WorldSuiteConfig,
)


def obstacles(stages: Mapping[str, Stage], config: ExperimentConfig) -> list[str]:
    """One sentence for each thing that a stage still to be made would miss; empty when ready."""
    outputs = config.runtime.outputs
    found = list(_outputs(outputs))
    for stage in stages.values():
        if found or not find(stage, outputs, remake_damaged=config.runtime.remake_damaged):
            for value in stage.config.values():
                found += _of(value, config.runtime.offline)
    return list(dict.fromkeys(found))


def _of(value: object, offline: bool) -> Iterator[str]:
    match value:
        case EndpointConfig():
            yield from _endpoint(value, offline)
        case JournalConfig(journal=None):
            group = getattr(value, "group", "model")
            yield (
                f"{group}.journal is not set; name the journal to replay: "
                f"{group}.journal=outputs/journal/MODEL.jsonl"
            )
        case CheckpointConfig() if offline and not _there(value.path, value.revision):
            yield (
                f"runtime.offline is true and {getattr(value, 'group', 'model')}.path={value.path} is neither a folder nor in the "
                "hub's local cache; give a folder, or allow the network with runtime.offline=false"
            )
        case EvalSuiteConfig() if not isinstance(value, WorldSuiteConfig):
            try:
                task_folders(value.tasks)
            except InputError as error:
                yield str(error)
            if offline and value.mirror is None:
                yield (
                    "runtime.offline is true and eval_suite.mirror is not set; give the folder that "
                    "holds the tasks' documents with eval_suite.mirror=FOLDER"
                )
        case DatasetVariantConfig():
            try:
                chosen(value.rules)
            except ConfigError as error:
                yield from error.problems
            yield from source_obstacles(value, offline=offline)
        case NoRaterConfig():
            yield (
                "dataset_variant keeps the best rated rows, and nobody rates: choose a rater "
                "(rater=openai, rater=miniature), or set dataset_variant.min_rating and .best_rated to null"
            )
        case PretrainedModelConfig():
            if offline and not _there(value.path, value.revision):
                yield (
                    f"runtime.offline is true and base_model.path={value.path} is neither a folder nor in "
                    "the hub's local cache; give a folder, or allow the network with runtime.offline=false"
                )


def _there(path: str, revision: str | None) -> bool:
    """Whether a model is a folder, or in the hub's local cache."""
    from huggingface_hub import try_to_load_from_cache

    if Path(path).expanduser().is_dir():
        return True
    return isinstance(try_to_load_from_cache(path, "config.json", revision=revision), str)


def _endpoint(endpoint: EndpointConfig, offline: bool) -> Iterator[str]:
    if endpoint.retired and endpoint.base_url is None:
        name = endpoint.model if isinstance(endpoint, LanguageModelConfig) else "The model"
        yield f"{name} {endpoint.retired}"
        return
    host = urlparse(endpoint.base_url or "https://api.openai.com").hostname
    if host in ("127.0.0.1", "localhost", "::1"):
        return
    if offline:
        yield f"runtime.offline is true, but {host} would be asked; set runtime.offline=false"
    elif not os.environ.get(endpoint.api_key_env):
        yield f"{host} wants a key and {endpoint.api_key_env} is not set; export {endpoint.api_key_env}=..."


def _outputs(outputs: Path) -> Iterator[str]:
    existing = next(p for p in (outputs.absolute(), *outputs.absolute().parents) if p.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        yield f"runtime.outputs is {outputs}, and {existing} cannot be written; choose another folder"
