"""From a model's config to the model: one `match` on the config's type."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import ConfigError
from alpaca_exp.identity import identity
from alpaca_exp.llm.model import LanguageModel
from alpaca_exp.records import content_id
from alpaca_exp.schemas import (
    ApiModelConfig,
    BaseModelConfig,
    BaseModelTeacherConfig,
    CheckpointConfig,
    Endpoint,
    EndpointConfig,
    JournalConfig,
    LanguageModelConfig,
    MiniatureCriticConfig,
    MiniatureJudgeConfig,
    MiniatureRaterConfig,
    MiniatureTeacherConfig,
    OpenAICriticConfig,
    OpenAIJudgeConfig,
    OpenAIRaterConfig,
    OpenAITeacherConfig,
    PretrainedModelConfig,
    RecordedCriticConfig,
    RecordedJudgeConfig,
    RecordedRaterConfig,
    RecordedTeacherConfig,
    RuntimeConfig,
    TeacherConfig,
    TransformersCriticConfig,
    TransformersJudgeConfig,
    TransformersRaterConfig,
    TransformersTeacherConfig,
)

WEIGHTS = ("type", "path", "revision", "dtype", "endpoint")
"""What decides how a checkpoint answers a request; the rest is in the request."""


def build_model(config: LanguageModelConfig, runtime: RuntimeConfig) -> LanguageModel:
    """The model that `config` describes, ready to be asked.

    Raises InputError where its key is missing, ConfigError where there is nothing to be asked.
    """
    match config:
        case (
            OpenAITeacherConfig()
            | OpenAICriticConfig()
            | OpenAIRaterConfig()
            | OpenAIJudgeConfig()
            | ApiModelConfig()
        ):
            from alpaca_exp.llm.openai import OpenAIModel

            return OpenAIModel(config, owner=owner(config))
        case (
            TransformersTeacherConfig()
            | TransformersCriticConfig()
            | TransformersRaterConfig()
            | TransformersJudgeConfig()
        ):
            from alpaca_exp.llm.transformers import TransformersModel

            return TransformersModel(config, runtime)
        case RecordedTeacherConfig() | RecordedCriticConfig() | RecordedRaterConfig() | RecordedJudgeConfig():
            from alpaca_exp.llm.recorded import RecordedModel

            return RecordedModel(config)
        case MiniatureTeacherConfig():
            from alpaca_exp.miniature.teacher import MiniatureTeacher

            return MiniatureTeacher(config)
        case MiniatureCriticConfig():
            from alpaca_exp.miniature.critic import MiniatureCritic

            return MiniatureCritic(config)
        case MiniatureRaterConfig():
            from alpaca_exp.miniature.rater import MiniatureRater

            return MiniatureRater(config)
        case MiniatureJudgeConfig():
            from alpaca_exp.miniature.judge import MiniatureJudge

            return MiniatureJudge(config)
        case _:
            raise ConfigError([f"{owner(config)}={config.model} cannot be asked; choose one that can"])


def model_name(config: LanguageModelConfig) -> str:
    """The name under which answers are journalled.

    A server's model is what its name says, and how it is asked. A model that lives here is also what its
    config says: its name carries a digest of that, so that an answer is never taken for another world's.
    """
    match config:
        case EndpointConfig():
            chat = config.endpoint is Endpoint.chat
            return config.model if chat else f"{config.model}@{config.endpoint.name}"
        case JournalConfig():
            return config.model
        case CheckpointConfig():
            weights = {name: value for name, value in identity(config).items() if name in WEIGHTS}
            return f"{config.model}@{content_id(json.dumps(weights, sort_keys=True))}"
    told = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.metadata.get("role") != "runtime" and not isinstance(getattr(config, field.name), Path)
    }
    return f"{config.model}@{content_id(json.dumps(told, sort_keys=True, default=_plain))}"


def with_weights(
    teacher: TeacherConfig, weights: BaseModelConfig | None, model: Artifact | None
) -> TeacherConfig:
    """The teacher; where it is the base model, with its weights: those of `model`, or named by `weights`."""
    if not isinstance(teacher, BaseModelTeacherConfig):
        return teacher
    if model is not None:
        source = {"path": str(model / "model"), "revision": None, "dtype": "auto"}
    elif isinstance(weights, PretrainedModelConfig):
        source = {"path": weights.path, "revision": weights.revision, "dtype": weights.dtype}
    else:
        raise ConfigError(["teacher=base_model has no weights: base_model names none, and no stage made any"])
    shared = {field.name: getattr(teacher, field.name) for field in dataclasses.fields(teacher)}
    return TransformersTeacherConfig(**shared, **source)  # type: ignore[arg-type]


def owner(config: LanguageModelConfig) -> str:
    """The config group in which `config` was chosen, as messages name it."""
    return config.group


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)
