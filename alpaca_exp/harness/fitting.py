"""Whether a suite's tasks suit a base model: tried with its tokenizer before any stage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alpaca_exp.artifacts import Stage, find
from alpaca_exp.harness.remembered import is_known, remember
from alpaca_exp.identity import identity
from alpaca_exp.schemas import (
    BaseModelConfig,
    ExperimentConfig,
    MadeModelConfig,
    PretrainedModelConfig,
    RuntimeConfig,
)

if TYPE_CHECKING:
    from alpaca_exp.llm.local import LocalModel

Untrained = Callable[[MadeModelConfig, RuntimeConfig], tuple[Any, Any]]
"""Makes a model and its tokenizer."""


def check_fit(stages: Mapping[str, Stage], config: ExperimentConfig, untrained: Untrained) -> None:
    """Build every request of the suite as the evaluation will, if a training is still to come before it.

    No weights are loaded or made; what suited is not tried again. Raises InputError and ConfigError as the
    evaluation would: for a task whose documents will not do, or do not fit into the model's context.
    """
    outputs, again = config.runtime.outputs, config.runtime.remake_damaged
    found = {name: find(stage, outputs, remake_damaged=again) for name, stage in stages.items()}
    if found.get("evaluate", True) or all(found.get(name, True) for name in ("pretrain", "train")):
        return
    told = {name: stages["evaluate"].config[name] for name in ("suite", "documents")}
    key = _key(told, stages["pretrain"].fingerprint if "pretrain" in stages else config.base_model)
    if not is_known(key):
        made = found.get("pretrain")
        _try(told, lambda: _base(made / "model" if made else None, config, untrained), config.runtime)
        remember(key)


def _key(*told: Any) -> str:
    """What the answer depends on."""
    versions = [version(package) for package in ("lm_eval", "transformers")]
    text = json.dumps([identity(told), versions], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _try(told: Mapping[str, Any], base: Callable[[], LocalModel | None], runtime: RuntimeConfig) -> None:
    from alpaca_exp.harness.lm import FramedLM
    from alpaca_exp.harness.quiet import restored
    from alpaca_exp.harness.scoring import prepare
    from alpaca_exp.harness.tasks import load_tasks

    tasks = load_tasks(told["suite"], told["documents"], offline=runtime.offline)
    local = base()
    if local is not None:
        with restored(local.model):
            prepare(FramedLM(local, told["suite"].batch_size), tasks, told["suite"])


def _base(made: Path | None, config: ExperimentConfig, untrained: Untrained) -> LocalModel | None:
    """The base's shape and tokenizer; None where they cannot be had, which its own stage says better."""
    import torch

    from alpaca_exp.libraries import hush
    from alpaca_exp.llm.local import LocalModel

    hush()
    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            match config.base_model:
                case MadeModelConfig() as base if made is None:
                    return LocalModel(*untrained(base, config.runtime))
                case base:
                    return LocalModel(*_saved(made, base, config.runtime))
    except Exception:  # a dozen classes of three libraries
        return None


def _saved(made: Path | None, base_model: BaseModelConfig, runtime: RuntimeConfig) -> tuple[Any, Any]:
    """What lies in a folder, or on the hub; the weights stay there."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    from alpaca_exp.prefetched import hub_options

    place, revision = str(made), None
    if isinstance(base_model, PretrainedModelConfig):
        place, revision = base_model.path, base_model.revision
    folder = Path(place).expanduser()
    local = folder.is_dir()
    options = {"revision": revision, **hub_options(place, revision, offline=local or runtime.offline)}
    place = str(folder) if local else place
    shape = AutoConfig.from_pretrained(place, **options)
    make: Any = AutoModelForCausalLM.from_config  # transformers leaves it without types
    return make(shape), AutoTokenizer.from_pretrained(place, **options)
