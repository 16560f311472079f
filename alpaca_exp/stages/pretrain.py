"""Pre-training: a base model made from a config, with a tokenizer made from its corpus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from alpaca_exp import paths
from alpaca_exp.cleaning.corpora import corpus_texts
from alpaca_exp.errors import InputError
from alpaca_exp.prompts import framed
from alpaca_exp.schemas import (
    ConfiguredModelConfig,
    FileModelConfig,
    Frame,
    LoggerConfig,
    MadeModelConfig,
    RuntimeConfig,
    WorldModelConfig,
)
from alpaca_exp.tuning.ranks import over_devices

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@over_devices
def pretrain(base_model: MadeModelConfig, *, runtime: RuntimeConfig, logger: LoggerConfig, out: Path) -> None:
    """Write `model/` (Hugging Face layout), and `metrics.csv` where there are steps to take.

    Raises InputError where the corpus is missing or cannot be read, Stopped on SIGTERM (resumable).
    """
    from alpaca_exp.tuning import checkpoints, models
    from alpaca_exp.tuning.fit import CHECKPOINTS, use_threads

    use_threads(runtime)
    if not (out / "model").is_dir():
        model, tokenizer = untrained(base_model, runtime)
        if base_model.steps:
            _learn(model, tokenizer, base_model, runtime, logger, out)
        models.save(model, tokenizer, out / "model", base_model.dtype)
    checkpoints.remove(out / CHECKPOINTS)


def untrained(
    base_model: MadeModelConfig, runtime: RuntimeConfig
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model with random weights, and its tokenizer. Raises InputError as `pretrain` does."""
    from alpaca_exp.tuning.architectures import from_scratch

    tokenizer = _tokenizer(base_model, runtime)
    return from_scratch(base_model, tokenizer), tokenizer


def _learn(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    config: MadeModelConfig,
    runtime: RuntimeConfig,
    logger: LoggerConfig,
    out: Path,
) -> None:
    from alpaca_exp.tuning.data import Windows
    from alpaca_exp.tuning.fit import fit
    from alpaca_exp.tuning.module import Recipe
    from alpaca_exp.tuning.schedules import trapezoid
    from alpaca_exp.tuning.tokens import blocks

    rows = blocks(
        _documents(config), tokenizer, count=config.steps * config.batch_size, size=config.block_size
    )
    recipe = Recipe(
        steps=config.steps,
        learning_rate=config.learning_rate,
        schedule=trapezoid(config.steps, config.warmup_ratio, config.decay_ratio),
        beta2=config.beta2,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        seed=config.seed,
        precision="32-true",
        setting="base_model.learning_rate",
    )
    windows = Windows(rows, batch_size=config.batch_size, micro_batch_size=config.batch_size)
    told = {"base_model": config}
    fit(model, windows, recipe, title="pretrain", runtime=runtime, logger=logger, told=told, out=out)


def _tokenizer(config: MadeModelConfig, runtime: RuntimeConfig) -> PreTrainedTokenizerBase:
    """Made from the corpus, or one that exists."""
    from alpaca_exp.tuning.models import load_tokenizer
    from alpaca_exp.tuning.tokenizers import make_tokenizer

    if config.tokenizer in ("bpe", "word"):
        return make_tokenizer(config.tokenizer, _vocabulary_texts(config), config.vocab_size)
    return load_tokenizer(config.tokenizer, offline=runtime.offline)


def _vocabulary_texts(config: MadeModelConfig) -> Iterator[str]:
    """Every text that the tokenizer must be able to write."""
    match config:
        case WorldModelConfig():
            from alpaca_exp.miniature.corpus import vocabulary_text

            yield from vocabulary_text(config.world)
        case _:
            yield from (framed(Frame.alpaca, ""), framed(Frame.alpaca, "", " "))
            yield from _documents(config)


def _documents(config: MadeModelConfig) -> Iterator[str]:
    """What is read, a document at a time."""
    match config:
        case WorldModelConfig():
            from alpaca_exp.miniature.corpus import corpus

            return corpus(config.world, seed=config.seed)
        case FileModelConfig(corpus=Path() as file) | ConfiguredModelConfig(corpus=Path() as file):
            return _file_documents(paths.find(file))
        case _:
            raise InputError(
                "base_model.corpus is not set, so there is no text to make a tokenizer from; set it to a "
                "data file, or set dataset_variant.source, from which it is taken"
            )


def _file_documents(file: Path) -> Iterator[str]:
    """Rows of instruction data as texts, or the paragraphs of a plain text."""
    if file.suffix in (".json", ".jsonl", ".parquet", ".gz"):
        yield from corpus_texts(file)
        return
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"base_model.corpus, {file}, cannot be read: {error}") from None
    yield from (paragraph for paragraph in text.split("\n\n") if paragraph.strip())
