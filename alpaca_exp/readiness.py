"""What the world outside still lacks for a plan to run: said before the first stage, not hours into it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlparse

from alpaca_exp.artifacts import Stage, find
from alpaca_exp.cleaning.rules import chosen
from alpaca_exp.data_readiness import answer_remarks, data_obstacles
from alpaca_exp.errors import ArtifactError, ConfigError
from alpaca_exp.feasibility import too_large
from alpaca_exp.harness.foretold import suite_obstacles, suite_remarks, too_short
from alpaca_exp.hub_readiness import hub_obstacles
from alpaca_exp.llm.folders import folder_problems, template_problems, tokenizer_problems
from alpaca_exp.paths import data_root
from alpaca_exp.plan import untuned
from alpaca_exp.schemas import (
    ApiModelConfig,
    Backend,
    BaseModelConfig,
    BaseModelTeacherConfig,
    CheckpointConfig,
    ConfiguredModelConfig,
    DatasetVariantConfig,
    Endpoint,
    EndpointConfig,
    EvalSuiteConfig,
    ExperimentConfig,
    FileModelConfig,
    JournalConfig,
    LoggerConfig,
    MadeModelConfig,
    MiniatureJudgeConfig,
    MlflowConfig,
    NoDatasetConfig,
    NoRaterConfig,
    PretrainedModelConfig,
    TrainerConfig,
    WorldModelConfig,
)
from alpaca_exp.server_readiness import HERE, key_obstacles
from alpaca_exp.tuning.devices import device
from alpaca_exp.tuning.requirements import lacking, logger_lacking
from alpaca_exp.writers import generates_for_truthfulqa

SEED_TASKS = Path("seeds/seed_tasks.jsonl")


class Here(str):
    """What this machine or its environment lacks, and another may have: a plan can still be made for that."""


def obstacles(stages: Mapping[str, Stage], config: ExperimentConfig) -> list[str]:
    """One sentence for each thing that a stage still to be made would miss; empty when ready.

    Those that speak of this machine alone are `Here`.
    """
    outputs = config.runtime.outputs
    found = list(_outputs(outputs))
    unwritable = bool(found)
    for stage in stages.values():
        try:
            made = not unwritable and find(stage, outputs, remake_damaged=config.runtime.remake_damaged)
        except ArtifactError as error:
            found.append(str(error))
            continue
        if not made:
            found += data_obstacles(stage, offline=config.runtime.offline)
            found += _too_large(stage, config) if stage.name == "train" else ()
            found += too_short(config.eval_suite, config.base_model) if stage.name == "evaluate" else ()
            for value in (*stage.config.values(), *stage.runtime.values()):
                found += _of(value, config.runtime.offline)
                found += _unserved(value) if isinstance(value, EvalSuiteConfig) else ()
                found += _unable(config.base_model) if isinstance(value, BaseModelTeacherConfig) else ()
    found += map(Here, hub_obstacles(stages, config.runtime))
    return list(dict.fromkeys(found))


def remarks(config: ExperimentConfig) -> list[str]:
    """One sentence for each choice that a preset made for the user and that may not be meant."""
    found = []
    if untuned(config) and not isinstance(config.dataset_variant, NoDatasetConfig):
        found.append(
            "trainer=none tunes nothing: the untuned base is measured, and no data are made; make only the "
            "data with eval_suite=none"
        )
    if generates_for_truthfulqa(config) and isinstance(config.judge, MiniatureJudgeConfig):
        found.append(
            "judge=miniature knows its made-up world alone, so nobody says which answers to truthfulqa_gen "
            "are truthful and informative; choose a judge that can (judge=openai, judge=local_server)"
        )
    found += [*_left_out(config.eval_suite), *suite_remarks(config.eval_suite)]
    base = config.base_model
    if isinstance(base, PretrainedModelConfig) and _may_move(base):
        found.append(
            f"base_model.path={base.path} is a name on the hub, which may get other weights under the same "
            "name; pin what is measured with base_model.revision=COMMIT"
        )
    return [*found, *answer_remarks(config.judge), *_seed_tasks(config)]


def _left_out(suite: EvalSuiteConfig) -> Iterator[str]:
    """The suite's means that fewer tasks than it was made for leave without a part."""
    lacking = {name: tasks for name in ("understanding", "truthfulness") if (tasks := suite.lacking(name))}
    if lacking:
        named = ", ".join(dict.fromkeys(task for each in lacking.values() for task in each))
        means = " and ".join(f"no {name}" for name in lacking)
        need = "they need" if len(lacking) > 1 else "it needs"
        yield (
            f"there will be {means}: {need} {named} too; add to eval_suite.tasks, or name another mean with "
            f"eval_suite.{next(iter(lacking))}=[TASK.METRIC]"
        )


def _seed_tasks(config: ExperimentConfig) -> Iterator[str]:
    """Where data or a tokenizer are made of the tasks that come along, for want of a better file."""
    base, seeds = config.base_model, (data_root() / SEED_TASKS).resolve()
    data = None if untuned(config) else config.dataset_variant.source
    text = base.corpus if isinstance(base, (FileModelConfig, ConfiguredModelConfig)) else None
    shipped = f"{SEED_TASKS}, the 175 tasks that come with alpaca_exp: enough to try things out; your own"
    if data and data.resolve() == seeds:
        yield f"the data is {shipped} is dataset_variant.source=FILE"
    elif text and text.resolve() == seeds:
        yield f"the base model is made from {shipped} text is base_model.corpus=FILE"


def _may_move(base: PretrainedModelConfig) -> bool:
    """Whether the newest of a hub's weights are taken, whatever they are by then."""
    return base.revision in (None, "main") and not Path(base.path).expanduser().exists()


def _of(value: object, offline: bool) -> Iterator[str]:
    match value:
        case EndpointConfig():
            told = key_obstacles(value, offline)
            yield from (Here(sentence) if here_alone else sentence for sentence, here_alone in told)
            if isinstance(value, ApiModelConfig) and value.by_loglikelihood and value.tokenizer:
                yield from tokenizer_problems(value.tokenizer, "base_model.tokenizer")
        case JournalConfig(journal=None):
            group = getattr(value, "group", "model")
            yield (
                f"{group}.journal is not set; name the journal to replay: "
                f"{group}.journal=outputs/journal/MODEL.jsonl"
            )
        case EvalSuiteConfig():
            yield from suite_obstacles(value)
        case DatasetVariantConfig():
            try:
                chosen(value.rules)
            except ConfigError as error:
                yield from error.problems
        case NoRaterConfig():
            yield (
                "dataset_variant keeps the best rated rows, and nobody rates: choose a rater "
                "(rater=openai, rater=miniature), or set dataset_variant.min_rating and .best_rated to null"
            )
        case FileModelConfig(corpus=None) | ConfiguredModelConfig(corpus=None, tokenizer="bpe" | "word"):
            yield (
                "base_model.corpus is not set, so there is no text to make a tokenizer from (it follows "
                "dataset_variant.source, not the hub nor a teacher); name a file with base_model.corpus=FILE"
            )
        case PretrainedModelConfig() | CheckpointConfig() if Path(value.path).expanduser().is_dir():
            field = f"{getattr(value, 'group', 'base_model')}.path"
            yield from folder_problems(Path(value.path).expanduser(), field)
            if isinstance(value, CheckpointConfig) and value.endpoint is Endpoint.chat:
                yield from template_problems(Path(value.path).expanduser(), field.partition(".")[0])
        case TrainerConfig():
            yield from map(Here, lacking(value))
        case LoggerConfig():
            yield from map(Here, logger_lacking(value))
            yield from _tracking_server(value) if offline else ()


def _unserved(suite: EvalSuiteConfig) -> Iterator[str]:
    if suite.backend is Backend.vllm and find_spec("vllm") is None:
        yield Here(
            "eval_suite.backend=vllm needs vllm, which is not installed: pip install vllm (it brings a torch "
            "of its own); or set eval_suite.backend=transformers"
        )


def _too_large(stage: Stage, config: ExperimentConfig) -> Iterator[str]:
    """A GPU that was named or found is meant; this machine's processor may only be where one plans."""
    meant = config.runtime.gpu or config.runtime.device_memory_gb or device(config.runtime).gpu
    yield from too_large(stage) if meant else map(Here, too_large(stage))


def _unable(base_model: BaseModelConfig) -> Iterator[str]:
    """Why a base model that is made here cannot be the teacher, where it cannot."""
    match base_model:
        case WorldModelConfig():
            yield (
                "teacher=base_model needs a model that can write tasks, and the miniature's knows only its "
                f"world's few words and reads {base_model.max_position_embeddings} tokens at once; let the "
                "miniature's teacher go through the same steps with teacher=miniature, or take a real base "
                "model with preset=paper"
            )
        case MadeModelConfig(steps=0):
            yield (
                "teacher=base_model needs a model that can write tasks, and base_model.steps=0 leaves random "
                "weights; pre-train it with base_model.steps=N, or take others' weights with "
                "base_model=pretrained base_model.path=FOLDER"
            )


def _tracking_server(logger: LoggerConfig) -> Iterator[str]:
    """MLflow goes where the environment says."""
    server = os.environ.get("MLFLOW_TRACKING_URI", "")
    if (
        isinstance(logger, MlflowConfig)
        and server.startswith("http")
        and urlparse(server).hostname not in HERE
    ):
        yield (
            f"runtime.offline is true, but MLFLOW_TRACKING_URI is {server}; unset it, and MLflow writes to "
            "outputs/logs"
        )


def _outputs(outputs: Path) -> Iterator[str]:
    existing = next(p for p in (outputs.absolute(), *outputs.absolute().parents) if p.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        yield f"runtime.outputs is {outputs}, and {existing} cannot be written; choose another folder"
