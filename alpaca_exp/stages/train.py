"""Supervised tuning: a base model learns the answers of a data set."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alpaca_exp.artifacts import Artifact
from alpaca_exp.cleaning.dataset import read_dataset
from alpaca_exp.errors import InputError
from alpaca_exp.records import Example, Row, write_json
from alpaca_exp.schemas import (
    BaseModelConfig,
    LoggerConfig,
    RuntimeConfig,
    TrainerConfig,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from alpaca_exp.tuning.tokens import Tokenised, TokenRow


def train(
    base_model: BaseModelConfig,
    trainer: TrainerConfig,
    seed: int,
    *,
    dataset: Artifact,
    base: Artifact | None = None,
    runtime: RuntimeConfig,
    logger: LoggerConfig,
    out: Path,
) -> None:
    """Write `model/` (Hugging Face layout), `metrics.csv`, `tokens.json` (examples cut and left out).

    And, before the first step, `lints.json`: what is odd about the data, which is also said.

    Starts from `base` where one was pre-trained here, else from the weights that `base_model` names.
    Raises InputError where the model or the data are not what they must be, Stopped on SIGTERM
    (resumable).
    """
    from alpaca_exp.tuning import checkpoints, models
    from alpaca_exp.tuning.fit import CHECKPOINTS, use_threads

    use_threads(runtime)
    if not (out / "model").is_dir():
        model, tokenizer = _start(base_model, base, runtime)
        models.complete_tokens(model, tokenizer)
        _learn(
            model,
            tokenizer,
            _rows(dataset, model, tokenizer, trainer, out),
            trainer,
            seed,
            runtime,
            logger,
            out,
        )
        models.save(model, tokenizer, out / "model")
    checkpoints.remove(out / CHECKPOINTS)


def _start(
    config: BaseModelConfig, base: Artifact | None, runtime: RuntimeConfig
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    from alpaca_exp.tuning import models

    return models.load_base(config, base / "model" if base else None, offline=runtime.offline)


def _rows(
    dataset: Artifact,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    config: TrainerConfig,
    out: Path,
) -> list[TokenRow]:
    from alpaca_exp.tuning.tokens import tokenise

    rows = list(read_dataset(dataset.path))
    examples = (Example(row["instruction"], row["output"], row.get("input") or "") for row in rows)
    tokenised = tokenise(examples, tokenizer, config)
    if not tokenised.rows:
        enough = int(tokenised.prompts.max(initial=0)) + 1
        raise InputError(
            f"None of the {tokenised.left_out} examples has a token of output within trainer.max_seq_len "
            f"({config.max_seq_len}); raise it (with {enough} each has one), or check the data set"
        )
    longest = max(len(row.tokens) for row in tokenised.rows)
    limit = getattr(model.config, "max_position_embeddings", None)
    if limit and longest > limit:
        raise InputError(
            f"The longest example has {longest} tokens, but the model reads at most {limit}; "
            f"set trainer.max_seq_len to {limit} or less"
        )
    write_json(tokenised.counts(), out / "tokens.json")
    _lint(rows, tokenised, config.max_seq_len, limit, out)
    return tokenised.rows


def _lint(rows: Sequence[Row], tokenised: Tokenised, max_seq_len: int, limit: int | None, out: Path) -> None:
    """Note what is odd about the data, and say what may have been overlooked, before the first step."""
    from alpaca_exp.tuning.lints import lints_row, text_lints, token_lints

    findings = token_lints(rows, tokenised, max_seq_len, limit) + text_lints(rows)
    write_json(lints_row(findings, tokenised, max_seq_len), out / "lints.json")
    for finding in findings:
        if finding.warns:
            print(f"train: {finding.message}", file=sys.stderr, flush=True)


def _learn(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: list[TokenRow],
    config: TrainerConfig,
    seed: int,
    runtime: RuntimeConfig,
    logger: LoggerConfig,
    out: Path,
) -> None:
    from alpaca_exp.tuning.data import Windows
    from alpaca_exp.tuning.fit import fit
    from alpaca_exp.tuning.module import Recipe
    from alpaca_exp.tuning.schedules import warmed_up

    windows = Windows(
        rows,
        batch_size=config.global_batch_size,
        micro_batch_size=config.micro_batch_size,
        epochs=config.epochs,
        seed=seed,
        pad=tokenizer.pad_token_id,
    )
    recipe = Recipe(
        steps=len(windows),
        learning_rate=config.learning_rate,
        schedule=warmed_up(config.schedule, len(windows), config.warmup_ratio),
        beta2=config.beta2,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        seed=seed,
        precision=config.precision,
        setting="trainer.learning_rate",
    )
    fit(
        model,
        windows,
        recipe,
        title="train",
        pack=config.packing,
        runtime=runtime,
        logger=logger,
        out=out,
    )
