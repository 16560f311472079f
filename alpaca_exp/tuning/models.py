"""Models and their tokenizers: made from a config, read, fitted to a tokenizer, saved."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from alpaca_exp.errors import InputError
from alpaca_exp.schemas import PretrainedModelConfig, ScratchModelConfig
from alpaca_exp.tuning.quiet import quiet
from alpaca_exp.tuning.tokenizers import END

NEW_PAD = "[PAD]"
"""Alpaca's name for the padding token of a tokenizer that has none."""


def from_scratch(config: ScratchModelConfig, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """A LLaMA with random float32 weights, a function of `config.seed`; its two embeddings are one."""
    torch.manual_seed(config.seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.num_hidden_layers,
            num_attention_heads=config.num_attention_heads,
            max_position_embeddings=config.max_position_embeddings,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )


def load_pretrained(
    config: PretrainedModelConfig, *, offline: bool
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model of `config` and its tokenizer, from a folder or the hub.

    `offline`: from the hub's local cache only. Raises InputError where there is no such model.
    """
    if not Path(config.path).is_dir() and (
        config.path.startswith((".", "/", "~")) or config.path.count("/") > 1
    ):
        raise InputError(
            f"base_model.path is {config.path}, and there is no such folder; give one, or a hub name"
        )
    try:
        return load(config.path, config.dtype, revision=config.revision, offline=offline)
    except (OSError, ValueError) as error:
        if Path(config.path).is_dir():
            reason = str(error).strip().splitlines()[0]
            raise InputError(f"The model in {config.path} cannot be read: {reason}") from None
        where = (
            "in the hub's local cache (runtime.offline is true)" if offline else "on the hub, or no network"
        )
        raise InputError(
            f"The model {config.path} was not found {where}; download it first, check its name and revision, "
            "or set base_model.path to a folder"
        ) from None


def load(
    path: str | Path, dtype: str, *, revision: str | None = None, offline: bool = True
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A model in `dtype`, ready to learn, and its tokenizer. Raises what transformers raises."""
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(path, revision=revision, local_files_only=offline)
        model = AutoModelForCausalLM.from_pretrained(
            path, revision=revision, local_files_only=offline, dtype=getattr(torch, dtype)
        )
    return model.train(), tokenizer


def complete_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give the pair a padding and an end token where it lacks one, as Alpaca did.

    A new token's row, in the input and in the output embedding, is the mean of the rows before it.
    """
    missing = {"pad_token": NEW_PAD, "eos_token": END}
    known = len(tokenizer)
    tokenizer.add_special_tokens(
        {name: text for name, text in missing.items() if getattr(tokenizer, name) is None}
    )
    if len(tokenizer) > known:
        # Some models have more rows than their tokenizer has tokens; those are not cut off.
        if len(tokenizer) > len(_embeddings(model)[0]):
            model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        with torch.no_grad():
            for rows in _embeddings(model):
                rows[known : len(tokenizer)] = rows[:known].float().mean(dim=0).to(rows.dtype)
    for config in (model.config, model.generation_config):
        config.pad_token_id, config.eos_token_id = tokenizer.pad_token_id, tokenizer.eos_token_id


def _embeddings(model: Any) -> list[Tensor]:
    """The rows of the input and of the output embedding, (tokens, width) each."""
    return [model.get_input_embeddings().weight, model.get_output_embeddings().weight]


def save(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path, dtype: str | None = None
) -> None:
    """The pair in Hugging Face's layout, in `dtype` or as it is. The folder appears whole or not at all."""
    if dtype is not None:
        model.to(getattr(torch, dtype))
    draft = folder.with_name(f"{folder.name}.draft")
    for stale in (draft, folder):
        shutil.rmtree(stale, ignore_errors=True)
    with quiet():
        model.save_pretrained(draft)
        tokenizer.save_pretrained(draft)
    os.replace(draft, folder)
