"""Whether a suite's tasks suit a base model: tried with its tokenizer before a training, not after it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alpaca_exp.artifacts import Artifact, Stage, find
from alpaca_exp.harness.remembered import is_known, remember
from alpaca_exp.identity import identity
from alpaca_exp.schemas import BaseModelConfig, ExperimentConfig, PretrainedModelConfig, RuntimeConfig

if TYPE_CHECKING:
    from alpaca_exp.llm.local import LocalModel


def check_fit(stages: Mapping[str, Stage], config: ExperimentConfig, made: Mapping[str, Artifact]) -> bool:
    """Whether that is settled: nothing is still to be trained and scored, or the tasks suit the base.

    False where the base is not made yet; `made` are the artifacts so far. Builds every request of the suite
    as the evaluation will, with no weights. Raises InputError and ConfigError as an evaluation would: for a
    task whose documents will not do, or do not fit into the model's context.
    """
    again = config.runtime.remake_damaged
    wanted = [stages[name] for name in ("train", "evaluate") if name in stages]
    if len(wanted) < 2 or any(find(stage, config.runtime.outputs, remake_damaged=again) for stage in wanted):
        return True
    if "pretrain" in stages and "pretrain" not in made:
        return False
    base = made["pretrain"] / "model" if "pretrain" in made else None
    told = {name: stages["evaluate"].config[name] for name in ("suite", "documents")}
    key = _key(told, stages["pretrain"].fingerprint if base else config.base_model)
    if not is_known(key):
        _try(told, base, config.base_model, config.runtime)
        remember(key)
    return True


def _key(*told: Any) -> str:
    """What the answer depends on."""
    versions = [version(package) for package in ("lm_eval", "transformers")]
    text = json.dumps([identity(told), versions], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _try(
    told: Mapping[str, Any], made: Path | None, base_model: BaseModelConfig, runtime: RuntimeConfig
) -> None:
    from alpaca_exp.harness.lm import FramedLM
    from alpaca_exp.harness.scoring import prepare
    from alpaca_exp.harness.tasks import load_tasks

    local = _without_weights(made, base_model, runtime)
    if local is not None:
        tasks = load_tasks(told["suite"], told["documents"], offline=runtime.offline)
        prepare(FramedLM(local, told["suite"].batch_size), tasks, told["suite"])


def _without_weights(
    made: Path | None, base_model: BaseModelConfig, runtime: RuntimeConfig
) -> LocalModel | None:
    """The base's shape and tokenizer; None where they cannot be loaded, which the training says better."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    from alpaca_exp.libraries import hush
    from alpaca_exp.llm.local import LocalModel
    from alpaca_exp.prefetched import hub_options

    if made is not None:
        place, revision = str(made), None
    elif isinstance(base_model, PretrainedModelConfig):
        place, revision = base_model.path, base_model.revision
    else:
        return None
    local = Path(place).expanduser().is_dir()
    place = str(Path(place).expanduser()) if local else place
    hush()
    try:
        options = {"revision": revision, **hub_options(place, revision, offline=local or runtime.offline)}
        tokenizer = AutoTokenizer.from_pretrained(place, **options)
        shape = AutoConfig.from_pretrained(place, **options)
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(shape)  # type: ignore[no-untyped-call]
        return LocalModel(model, tokenizer)
    except Exception:  # of three libraries, a dozen classes: the stage that needs the weights words them
        return None
