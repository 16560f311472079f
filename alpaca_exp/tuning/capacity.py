"""What a training takes, before it starts: memory on each device, FLOPs, hours. Arithmetic over shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from alpaca_exp.schemas import (
    BaseModelConfig,
    LoraTrainerConfig,
    Optimizer,
    Quantization,
    TrainerConfig,
)
from alpaca_exp.tuning.devices import GB, Device
from alpaca_exp.tuning.shapes import Shape

UTILISATION = 0.40
"""Of the peak, what a training is assumed to reach: llm-foundry's 7B reaches .46 on H100s, .64 on A100s."""
UTILISATION_CPU = 0.55
"""Useful FLOPs over the peak, measured here with 4 to 12 layers on one core."""
LOGITS = {True: 2**27, False: 2**23}
"""Logits that exist at once, on a GPU and on a CPU (`tuning.loss`)."""
CPU_BYTES, CPU_TOKENS = 2**26, 512
"""How much a CPU works on at a time (`tuning.packing`)."""
FIXED = {True: 0.7e9, False: 0.06e9}
"""Bytes that the device's libraries take before the first tensor: CUDA's context, or a CPU's workspaces."""
SLACK = 1.05
"""Allocators round up, and leave holes."""
LABELS = 0.52
"""Of the tokens, those that are predicted: Alpaca's 52,002 rows."""
BLOCK = 64
"""Weights that share one scale where they lie in 4 bits; the scales are again in 8 (Dettmers 2023)."""


@dataclass(frozen=True)
class Method:
    """How a model is tuned, as far as memory and arithmetic are concerned. All amounts are bytes a number."""

    weight: float = 4.0
    gradient: float = 4.0
    state: float = 8.0
    activation: float = 4.0
    stream: float = 4.0
    """Of the residual stream, which mixed precision keeps in float32."""
    copy: float = 0.0
    """A second copy of the weights: mixed precision's, in bfloat16."""
    rank: int = 0
    """Of LoRA's matrices; 0: all weights learn."""
    targets: tuple[str, ...] = ()
    """The matrices with an adapter; empty: all."""
    frozen: float = 0.0
    """Of a layer's frozen matrices."""
    checkpointing: bool = False
    packed: bool = True
    micro_batch_size: int = 4
    max_seq_len: int = 512
    devices: int = 1
    """That share the work of a window."""
    sharded: bool = False
    """Whether weights, gradients and states are split over them (FSDP), rather than copied."""
    gpu: bool = True


@dataclass(frozen=True)
class Memory:
    """Bytes on one device, at the peak of an optimizer step."""

    weights: float
    gradients: float
    states: float
    activations: float
    head: float
    """Of the last product and its loss: one chunk of logits, and the gradient of the output embedding."""
    fixed: float = 0.0

    @property
    def total(self) -> float:
        """All of it."""
        tensors = self.lasting + self.activations + self.head
        return SLACK * tensors + self.fixed

    @property
    def lasting(self) -> float:
        """What stays from step to step: 108 GB for 7B with AdamW in float32."""
        return self.weights + self.gradients + self.states


def method_of(trainer: TrainerConfig, base: BaseModelConfig, *, gpu: bool) -> Method:
    """What `trainer` means for memory on one device: its precision, optimizer, adapters."""
    dtype = 4.0 if base.dtype == "float32" else 2.0
    if trainer.precision == "bf16-true":
        dtype = 2.0
    mixed = trainer.precision == "bf16-mixed"
    states = {
        Optimizer.adamw: 2 * dtype,
        Optimizer.adamw_8bit: 2.0 + 8 / 256,  # a float32 scale for each 256 numbers
        Optimizer.adamw_8bit_torchao: 2.0 + 8 / 256,
        Optimizer.adafactor: 0.01,  # a row and a column for each matrix
        Optimizer.sgd: dtype if trainer.beta1 else 0.0,
    }
    made = Method(
        weight=dtype,
        gradient=dtype,
        state=states[trainer.optimizer],
        activation=2.0 if mixed or dtype == 2.0 else 4.0,
        stream=dtype,
        copy=2.0 if mixed and dtype == 4.0 else 0.0,
        checkpointing=trainer.gradient_checkpointing,
        packed=trainer.packing,
        micro_batch_size=trainer.micro_batch_size,
        max_seq_len=trainer.max_seq_len,
        gpu=gpu,
    )
    if not isinstance(trainer, LoraTrainerConfig):
        return made
    frozen = {
        Quantization.none: dtype,
        Quantization.int8: 1.0,
        Quantization.nf4: 0.5 + 1 / BLOCK,
        Quantization.fp4: 0.5 + 1 / BLOCK,
    }[trainer.quantization]
    targets = () if trainer.lora_targets == ["all"] else tuple(trainer.lora_targets)
    return replace(made, rank=trainer.lora_rank, targets=targets, frozen=frozen)


def trained(shape: Shape, method: Method) -> int:
    """How many parameters learn: all, or LoRA's `rank x (in + out)` of each of its matrices."""
    if not method.rank:
        return shape.parameters
    return shape.layers * method.rank * sum(wide + high for wide, high in adapted(shape, method))


def adapted(shape: Shape, method: Method) -> list[tuple[int, int]]:
    """A layer's matrices that have an adapter beside them."""
    return [sides for name, sides in shape.linear.items() if not method.targets or name in method.targets]


def memory(shape: Shape, method: Method) -> Memory:
    """Bytes on one device at the peak: within 20 % of what was measured (tests/test_tuning_capacity.py)."""
    learnt = trained(shape, method)
    layers = shape.layers * shape.layer_parameters
    others = shape.parameters - layers
    weights = (
        layers * (method.frozen or method.weight) + others * method.weight + learnt * method.weight
        if method.rank
        else shape.parameters * method.weight
    )
    parts = method.devices if method.sharded else 1
    # Split weights are put together a layer at a time, the next on its way, and the embeddings once.
    whole = (2 * shape.layer_parameters + 2 * shape.embedding) * (method.copy or method.weight)
    quantised = bool(method.rank) and method.frozen < 2
    cast = others if quantised else shape.parameters
    second = whole if parts > 1 else cast * method.copy
    return Memory(
        weights=weights / parts + second,
        gradients=learnt * method.gradient / parts,
        states=learnt * method.state / parts,
        activations=tokens_at_once(shape, method) * activation(shape, method),
        head=_head(shape, method),
        fixed=FIXED[method.gpu],
    )


def tokens_at_once(shape: Shape, method: Method) -> int:
    """Tokens of one micro-batch, as `tuning.data` makes them; a CPU takes fewer than it might."""
    most = method.micro_batch_size * method.max_seq_len
    if method.gpu or not method.packed:
        return most
    kept = shape.layers * (12 * shape.hidden + 4 * shape.inner) * method.activation
    return min(most, max(CPU_TOKENS, int(CPU_BYTES / kept), method.max_seq_len))


def activation(shape: Shape, method: Method) -> float:
    """Bytes that a token leaves in all layers for the backward pass, and takes in the one under way.

    Counted over transformers' LLaMA as autograd keeps them (after Korthikanti et al. 2022, arXiv:2205.05198,
    who count a GPT with dropout): for each of two norms its input, the normalized input and its output; the
    queries, keys, values and the attention's output (twice where attention runs length by length); gate,
    its SiLU, the other half and their product. Frozen matrices keep no inputs. With gradient
    checkpointing each layer keeps its input, and one layer at a time the rest.
    """
    inner, stream = method.activation, method.stream
    attention = (2 + (not method.gpu)) * shape.queries + 2 * shape.keys
    feed = (4 if shape.gated else 2) * shape.inner
    norms = (3 if shape.gated else 2) * 2 * shape.hidden * stream
    if method.rank:
        norms = 2 * shape.hidden * stream + sum(wide for wide, _ in adapted(shape, method)) * inner
        feed -= shape.inner
    elif method.stream > method.activation:  # mixed: each of five matrices casts its input for itself
        norms = 2 * 2 * shape.hidden * stream + 5 * shape.hidden * inner
    layer = norms + (attention + feed) * inner
    # The gradients of one layer's feed-forward part are there while its activations still are.
    under_way = (3 if shape.gated else 2) * shape.inner * inner + 2 * shape.hidden * stream
    if method.checkpointing:
        return shape.layers * shape.hidden * stream + layer + under_way
    return shape.layers * layer + under_way


def _head(shape: Shape, method: Method) -> float:
    labels = LABELS * tokens_at_once(shape, method)
    logits = min(LOGITS[method.gpu], labels * shape.vocabulary)
    embedding = 0 if method.rank else shape.embedding
    return 2 * logits * 4 + embedding * method.gradient + 2 * labels * shape.hidden * method.activation


def flops(shape: Shape, method: Method, tokens: float, length: float) -> float:
    """Of `tokens` useful tokens in sequences of `length`: what the mathematics needs, nothing recomputed.

    6 N a token: one product forward and two backward, 2 N each (Kaplan et al. 2020, arXiv:2001.08361,
    section 2.1). 4 N for LoRA, since frozen weights get no gradient; its own small matrices take 6. Causal
    attention takes `6 x layers x width x length` a token (half of Chowdhery et al. 2022, arXiv:2204.02311,
    appendix B, who count the masked half too).
    """
    times = 4 if method.rank else 6
    own = 6 * trained(shape, method) if method.rank else 0
    return tokens * (times * shape.multiplied + own + 6 * shape.layers * shape.queries * length)


def hours(shape: Shape, method: Method, device: Device, tokens: float, length: float) -> float | None:
    """On `method.devices` devices at the assumed utilisation; None where the device's speed is not known.

    Gradient checkpointing runs every forward pass twice: two further N a token.
    """
    peak = device.flops if method.activation == 2.0 else device.flops_32
    if not peak:
        return None
    again = 2 * tokens * shape.multiplied if method.checkpointing else 0.0
    share = UTILISATION if device.gpu else UTILISATION_CPU
    return (flops(shape, method, tokens, length) + again) / (peak * share * method.devices) / 3600


@dataclass(frozen=True)
class Remedy:
    """Another recipe, in the words of the command line, and what it needs."""

    words: str
    memory: Memory


def nearest(shape: Shape, methods: Mapping[str, Method], limit: float) -> list[Remedy]:
    """Of the recipes by name, the first that fits and changes no result, and the first that changes it.

    `methods` come with the least change first; a name that begins with "trainer=" trains something else.
    """
    fitting = [
        Remedy(words, need)
        for words, method in methods.items()
        if (need := memory(shape, method)).total <= limit
    ]
    same = [one for one in fitting if not one.words.startswith("trainer=")][:1]
    other = [one for one in fitting if one.words.startswith("trainer=")][:1]
    return same + other


def said(number: float) -> str:
    """Bytes in words: 108 GB, 12.3 GB, 450 MB."""
    if number >= 10 * GB:
        return f"{number / GB:,.0f} GB"
    return f"{number / GB:.1f} GB" if number >= GB else f"{math.ceil(number / 1e6)} MB"
