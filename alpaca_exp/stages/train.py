"""Supervised tuning: a base model learns the answers of a data set."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alpaca_exp.artifacts import Artifact
from alpaca_exp.cleaning.dataset import read_dataset
from alpaca_exp.errors import InputError
from alpaca_exp.records import Example, Row, write_json
from alpaca_exp.schemas import (
    BaseModelConfig,
    LoggerConfig,
    LoraTrainerConfig,
    LossOver,
    RuntimeConfig,
    TrainerConfig,
    Truncation,
)
from alpaca_exp.tuning.ranks import over_devices, place

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from alpaca_exp.tuning.tokens import Tokenised, TokenRows


@over_devices
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
    """Write `model/` (Hugging Face layout, with a model card), `metrics.csv`, `tokens.json`.

    Of the rows, `trainer.validation_examples` are not learnt from: their loss is `val_loss` in `metrics.csv`.
    LoRA's adapter stands in `adapter/` (peft layout) beside the model that it is merged into. Before the
    first step comes `lints.json`: what is odd about the data, which is also said.

    Starts from `base` where one was pre-trained here, else from the weights that `base_model` names.
    Raises InputError where the model, the data or what the trainer needs are not what they must be,
    Stopped on SIGTERM (resumable), Pruned where it is a trial (`runtime.trial`) that its study gives up.
    """
    from alpaca_exp.tuning import checkpoints
    from alpaca_exp.tuning.fit import CHECKPOINTS, use_threads
    from alpaca_exp.tuning.requirements import lacking

    use_threads(runtime)
    if problems := lacking(trainer):
        raise InputError("; ".join(problems))
    if not (out / "model").is_dir():
        _tune(base_model, trainer, seed, dataset, base, runtime, logger, out)
    checkpoints.remove(out / CHECKPOINTS)


def _tune(
    base_model: BaseModelConfig,
    trainer: TrainerConfig,
    seed: int,
    dataset: Artifact,
    base: Artifact | None,
    runtime: RuntimeConfig,
    logger: LoggerConfig,
    out: Path,
) -> None:
    from alpaca_exp.tuning import adapters, models
    from alpaca_exp.tuning.card import Tuned, adapter_card, model_card
    from alpaca_exp.tuning.fit import METRICS

    lora = trainer if isinstance(trainer, LoraTrainerConfig) else None
    stored = adapters.stored_as(lora) if lora else None
    model, tokenizer, added = _start(base_model, trainer, base, runtime, stored)
    parameters, architecture = model.num_parameters(), model.config.to_dict()
    rows, held_out, counts = _rows(dataset, model, tokenizer, trainer, seed, out)
    adapted = adapters.attach(model, lora, seed) if lora else None
    told = {"base_model": base_model, "trainer": trainer, "seed": seed, "dataset": dataset.path.name}
    _learn(model, tokenizer, rows, held_out, trainer, seed, runtime, logger, told, out)
    tuned = Tuned(
        base_model,
        trainer,
        seed,
        dataset,
        tokens=counts,
        added=added,
        architecture=architecture,
        parameters=parameters,
        metrics=out / METRICS,
        base=base,
    )
    if adapted:
        adapters.save_adapter(adapted, base_model, out / "adapter", adapter_card(tuned))
        if stored is None:
            model = adapters.merged(adapted)
        else:
            whole, tokenizer, _ = _start(base_model, trainer, base, runtime)
            model = adapters.merged_from(whole, out / "adapter")
    models.save(
        model, tokenizer, out / "model", max_shard_size=trainer.max_shard_size, card=model_card(tuned)
    )


def _start(
    config: BaseModelConfig,
    trainer: TrainerConfig,
    base: Artifact | None,
    runtime: RuntimeConfig,
    stored: Any = None,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, list[str]]:
    """The base model, its tokenizer, and the tokens that this lacked; `stored`: how weights lie in memory."""
    from alpaca_exp.tuning import models

    folder = base / "model" if base else None
    model, tokenizer = models.load_base(config, folder, offline=runtime.offline, quantization=stored)
    return model, tokenizer, models.complete_tokens(model, tokenizer, trainer.pad_row, config.seed)


def _rows(
    dataset: Artifact,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    config: TrainerConfig,
    seed: int,
    out: Path,
) -> tuple[TokenRows, TokenRows, Row]:
    """The rows to learn from, those that are set aside, and what both come to."""
    from alpaca_exp.tuning.tokenised import folder, tokenised_examples
    from alpaca_exp.tuning.validation import set_aside

    rows = list(read_dataset(dataset.path))
    examples = (Example(row["instruction"], row["output"], row.get("input") or "") for row in rows)
    tokenised = tokenised_examples(examples, tokenizer, config, folder(out))
    if not tokenised.rows:
        enough = int(tokenised.prompts.max(initial=0)) + 1
        raise InputError(
            f"None of the {tokenised.left_out} examples has a token of output within trainer.max_seq_len "
            f"({config.max_seq_len}); raise it (with {enough} each has one), or check the data set"
        )
    longest = tokenised.longest
    limit = getattr(model.config, "max_position_embeddings", None)
    if limit and longest > limit:
        raise InputError(
            f"The longest example has {longest} tokens, but the model reads at most {limit}; "
            f"set trainer.max_seq_len to {limit} or less"
        )
    if config.validation_examples >= len(tokenised.rows):
        raise InputError(
            f"trainer.validation_examples is {config.validation_examples}, and there are only "
            f"{len(tokenised.rows)} examples to learn from; set it to fewer"
        )
    learnt, held_out = set_aside(tokenised.rows, config.validation_examples, seed)
    counts = tokenised.counts() | learnt.counts()
    counts |= {f"validation_{name}": count for name, count in held_out.counts().items() if held_out}
    write_json(counts, out / "tokens.json")
    _lint(rows, tokenised, config, limit, out)
    return learnt, held_out, counts


def _lint(
    rows: Sequence[Row], tokenised: Tokenised, config: TrainerConfig, limit: int | None, out: Path
) -> None:
    """Note what is odd about the data, and say what may have been overlooked, before the first step."""
    from alpaca_exp.tuning.lints import lints_row, text_lints, token_lints

    cuts = config.truncation is Truncation.cut
    findings = token_lints(
        rows, tokenised, config.max_seq_len, limit, cuts=cuts, ends=config.end_token
    ) + text_lints(rows)
    write_json(lints_row(findings, tokenised, config.max_seq_len), out / "lints.json")
    for finding in findings:
        if finding.warns:
            print(f"train: {finding.message}", file=sys.stderr, flush=True)


def _learn(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: TokenRows,
    held_out: TokenRows,
    config: TrainerConfig,
    seed: int,
    runtime: RuntimeConfig,
    logger: LoggerConfig,
    told: Mapping[str, object],
    out: Path,
) -> None:
    from alpaca_exp.study.trial import open_trial
    from alpaca_exp.tuning.data import Windows
    from alpaca_exp.tuning.fit import fit
    from alpaca_exp.tuning.module import Recipe
    from alpaca_exp.tuning.schedules import warmed_up
    from alpaca_exp.tuning.validation import whole

    windows = Windows(
        rows,
        batch_size=config.global_batch_size,
        micro_batch_size=config.micro_batch_size,
        epochs=config.epochs,
        seed=seed,
        pad=tokenizer.pad_token_id,
        mean_over=config.loss_micro_batch if config.loss_over is LossOver.micro_batch else None,
    )
    recipe = Recipe(
        steps=len(windows),
        learning_rate=config.learning_rate,
        schedule=warmed_up(config.schedule, len(windows), config.warmup_ratio, config.warmup_steps),
        beta2=config.beta2,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        seed=seed,
        precision=config.precision,
        setting="trainer.learning_rate",
        optimizer=config.optimizer,
        beta1=config.beta1,
        eps=config.eps,
    )
    micro, pad = config.micro_batch_size, tokenizer.pad_token_id
    fit(
        model,
        windows,
        recipe,
        title="train",
        held_out=whole(held_out, micro_batch_size=micro, pad=pad) if held_out else None,
        trial=open_trial(runtime) if place().rank == 0 else None,
        pack=config.packing,
        gradient_checkpointing=config.gradient_checkpointing,
        compile=config.compile,
        runtime=runtime,
        logger=logger,
        told=told,
        out=out,
    )
