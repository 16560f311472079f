"""Whether a training fits the device, and what it takes there: said in a plan, before any money is spent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from alpaca_exp import prompts
from alpaca_exp.artifacts import Stage, find
from alpaca_exp.cleaning.dataset import read_dataset
from alpaca_exp.cleaning.sources import iterate_rows
from alpaca_exp.costs import CHARACTERS_PER_TOKEN, Expectation, expected, rows
from alpaca_exp.errors import ArtifactError, InputError
from alpaca_exp.records import Row
from alpaca_exp.schemas import (
    BaseModelConfig,
    LoraTrainerConfig,
    MadeModelConfig,
    Quantization,
    RuntimeConfig,
    TrainerConfig,
    WorldModelConfig,
)
from alpaca_exp.tuning.capacity import (
    UTILISATION,
    UTILISATION_CPU,
    Memory,
    Method,
    flops,
    hours,
    memory,
    method_of,
    nearest,
    said,
    tokens_at_once,
    trained,
)
from alpaca_exp.tuning.devices import Device, device, gpus
from alpaca_exp.tuning.shapes import Shape, shape_of

TOKENS_PER_EXAMPLE = 125
"""Of Alpaca's 52,002 in LLaMA's tokens, with the frame."""
WORLD_WORDS = 18
"""Of a question in the miniature world and its answer."""
SAMPLE = 1000
"""Rows whose lengths are looked at."""
COPY_SHARE = 0.7
"""Of a device's memory: where a copy takes more, runtime.strategy=auto cuts the model."""
AT_MOST = 8
"""Devices of one machine."""
MANY = (2, 4, 8, 16, 32, 64)
"""Numbers of devices that are tried out."""


@dataclass(frozen=True)
class Training:
    """A training that is still to come, in figures."""

    shape: Shape
    method: Method
    device: Device
    memory: Memory
    steps: int
    tokens: float
    """Useful ones, over all epochs."""
    length: float
    """Tokens of the mean example."""
    usd_per_hour: float

    @property
    def flops(self) -> float:
        """Of the whole training."""
        return flops(self.shape, self.method, self.tokens, self.length)

    @property
    def hours(self) -> float | None:
        """Of the whole training; None where the device's speed is not known."""
        return hours(self.shape, self.method, self.device, self.tokens, self.length)

    @property
    def fits(self) -> bool:
        """Whether the device is known to hold it, or not known at all."""
        return self.device.memory is None or self.memory.total <= self.device.memory


def too_large(stage: Stage) -> Iterator[str]:
    """Why the training of `stage` cannot be, where it cannot, and the nearest that can. Reads no data."""
    config: RuntimeConfig = stage.runtime["runtime"]
    base, trainer = stage.config["base_model"], stage.config["trainer"]
    shape, here = shape_of(base), device(config)
    if shape is None or here.memory is None:
        return
    method = _method(trainer, base, config, here, shape)
    need = memory(shape, method)
    if need.total > here.memory:
        yield _refusal(shape, method, need, here, _others(method, trainer, base, here), stage)


def training(stage: Stage, outputs: Path) -> Training | None:
    """The training of `stage`, in figures; None where the model's shape is not known."""
    config: RuntimeConfig = stage.runtime["runtime"]
    base, trainer = stage.config["base_model"], stage.config["trainer"]
    shape, here = shape_of(base), device(config)
    if shape is None:
        return None
    method = _method(trainer, base, config, here, shape)
    length = _length(stage.inputs["dataset"], outputs, trainer, base)
    return Training(
        shape,
        method,
        here,
        memory(shape, method),
        expected(stage, outputs).steps,
        rows(stage.inputs["dataset"], outputs) * trainer.epochs * length,
        length,
        config.gpu_usd_per_hour * method.devices if here.gpu else 0.0,
    )


def lines(one: Training) -> list[str]:
    """What a plan says of a training."""
    learn = trained(one.shape, one.method)
    which = (
        "all of them learn" if learn == one.shape.parameters else f"{learn / 1e6:,.1f} M of adapters learn"
    )
    where, size = _place(one.device, one.method), _billions(one.shape.parameters)
    return [
        f"Training on {where}: {size} parameters, {which}",
        f"  memory  {_memory(one)}",
        f"  work    {_work(one)}",
    ]


def _method(
    trainer: TrainerConfig, base: BaseModelConfig, runtime: RuntimeConfig, here: Device, shape: Shape
) -> Method:
    each = len(gpus()) or 1 if runtime.devices == "auto" else int(runtime.devices)
    copies = replace(method_of(trainer, base, gpu=here.gpu), devices=each * runtime.num_nodes)
    if copies.devices == 1 or runtime.strategy == "ddp":
        return copies
    large = here.memory is not None and memory(shape, copies).lasting > COPY_SHARE * here.memory
    return replace(copies, sharded=runtime.strategy == "fsdp" or large)


def _memory(one: Training) -> str:
    need, method = one.memory, one.method
    fits = "" if one.fits else ", which does not fit"
    if one.device.memory is None:
        fits = f" (whether {one.device.name} holds that is not known: set runtime.device_memory_gb)"
    with_or_without = replace(method, checkpointing=not method.checkpointing)
    other = said(memory(one.shape, with_or_without).activations)
    word = "without" if method.checkpointing else "with"
    return (
        f"{said(need.total)}{_each(method)}{fits}: weights {said(need.weights)}, gradients "
        f"{said(need.gradients)}, optimizer {said(need.states)}, activations {said(need.activations)} "
        f"({tokens_at_once(one.shape, method):,} tokens at once; {word} gradient checkpointing {other}), "
        f"loss {said(need.head)}"
    )


def _work(one: Training) -> str:
    steps = str(Expectation(steps=one.steps))
    tokens = f"{one.tokens / 1e6:,.1f} M" if one.tokens >= 1e5 else f"{one.tokens:,.0f}"
    amount = f"{steps}, about {tokens} tokens, {one.flops:.1e} FLOPs"
    if one.hours is None:
        return f"{amount}; how fast {one.device.name} is, is not known"
    share = UTILISATION if one.device.gpu else UTILISATION_CPU
    peak = one.device.flops if one.method.activation == 2 else one.device.flops_32
    assumed = f" at an assumed {share:.0%} of {(peak or 0) / 1e12:,.1f} TFLOP/s"
    money = f", ${one.hours * one.usd_per_hour:,.2f}" if one.usd_per_hour else ""
    return f"{amount}: {duration(one.hours * 3600)}{assumed}{money}"


def _refusal(
    shape: Shape, method: Method, need: Memory, here: Device, others: Mapping[str, Method], stage: Stage
) -> str:
    assert here.memory is not None
    trainer: TrainerConfig = stage.config["trainer"]
    kept = f"{said(need.lasting)} of it weights, gradients and the optimizer's states"
    what = "LoRA on" if method.rank else "tuning all of"
    sentence = (
        f"{what} {_billions(shape.parameters)} parameters with trainer.precision={trainer.precision} and "
        f"trainer.optimizer={trainer.optimizer.name} needs {said(need.total)}{_each(method)} ({kept}), and "
        f"{_place(here, method)} {'has' if here.gpu else 'have'} {said(here.memory)}{_each(method)}"
    )
    if not here.gpu:
        took = hours(shape, method, here, 52_002 * 3 * TOKENS_PER_EXAMPLE, TOKENS_PER_EXAMPLE) or 0.0
        sentence += f", on which Alpaca's 52,002 rows would take some {duration(3600 * took)}"
    fitting = nearest(shape, others, here.memory)
    found = " or ".join(f"{one.words} ({said(one.memory.total)})" for one in fitting)
    remedy = f"use {found}" if found else "take a smaller base_model"
    elsewhere = "" if here.gpu else "; to plan for another machine, name its GPU: runtime.gpu=H100"
    return f"{sentence}; {remedy}{elsewhere}"


def _others(method: Method, trainer: TrainerConfig, base: BaseModelConfig, here: Device) -> dict[str, Method]:
    """Other recipes in the words of the command line, the least change first."""
    found = _leaner("", method)
    if here.gpu:
        counts = [count for count in MANY if count > method.devices or not method.sharded]
        shared = {
            f"{_devices(count)} runtime.strategy=fsdp": replace(method, devices=count, sharded=True)
            for count in counts
        }
        found |= shared
        for words, divided in shared.items():
            found |= _leaner(words, divided)
    kinds = {"trainer=lora": Quantization.none, **({"trainer=qlora": Quantization.nf4} if here.gpu else {})}
    for words, quantization in kinds.items():
        one = LoraTrainerConfig(
            quantization=quantization,
            precision="bf16-mixed" if here.gpu else trainer.precision,
            micro_batch_size=trainer.micro_batch_size,
            max_seq_len=trainer.max_seq_len,
        )
        if not (method.rank and quantization is Quantization.none):
            made = method_of(one, base, gpu=here.gpu)
            found |= {words: made} | _leaner(words, made)
    return found


def _devices(count: int) -> str:
    """So many, of which a machine has at most eight."""
    nodes = count // AT_MOST
    return f"runtime.devices={AT_MOST} runtime.num_nodes={nodes}" if nodes > 1 else f"runtime.devices={count}"


def _leaner(words: str, method: Method) -> dict[str, Method]:
    """The same mathematics in less memory."""
    once, twice = "trainer.micro_batch_size=1", "trainer.gradient_checkpointing=true"
    ways = {
        twice: replace(method, checkpointing=True),
        once: replace(method, micro_batch_size=1),
        f"{twice} {once}": replace(method, checkpointing=True, micro_batch_size=1),
    }
    return {f"{words} {way}".strip(): one for way, one in ways.items() if one != method}


def _length(curated: Stage, outputs: Path, trainer: TrainerConfig, base: BaseModelConfig) -> float:
    """Tokens of the mean example: of the rows where they are here, else of Alpaca's."""
    lengths = [_tokens(row, trainer, base) for row in islice(_known(curated, outputs), SAMPLE)]
    if not lengths and isinstance(base, WorldModelConfig):
        return len(prompts.framed(trainer.frame, "").split()) + WORLD_WORDS
    mean = sum(lengths) / len(lengths) if lengths else TOKENS_PER_EXAMPLE
    return min(mean, trainer.max_seq_len)


def _tokens(row: Row, trainer: TrainerConfig, base: BaseModelConfig) -> int:
    text = prompts.framed(trainer.frame, row["instruction"], row.get("input") or "") + row["output"]
    if isinstance(base, MadeModelConfig) and base.tokenizer == "word":
        return min(len(text.split()), trainer.max_seq_len)
    return min(int(len(text) / CHARACTERS_PER_TOKEN), trainer.max_seq_len)


def _known(curated: Stage, outputs: Path) -> Iterator[Row]:
    variant = curated.config["variant"]
    try:
        made = find(curated, outputs, remake_damaged=True)
        if made:
            yield from read_dataset(made.path)
        elif variant.source is not None:
            yield from iterate_rows(variant.source, variant.columns.given(), variant.on_error)
    except (InputError, ArtifactError):  # said elsewhere
        return


def _each(method: Method) -> str:
    return " on each device" if method.devices > 1 else ""


def _place(here: Device, method: Method) -> str:
    return here.name if method.devices == 1 or not here.gpu else f"{method.devices} x {here.name}"


def _billions(count: int) -> str:
    return f"{count / 1e9:,.2f} B" if count >= 1e8 else f"{count / 1e6:,.1f} M"


def duration(seconds: float) -> str:
    """In words: 34 s, 12 min, 3.4 h, 240 days."""
    for limit, unit, size in ((100, "s", 1), (6000, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            number = seconds / size
            return f"{number:.1f} {unit}" if number < 10 else f"{number:.0f} {unit}"
    return f"{seconds / 86400:,.0f} days"
