"""Models and their tokenizers: read, fitted to one another, saved."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.import_utils import is_flash_attn_2_available

from alpaca_exp.errors import InputError
from alpaca_exp.prefetched import hub_options
from alpaca_exp.schemas import Attention, BaseModelConfig, PadRow, PretrainedModelConfig
from alpaca_exp.tuning.quiet import quiet
from alpaca_exp.tuning.tokenizers import END

NEW_PAD = "[PAD]"
"""Alpaca's name for the padding token of a tokenizer that has none."""
IN_GPU_KERNELS = ("float16", "bfloat16")
"""The number formats that flash attention takes."""


def load_base(
    config: BaseModelConfig, folder: Path | None, *, offline: bool, quantization: Any = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model of `config` and its tokenizer: from `folder` where it was made here, else where it says.

    `offline`: from the hub's local cache only. `quantization`: how transformers is to store the weights.
    Raises InputError where there is no such model, or where the two do not belong together.
    """
    options: dict[str, Any] = {} if quantization is None else {"quantization_config": quantization}
    if quantization is not None and torch.cuda.is_available():
        options["device_map"] = {"": torch.cuda.current_device()}
    options |= _attention(config)
    if folder is not None:
        return load(folder, config.dtype, **options)
    assert isinstance(config, PretrainedModelConfig)
    _check_folder("base_model.path", config.path)
    read: Callable[[], Any] = lambda: load(  # noqa: E731
        config.path, config.dtype, revision=config.revision, offline=offline, **options
    )
    model, tokenizer = _found("base_model.path", config.path, offline, read)
    rows = len(_embeddings(model)[0])
    if len(tokenizer) > rows:
        raise InputError(
            f"The tokenizer of {config.path} has {len(tokenizer)} tokens, but its model has rows for {rows}; "
            "they do not belong together"
        )
    return model, tokenizer


def load(
    path: str | Path, dtype: str, *, revision: str | None = None, offline: bool = True, **options: Any
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A model in `dtype`, ready to learn, and its tokenizer. Raises what transformers raises."""
    place = hub_options(str(path), revision, offline=offline)
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(path, revision=revision, **place)
        model = AutoModelForCausalLM.from_pretrained(
            path, revision=revision, dtype=getattr(torch, dtype), **place, **options
        )
    return model.train(), tokenizer


def load_tokenizer(path: str, *, offline: bool) -> PreTrainedTokenizerBase:
    """A tokenizer alone, of a folder or of the hub. Raises InputError where there is none."""

    def read() -> PreTrainedTokenizerBase:
        with quiet():
            place = hub_options(path, None, offline=offline, kind="tokenizer")
            found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(path, **place)
        return found

    _check_folder("base_model.tokenizer", path)
    tokenizer: PreTrainedTokenizerBase = _found("base_model.tokenizer", path, offline, read)
    return tokenizer


def complete_tokens(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    pad_row: PadRow = PadRow.mean,
    seed: int = 0,
) -> list[str]:
    """Give the pair a padding and an end token where it lacks one, as Alpaca did; the new tokens.

    A new token's row, in the input and in the output embedding, is the mean of the rows before it; that
    of [PAD] may be zero, or drawn as the model's first weights were, a function of `seed`.
    """
    missing = {"pad_token": NEW_PAD, "eos_token": END}
    added = {name: text for name, text in missing.items() if getattr(tokenizer, name) is None}
    known = len(tokenizer)
    tokenizer.add_special_tokens(dict(added))
    if len(tokenizer) > known:
        # Some models have more rows than their tokenizer has tokens; those are not cut off.
        if len(tokenizer) > len(_embeddings(model)[0]):
            model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        _fill_rows(model, known, len(tokenizer))
        if "pad_token" in added:
            _set_row(model, int(tokenizer.pad_token_id), pad_row, seed)
    for config in (model.config, model.generation_config):
        config.pad_token_id, config.eos_token_id = tokenizer.pad_token_id, tokenizer.eos_token_id
    return list(added.values())


def _fill_rows(model: PreTrainedModel, known: int, end: int) -> None:
    with torch.no_grad():
        for rows in _embeddings(model):
            rows[known:end] = rows[:known].float().mean(dim=0).to(rows.dtype)


def _set_row(model: PreTrainedModel, place: int, kind: PadRow, seed: int) -> None:
    if kind is PadRow.mean:
        return
    chance = torch.Generator().manual_seed(seed)
    spread = getattr(model.config.get_text_config(), "initializer_range", None) or 0.02
    spread = spread if kind is PadRow.random else 0.0
    with torch.no_grad():
        for rows in _embeddings(model):
            rows[place] = (torch.randn(rows.shape[1], generator=chance) * spread).to(rows)


def _embeddings(model: Any) -> list[Tensor]:
    """The rows of the input and of the output embedding, (tokens, width) each."""
    return [model.get_input_embeddings().weight, model.get_output_embeddings().weight]


def save(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    dtype: str | None = None,
    *,
    max_shard_size: str = "5GB",
    card: str | None = None,
) -> None:
    """The pair in Hugging Face's layout, in `dtype` or as it is, with its model `card`.

    No file of weights is larger than `max_shard_size`. The folder appears whole or not at all.
    """
    if dtype is not None:
        model.to(getattr(torch, dtype))
    draft = folder.with_name(f"{folder.name}.draft")
    for stale in (draft, folder):
        shutil.rmtree(stale, ignore_errors=True)
    with quiet():
        model.save_pretrained(draft, max_shard_size=max_shard_size)
        tokenizer.save_pretrained(draft)
    if card is not None:
        (draft / "README.md").write_text(card, encoding="utf-8")
    os.replace(draft, folder)


def _attention(config: BaseModelConfig) -> dict[str, str]:
    """What transformers is told of attention; nothing lets it take PyTorch's own where the model can."""
    if config.attention is not Attention.auto:
        return {"attn_implementation": config.attention.value}
    flash = is_flash_attn_2_available() and torch.cuda.is_available() and config.dtype in IN_GPU_KERNELS
    return {"attn_implementation": "flash_attention_2"} if flash else {}


def _check_folder(field: str, path: str) -> None:
    if not Path(path).is_dir() and (path.startswith((".", "/", "~")) or path.count("/") > 1):
        raise InputError(f"{field} is {path}, and there is no such folder; give one, or a hub name")


def _found(field: str, path: str, offline: bool, read: Callable[[], Any]) -> Any:
    """What `read` reads, or one sentence about why it could not."""
    try:
        return read()
    except ImportError as error:
        raise InputError(f"{path} cannot be loaded: {_first_line(error)}") from None
    except (OSError, ValueError) as error:
        if "attn_implementation" in str(error) or "attention" in _first_line(error):
            raise InputError(
                f"base_model.attention does not suit {path}: {_first_line(error)}; set it to auto"
            ) from None
        if Path(path).is_dir():
            raise InputError(f"The model in {path} cannot be read: {_first_line(error)}") from None
        if "gated repo" in str(error):
            raise InputError(
                f"{path} is given only to those who accept its licence, at https://huggingface.co/{path}; "
                "do so, then log in with `hf auth login`"
            ) from None
        where = (
            "in the hub's local cache (runtime.offline is true)" if offline else "on the hub, or no network"
        )
        raise InputError(
            f"The model {path} was not found {where}; download it first, check its name and revision, "
            f"or set {field} to a folder"
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
