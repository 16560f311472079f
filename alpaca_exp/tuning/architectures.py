"""Models with random weights: a LLaMA, or any architecture that transformers knows."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

import torch
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from alpaca_exp.errors import InputError
from alpaca_exp.schemas import ConfiguredModelConfig, MadeModelConfig, ScratchModelConfig
from alpaca_exp.tuning.quiet import quiet


def from_scratch(config: MadeModelConfig, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """A model with random float32 weights, a function of `config.seed`.

    Raises InputError, in one sentence, where transformers makes no causal language model of `config`.
    """
    torch.manual_seed(config.seed)
    special: dict[str, Any] = {
        name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")
    }
    if isinstance(config, ScratchModelConfig):
        made: PreTrainedConfig = _llama(config, len(tokenizer), special)
    else:
        assert isinstance(config, ConfiguredModelConfig)
        made = _configured(config, len(tokenizer), special)
    try:
        with quiet():
            made_of: Any = AutoModelForCausalLM.from_config  # transformers leaves it without types
            model: PreTrainedModel = made_of(made, dtype=torch.float32)
    except Exception as error:  # each architecture has its own way to refuse a shape
        raise InputError(_refused(_told(error))) from None
    return model


def _llama(config: ScratchModelConfig, tokens: int, special: dict[str, Any]) -> LlamaConfig:
    """Its two embeddings are one."""
    return LlamaConfig(
        vocab_size=tokens,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.num_hidden_layers,
        num_attention_heads=config.num_attention_heads,
        max_position_embeddings=config.max_position_embeddings,
        tie_word_embeddings=True,
        **special,
    )


def _configured(config: ConfiguredModelConfig, tokens: int, special: dict[str, Any]) -> PreTrainedConfig:
    """Of a vocabulary as large as it says, or as the tokenizer's where it says nothing."""
    told = config.config
    try:
        if isinstance(told, str):
            made: PreTrainedConfig = AutoConfig.from_pretrained(Path(told).expanduser())
            sized = True
        else:
            sized = "vocab_size" in told
            options = {name: value for name, value in told.items() if name != "model_type"}
            made = AutoConfig.for_model(told["model_type"], **options)
    except Exception as error:  # values of the wrong type are an error class of their own
        raise InputError(_refused(_unknown_kind(told) or _told(error))) from None
    text: Any = made.get_text_config()
    if sized and text.vocab_size < tokens:
        raise InputError(
            f"base_model.config has room for {text.vocab_size} tokens, and the tokenizer has {tokens}; "
            "raise vocab_size in it, or lower base_model.vocab_size"
        )
    text.vocab_size = text.vocab_size if sized else tokens
    for name, token in special.items():
        setattr(text, name, token)
    return made


def _unknown_kind(told: str | dict[str, Any]) -> str | None:
    """What to say where transformers does not know the architecture."""
    kind = told["model_type"] if isinstance(told, dict) else None
    if kind is None or kind in CONFIG_MAPPING:
        return None
    near = difflib.get_close_matches(str(kind), CONFIG_MAPPING, n=1)
    return f"transformers knows no model_type {kind}" + (f"; did you mean {near[0]}?" if near else "")


def _refused(reason: str) -> str:
    return f"base_model makes no causal language model: {reason}"


def _told(error: Exception) -> str:
    """The line that says what is wrong, without the class names and lists around it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    line = lines[1] if lines[0].endswith(":") and len(lines) > 1 else lines[0]
    return re.sub(r"^\w+Error: ", "", line)[:300]
