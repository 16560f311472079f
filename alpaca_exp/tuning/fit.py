"""Training a model on windows of tokens: from wherever an earlier attempt got to, to the last step."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import Logger
from pytorch_lightning.strategies import Strategy
from transformers import PreTrainedModel

from alpaca_exp.errors import InputError
from alpaca_exp.ledger import report
from alpaca_exp.progress import progress
from alpaca_exp.records import Usage
from alpaca_exp.schemas import LoggerConfig, RuntimeConfig
from alpaca_exp.study.trial import Trial
from alpaca_exp.tuning.checkpoints import Checkpoints, step_of
from alpaca_exp.tuning.data import TuningData, Windows
from alpaca_exp.tuning.distributed import Sharded, gather, leave, strategy
from alpaca_exp.tuning.layers import layers_that
from alpaca_exp.tuning.loggers import hyperparameters, loggers
from alpaca_exp.tuning.loss import ready
from alpaca_exp.tuning.memory import memory_named
from alpaca_exp.tuning.metrics import Metrics, Shown
from alpaca_exp.tuning.module import Recipe, Tuning
from alpaca_exp.tuning.packing import cpu_tokens
from alpaca_exp.tuning.pruning import Pruning
from alpaca_exp.tuning.quiet import quiet
from alpaca_exp.tuning.ranks import Joined, place
from alpaca_exp.tuning.validation import Validation
from alpaca_exp.tuning.yardstick import yardstick

CHECKPOINTS = "checkpoints"
METRICS = "metrics.csv"


def fit(
    model: PreTrainedModel,
    windows: Windows,
    recipe: Recipe,
    *,
    title: str,
    pack: bool = True,
    gradient_checkpointing: bool = False,
    compile: bool = False,
    runtime: RuntimeConfig,
    logger: LoggerConfig,
    told: Mapping[str, object] | None = None,
    held_out: Windows | None = None,
    trial: Trial | None = None,
    out: Path,
) -> None:
    """Train `model` in place; `out` holds the checkpoints and `metrics.csv`.

    `told` is what loggers note beside the curves: the configs that this training follows. `held_out` are
    rows whose loss is measured on the way, in one window. `trial`: the study that is told how it goes;
    it changes nothing but that Pruned is raised, without a checkpoint, where the study gives it up.

    One of several ranks does its share. Behind it the first has the whole model on its CPU, and Joined is
    raised in the others: what a stage does next is done once.

    Killed at any moment and called again with the same arguments, it ends with the same weights bit
    for bit (on one machine, number of threads and set of versions). Raises Stopped on SIGTERM and
    Ctrl-C, after saving, and InputError where the loss is no finite number, memory gives out, or the
    checkpoints found are another training's.
    """
    use_threads(runtime)
    if recipe.precision == "bf16-true":
        _to_bfloat16(model)
    validation = Validation(held_out, recipe.steps)
    pruning = Pruning(trial, validation, recipe.steps)
    checkpoints = Checkpoints(
        place().shared(out / CHECKPOINTS),
        runtime.checkpoint_every_s,
        recipe.steps,
        made_by={**recipe.described(), **windows.described(), "the model": _shape(model)},
        given_up=lambda: pruning.given_up,
    )
    speed = yardstick(model, runtime, precision=recipe.precision, devices=place().world)
    metrics = Metrics(
        out / METRICS,
        every_n_steps=logger.every_n_steps,
        steps=recipe.steps,
        per_epoch=windows.per_epoch,
        yardstick=speed,
        told=hyperparameters(told or {}),
        validation=validation,
    )
    with (
        quiet(),
        ready(model, pack=pack) as abilities,
        layers_that(model, checkpoint=gradient_checkpointing, compile=compile),
        checkpoints.heeding_signals(),
        progress(title, recipe.steps, "steps") as steps,
        loggers(logger, out) as drawn,
        memory_named(recipe.setting.partition(".")[0]),
    ):
        callbacks = [validation, metrics, Shown(steps, speed), pruning, checkpoints]
        trainer = _trainer(model, recipe, runtime, out, callbacks, drawn)
        for each in filter(None, (windows, held_out)):
            each.packed = abilities.packs
            each.share(place().rank, place().world)
            if trainer.strategy.root_device.type == "cpu":
                each.limit(cpu_tokens(model))
        with _gpu_hours_reported(trainer, runtime, out):
            tuning = Tuning(model, recipe, abilities.splits)
            found = checkpoints.newest()
            if found is not None and place().rank == 0:
                print(f"{title:10} goes on behind step {step_of(found)} of {recipe.steps}", flush=True)
            trainer.fit(tuning, datamodule=TuningData(windows), ckpt_path=found)
        gather(tuning)
        leave()
    if place().rank:
        raise Joined


def use_threads(runtime: RuntimeConfig) -> None:
    """Let the mathematics use `runtime.num_threads` threads, from now on in this process."""
    if runtime.num_threads is not None:
        torch.set_num_threads(runtime.num_threads)


def _trainer(
    model: PreTrainedModel,
    recipe: Recipe,
    runtime: RuntimeConfig,
    out: Path,
    callbacks: list[Callback],
    drawn: list[Logger],
) -> Trainer:
    chosen = strategy(runtime, recipe.precision, model)
    try:
        return _lightnings(chosen, recipe, runtime, out, callbacks, drawn)
    except MisconfigurationException as error:
        raise InputError(
            f"runtime.accelerator={runtime.accelerator} cannot be had on this machine ({error}); set it to "
            "auto, or go where there is one"
        ) from None


def _lightnings(
    chosen: Strategy,
    recipe: Recipe,
    runtime: RuntimeConfig,
    out: Path,
    callbacks: list[Callback],
    drawn: list[Logger],
) -> Trainer:
    return Trainer(
        default_root_dir=out,
        accelerator=runtime.accelerator,
        strategy=chosen,
        devices=place().world // runtime.num_nodes,
        num_nodes=runtime.num_nodes,
        # A sharded model casts its own weights, before they travel.
        precision="bf16-mixed"
        if recipe.precision == "bf16-mixed" and not isinstance(chosen, Sharded)
        else "32-true",
        max_epochs=1,
        max_steps=recipe.steps,
        callbacks=list(callbacks),
        plugins=[LightningEnvironment()],
        logger=drawn or False,
        log_every_n_steps=1,  # it logs nothing by itself
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def _shape(model: PreTrainedModel) -> str:
    """Its parameters' names and shapes, in a few characters."""
    listed = [f"{name} {tuple(p.shape)} {p.requires_grad}" for name, p in model.named_parameters()]
    digest = hashlib.sha256("\n".join(listed).encode()).hexdigest()[:16]
    return (
        f"{type(model).__name__} of {sum(p.numel() for p in model.parameters()):,} parameters, hash {digest}"
    )


def _to_bfloat16(model: PreTrainedModel) -> None:
    """Parameters only. Lightning's own bf16-true rounds the rotary frequencies too, and so the positions."""
    for parameter in model.parameters():
        if parameter.is_floating_point():  # frozen ones may be packed bits
            parameter.data = parameter.data.to(torch.bfloat16)


@contextmanager
def _gpu_hours_reported(trainer: Trainer, runtime: RuntimeConfig, out: Path) -> Iterator[None]:
    start = time.monotonic()
    try:
        yield
    finally:
        if trainer.strategy.root_device.type == "cuda":
            hours = place().world * (time.monotonic() - start) / 3600
            report(out, Usage(gpu_hours=hours, usd=hours * runtime.gpu_usd_per_hour))
