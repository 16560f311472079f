"""From Hydra to plain dataclasses: `register_schemas` before composing, `load` after it, nothing else."""

from __future__ import annotations

import atexit
import dataclasses
import difflib
import functools
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf
from omegaconf._utils import OmegaConfDumper
from omegaconf.errors import OmegaConfBaseException

from alpaca_exp import schemas
from alpaca_exp.errors import ConfigError
from alpaca_exp.paths import data_root, find
from alpaca_exp.schemas import ExperimentConfig

SCHEMAS: dict[str, type] = {
    "schema": schemas.ExperimentConfig,
    "world/schema": schemas.WorldConfig,
    "teacher/schema/openai": schemas.OpenAITeacherConfig,
    "teacher/schema/miniature": schemas.MiniatureTeacherConfig,
    "teacher/schema/transformers": schemas.TransformersTeacherConfig,
    "teacher/schema/base_model": schemas.BaseModelTeacherConfig,
    "teacher/schema/recorded": schemas.RecordedTeacherConfig,
    "critic/schema/none": schemas.NoCriticConfig,
    "critic/schema/openai": schemas.OpenAICriticConfig,
    "critic/schema/transformers": schemas.TransformersCriticConfig,
    "critic/schema/recorded": schemas.RecordedCriticConfig,
    "critic/schema/miniature": schemas.MiniatureCriticConfig,
    "rater/schema/none": schemas.NoRaterConfig,
    "rater/schema/openai": schemas.OpenAIRaterConfig,
    "rater/schema/transformers": schemas.TransformersRaterConfig,
    "rater/schema/recorded": schemas.RecordedRaterConfig,
    "rater/schema/miniature": schemas.MiniatureRaterConfig,
    "base_model/schema/pretrained": schemas.PretrainedModelConfig,
    "base_model/schema/world": schemas.WorldModelConfig,
    "base_model/schema/file": schemas.FileModelConfig,
    "base_model/schema/configured": schemas.ConfiguredModelConfig,
    "base_model/schema/api": schemas.ApiModelConfig,
    "dataset_variant/schema": schemas.DatasetVariantConfig,
    "dataset_variant/schema/none": schemas.NoDatasetConfig,
    "trainer/schema": schemas.TrainerConfig,
    "trainer/schema/lora": schemas.LoraTrainerConfig,
    "trainer/schema/none": schemas.NoTrainerConfig,
    "eval_suite/schema/stock": schemas.EvalSuiteConfig,
    "eval_suite/schema/world": schemas.WorldSuiteConfig,
    "eval_suite/schema/instructions": schemas.InstructionSuiteConfig,
    "eval_suite/schema/none": schemas.NoSuiteConfig,
    "judge/schema/none": schemas.NoJudgeConfig,
    "judge/schema/openai": schemas.OpenAIJudgeConfig,
    "judge/schema/transformers": schemas.TransformersJudgeConfig,
    "judge/schema/recorded": schemas.RecordedJudgeConfig,
    "judge/schema/miniature": schemas.MiniatureJudgeConfig,
    "runtime/schema": schemas.RuntimeConfig,
    "logger/schema": schemas.LoggerConfig,
    "logger/schema/tensorboard": schemas.TensorBoardConfig,
    "logger/schema/wandb": schemas.WandbConfig,
    "logger/schema/mlflow": schemas.MlflowConfig,
}
"""Where each schema stands for Hydra: an option's defaults list names it first."""

MOST_NAMES = 40
"""More than these are no help in a message."""
MAY_BE_FOLDERS = ("eval_suite.mirror", "eval_suite.natural_instructions", "dataset_variant.source")
"""Of the source, its reader says what to name instead."""
MADE_ON_DEMAND = ("runtime.outputs", "runtime.prefetched")
ADDRESS = "base_url"
"""The fields that hold a server's address."""
_PASSWORD = re.compile(
    r"://(?:[^/?#@:]+|[^/?#@:]*:[^/?#@]+)@|[?&][^=&]*(?:key|token|secret|password|sig)=[^&]", re.I
)
_INTERPOLATION = re.compile(r"\$\{[^{}]*\}")
OVERLAYS = ("experiment", "sweep")
"""Groups that are laid over the rest with a plus: +experiment=cleaned."""


@functools.cache
def register_schemas() -> None:
    """Tell Hydra every schema, so that composing also checks types; and how a run's folder is named. Once."""
    store = ConfigStore.instance()
    for path, schema in SCHEMAS.items():
        group, _, name = path.rpartition("/")
        package = group.split("/")[0] or None
        node = _open(schema)
        store.store(group=group or None, name=name, node=node, package=package, provider="alpaca_exp")
    OmegaConfDumper.add_multi_representer(PurePath, _as_text)
    OmegaConf.register_new_resolver("run_folder", _run_folder, replace=True)
    OmegaConf.register_new_resolver("sweep_folder", _sweep_folder, replace=True)
    OmegaConf.register_new_resolver("run_subfolder", _run_subfolder, replace=True)
    OmegaConf.register_new_resolver("steps", _steps, replace=True)


def _open(schema: type) -> DictConfig:
    """The schema for Hydra, where a field that maps names takes any: `eval_suite.shots={mmlu: 5}`."""
    node: DictConfig = OmegaConf.structured(schema)
    for field in dataclasses.fields(schema):
        if str(field.type).startswith("dict["):
            OmegaConf.set_struct(node[field.name], False)
    return node


def load(composed: DictConfig, overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Turn what Hydra composed into a checked `ExperimentConfig`; `overrides` are the user's own words.

    Raises ConfigError with all problems at once: unknown keys, missing values, values that cannot
    be, files that are not there. Paths of shipped files (`seeds/...`) are resolved.
    """
    if problems := list(_passwords(composed)):  # other sentences might repeat them
        raise ConfigError(problems)
    problems = list(_unknown(composed))
    problems += [
        f"{key} has no value; set it with {key}=..."
        for key in sorted(OmegaConf.missing_keys(composed))
        if not key.startswith("hydra")
    ]
    if problems:
        raise ConfigError(problems)
    try:
        config = OmegaConf.to_object(composed)
    except OmegaConfBaseException as error:
        raise ConfigError([str(error).splitlines()[0]]) from None
    assert isinstance(config, ExperimentConfig)
    problems = [
        *config.problems(),
        *_problems(config),
        *_files(config, composed),
        *_contradictions(config),
        *_means(config, overrides),
    ]
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return config


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean X?` where a known name is close, else the known names; for error messages."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]}?"
    if len(names) > MOST_NAMES:
        return "; --cfg job shows them all"
    return f"; there are: {', '.join(names)}" if names else ""


def groups() -> dict[str, list[str]]:
    """Every config group with its options, as they lie in `conf` and `sweeps`."""
    root = data_root()
    found = {
        folder.name: sorted(path.stem for path in folder.glob("*.yaml"))
        for folder in sorted((root / "conf").iterdir())
        if folder.is_dir() and folder.name != "hydra"
    }
    return found | {"sweep": sorted(path.stem for path in (root / "sweeps").glob("*.yaml"))}


def password_in(key: str, address: str) -> str | None:
    """Why an address cannot be used that holds a password: in one sentence, which does not repeat it."""
    if not _PASSWORD.search(_INTERPOLATION.sub("", address)):
        return None
    return (
        f"{key} holds a password or a key, which every run would write down; put it into an environment "
        f"variable and name that: {key.rpartition('.')[0]}.api_key_env=NAME for a key, or "
        f"{key}='${{oc.env:NAME}}' for the whole address"
    )


def _passwords(composed: DictConfig) -> Iterator[str]:
    """Addresses that hold a password as they were written; what they take from the environment is not."""
    written: Any = OmegaConf.to_container(composed, resolve=False)
    for group, chosen in written.items():
        address = chosen.get(ADDRESS) if isinstance(chosen, dict) else None
        problem = password_in(f"{group}.{ADDRESS}", address) if isinstance(address, str) else None
        yield from [problem] if problem else []


def _unknown(node: DictConfig, prefix: str = "") -> Iterator[str]:
    """Keys that no schema knows: `+experimnt=cleaned` and `+trainer.learning_rat=1` end here."""
    schema = OmegaConf.get_type(node)
    if not (isinstance(schema, type) and dataclasses.is_dataclass(schema)):
        return
    known = {field.name for field in dataclasses.fields(schema)}
    for key in map(str, node):
        name = f"{prefix}{key}"
        if key not in known:
            yield f"{name} is not a key{nearest(key, known | (set(groups()) if not prefix else set()))}"
        elif not (OmegaConf.is_missing(node, key) or OmegaConf.is_interpolation(node, key)):
            value = node[key]
            yield from _unknown(value, f"{name}.") if isinstance(value, DictConfig) else ()


def _problems(config: Any) -> Iterator[str]:
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from value.problems() if hasattr(value, "problems") else ()
            yield from _problems(value)


def _files(config: Any, composed: DictConfig, prefix: str = "") -> Iterator[str]:
    """Resolve every Path below `config`; say which are not there, once where one key follows another."""
    for field in dataclasses.fields(config):
        value, name = getattr(config, field.name), f"{prefix}{field.name}"
        if isinstance(value, Path) and name not in MADE_ON_DEMAND:
            found = find(value.expanduser())
            setattr(config, field.name, found)
            if not OmegaConf.is_interpolation(composed, field.name):
                yield from _unreadable(name, value, found)
        elif name == "runtime.prefetched":
            setattr(config, field.name, value.expanduser())
        elif dataclasses.is_dataclass(value):
            yield from _files(value, composed[field.name], f"{name}.")


def _unreadable(name: str, value: Path, found: Path) -> Iterator[str]:
    if not found.exists():
        yield f"{name} is {value}, and there is no such file; give a path that exists"
    elif not os.access(found, os.R_OK):
        yield f"{name} is {value}, which may not be read; change its permissions"
    elif found.is_dir() and name not in MAY_BE_FOLDERS:
        first = next((file for file in sorted(found.iterdir()) if file.is_file()), found / "FILE")
        yield f"{name} is {value}, a folder; name a file in it: {name}={value / first.name}"


def _contradictions(config: ExperimentConfig) -> Iterator[str]:
    """What two groups say against each other."""
    yield from _asked_only(config)
    opponent = config.judge.opponent
    judged = not isinstance(config.judge, schemas.NoJudgeConfig)
    if judged and opponent != "teacher" and not Path(opponent).is_file():
        yield f"judge.opponent is {opponent}; it must be teacher, or a completions.jsonl that exists"
    if isinstance(config.eval_suite, schemas.NoSuiteConfig):
        if isinstance(config.dataset_variant, schemas.NoDatasetConfig):
            yield "eval_suite=none measures nothing, and dataset_variant=none tunes nothing; choose one"
        if config.dataset_variant.decontaminate is schemas.Decontaminate.remove:
            yield (
                "dataset_variant.decontaminate=remove wants the evaluation's documents, and eval_suite=none "
                "has none; choose the suite that the model will meet"
            )


def _means(config: ExperimentConfig, overrides: Sequence[str]) -> Iterator[str]:
    """Means that the user asks for and whose tasks the suite lacks; an option's own are left out and said."""
    keys = {override.lstrip("+~").partition("=")[0] for override in overrides}
    for name in ("understanding", "truthfulness"):
        lacking = config.eval_suite.lacking(name) if f"eval_suite.{name}" in keys else ()
        for metric in getattr(config.eval_suite, name):
            if metric.rpartition(".")[0] in lacking:
                yield (
                    f"eval_suite.{name} names {metric}, whose task is not in eval_suite.tasks; add the task "
                    "there, or take the metric out"
                )


def _asked_only(config: ExperimentConfig) -> Iterator[str]:
    """What a base model behind a server cannot be combined with."""
    if not isinstance(config.base_model, schemas.ApiModelConfig):
        return
    tuned = not isinstance(config.trainer, schemas.NoTrainerConfig)
    if tuned or not isinstance(config.dataset_variant, schemas.NoDatasetConfig):
        name = config.base_model.model
        yield f"base_model=api ({name}) cannot be tuned; add trainer=none dataset_variant=none"
    if isinstance(config.teacher, schemas.BaseModelTeacherConfig):
        yield (
            "teacher=base_model wants weights that are here, and base_model=api has none; name the server's "
            "model as the teacher, with teacher=openai teacher.model=..."
        )
    if config.eval_suite.backend is schemas.Backend.vllm:
        yield (
            "eval_suite.backend=vllm loads weights that are here, and base_model=api has none; leave it out"
        )


def _run_folder(outputs: Path, name: str, action: schemas.Action) -> str:
    """Where Hydra puts a run: named by time (UTC) and chance; a plan leaves nothing behind."""
    if action is not schemas.Action.run:
        return "."
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{outputs}/runs/{name}/{stamp}-{os.urandom(3).hex()}"


def _sweep_folder(outputs: Path, name: str, action: schemas.Action) -> str:
    """Where Hydra puts the jobs of a sweep; of a plan it notes them all the same, where nobody looks."""
    return f"{outputs}/sweeps/{name}" if action is schemas.Action.run else _thrown_away()


@functools.cache
def _thrown_away() -> str:
    """A folder that is gone when the process ends."""
    folder = tempfile.mkdtemp(prefix="alpaca_exp-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _run_subfolder(action: schemas.Action) -> str | None:
    """Where in that folder Hydra notes what it composed."""
    return ".hydra" if action is schemas.Action.run else None


def _as_text(dumper: OmegaConfDumper, path: PurePath) -> Any:
    """A path in `--cfg job` and `.hydra` as people write it, not as a Python object."""
    return dumper.represent_str(str(path))


def _steps(tokens: int, batch_size: int, block_size: int) -> int:
    """Optimizer steps that read so many tokens once."""
    return int(tokens) // (int(batch_size) * int(block_size))
