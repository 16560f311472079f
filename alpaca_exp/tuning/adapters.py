"""LoRA: small matrices learn beside frozen ones, are kept as an adapter, and are merged in the end."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import BitsAndBytesConfig, PreTrainedModel

from alpaca_exp.errors import InputError
from alpaca_exp.schemas import (
    BaseModelConfig,
    LoraTrainerConfig,
    PretrainedModelConfig,
    Quantization,
)
from alpaca_exp.tuning.quiet import quiet

ALL = "all-linear"
"""What peft calls every linear layer but the output embedding."""


def attach(model: PreTrainedModel, config: LoraTrainerConfig, seed: int) -> Any:
    """The peft model around `model`, whose layers now have adapters: a function of `seed`, and no change yet.

    Its `get_base_model()` is `model` itself, with adapters inside: what learns. All else is frozen.
    Raises InputError where the model has no such layers.
    """
    import peft

    if config.quantization is not Quantization.none:
        prepare: Any = peft.prepare_model_for_kbit_training  # peft leaves it without types
        model = prepare(model, use_gradient_checkpointing=False)
    torch.manual_seed(seed)
    settings = peft.LoraConfig(
        task_type="CAUSAL_LM",
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=ALL if config.lora_targets == ["all"] else list(config.lora_targets),
    )
    try:
        with quiet():
            adapted = peft.get_peft_model(model, settings)
    except ValueError:
        raise InputError(
            f"trainer.lora_targets names {', '.join(config.lora_targets)}, and the model has no such layers; "
            f"there are: {', '.join(linear_layers(model))}"
        ) from None
    return adapted


def linear_layers(model: nn.Module) -> list[str]:
    """The names' ends of its linear layers, each once."""
    return sorted({name.rpartition(".")[2] for name, part in model.named_modules() if _linear(part)})


def _linear(part: nn.Module) -> bool:
    return isinstance(part, nn.Linear) or type(part).__name__ == "Conv1D"


def stored_as(config: LoraTrainerConfig) -> Any:
    """How transformers is to store the frozen weights; None: as they are."""
    if config.quantization is Quantization.none:
        return None
    stored: Any = BitsAndBytesConfig  # transformers leaves it without types
    if config.quantization is Quantization.int8:
        return stored(load_in_8bit=True)
    return stored(
        load_in_4bit=True,
        bnb_4bit_quant_type=config.quantization.value,
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if config.precision.startswith("bf16") else torch.float32,
    )


def save_adapter(adapted: Any, base: BaseModelConfig, folder: Path, card: str) -> None:
    """The small matrices in peft's layout. The folder appears whole or not at all.

    Rows of new tokens are no part of it: nothing learnt them, and the base model's own are as many as
    `PeftModel.from_pretrained` will meet.
    """
    draft = folder.with_name(f"{folder.name}.draft")
    for stale in (draft, folder):
        shutil.rmtree(stale, ignore_errors=True)
    with quiet():
        adapted.save_pretrained(draft, save_embedding_layers=False)
    _settle(draft / "adapter_config.json", base)
    (draft / "README.md").write_text(card, encoding="utf-8")
    os.replace(draft, folder)


def _settle(file: Path, base: BaseModelConfig) -> None:
    """Peft writes the layers in an order of chance, and where on this machine the base model lay."""
    settings = json.loads(file.read_text(encoding="utf-8"))
    settings["target_modules"] = sorted(settings["target_modules"])
    public = isinstance(base, PretrainedModelConfig) and not Path(base.path).expanduser().is_dir()
    settings["base_model_name_or_path"] = getattr(base, "path", None) if public else None
    settings["revision"] = getattr(base, "revision", None) if public else None
    file.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def merged(adapted: Any) -> PreTrainedModel:
    """The model with its adapters' products added to its weights, and no trace of them left."""
    model: PreTrainedModel = adapted.merge_and_unload()
    return model


def merged_from(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """The adapter in `folder`, merged into `model`: where the weights that it learnt beside were rounded."""
    from peft import PeftModel

    with quiet():
        adapted = PeftModel.from_pretrained(model, folder)
    return merged(adapted)
