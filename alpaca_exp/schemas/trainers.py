"""How a base model is tuned: all of its weights, or adapters beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Optional

from alpaca_exp.schemas.fields import at_least, identity, runtime, shares

# ruff: noqa: UP045 — OmegaConf reads these annotations at run time and wants Optional[...]


class Frame(Enum):
    """How an instruction is put to a model: in Alpaca's frame, or as plain text."""

    alpaca = "alpaca"
    plain = "plain"


class Truncation(Enum):
    """What happens to an example of more than `max_seq_len` tokens."""

    cut = "cut"
    leave_out = "leave_out"


class PadRow(Enum):
    """What the embedding row of a new [PAD] token is: the mean of the others, zeros, or drawn."""

    mean = "mean"
    zero = "zero"
    random = "random"


class LossOver(Enum):
    """The loss of an optimizer step: the mean over its label tokens, or that of micro-batch means."""

    window = "window"
    micro_batch = "micro_batch"


class Optimizer(Enum):
    """What changes the weights."""

    adamw = "adamw"
    adamw_8bit = "adamw_8bit"
    adamw_8bit_torchao = "adamw_8bit_torchao"
    adafactor = "adafactor"
    sgd = "sgd"


class Quantization(Enum):
    """In which form the frozen weights lie in memory while adapters learn."""

    none = "none"
    int8 = "int8"
    nf4 = "nf4"
    fp4 = "fp4"


@dataclass
class TrainerConfig:
    """Supervised instruction tuning of all weights."""

    learning_rate: float = identity("peak", 2e-5)
    epochs: int = identity("times through the data", 3)
    global_batch_size: int = identity("examples an optimizer step", 128)
    micro_batch_size: int = runtime("examples at once on one device; changes no gradient", 4)
    packing: bool = runtime("lay examples end to end, none seeing another; changes no gradient", True)
    gradient_checkpointing: bool = runtime("compute layers twice and keep less of them in memory", False)
    compile: bool = runtime("let torch.compile make kernels for the layers; takes minutes at first", False)
    max_seq_len: int = identity("tokens an example; longer ones are cut", 512)
    truncation: Truncation = identity("longer examples: cut, or leave_out", Truncation.cut)
    optimizer: Optimizer = identity(
        "adamw, adamw_8bit (bitsandbytes), adamw_8bit_torchao, adafactor, sgd (beta1: its momentum)",
        Optimizer.adamw,
    )
    weight_decay: float = identity("of matrices; norms and biases never decay", 0.0)
    beta1: float = identity("AdamW's first", 0.9)
    beta2: float = identity("AdamW's second", 0.999)
    eps: float = identity("AdamW's", 1e-8)
    warmup_ratio: float = identity("share of the steps that warm up", 0.03)
    warmup_steps: Optional[int] = identity("so many steps warm up, whatever warmup_ratio says", None)
    schedule: str = identity("cosine, linear or constant, after the warm-up", "cosine")
    max_grad_norm: float = identity("clip the gradient's norm here; 0: never", 1.0)
    precision: str = identity("Lightning's: 32-true, bf16-true, bf16-mixed", "32-true")
    loss_over: LossOver = identity("mean over the window's labels, or of micro-batch means", LossOver.window)
    loss_micro_batch: int = identity("with loss_over=micro_batch: examples a mean, in drawn order", 4)
    frame: Frame = identity("the prompt around an instruction: alpaca, or plain text", Frame.alpaca)
    mask_prompt: bool = identity("learn from the answer's tokens only", True)
    end_token: bool = identity("learn where an answer ends", True)
    pad_row: PadRow = identity("the embedding of a new [PAD]: mean of the others, zero, random", PadRow.mean)
    validation_examples: int = identity(
        "so many rows, drawn by `seed`, are not learnt from: their loss is `val_loss`", 0, came_later=True
    )
    max_shard_size: str = runtime("largest file of the saved weights, such as 500MB", "5GB")

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from at_least(self, "trainer", epochs=1, global_batch_size=1, micro_batch_size=1)
        yield from at_least(self, "trainer", max_seq_len=8, max_grad_norm=0, weight_decay=0, eps=0)
        yield from at_least(self, "trainer", loss_micro_batch=1, validation_examples=0)
        if self.learning_rate <= 0:
            yield f"trainer.learning_rate is {self.learning_rate}; it must be above 0"
        if self.schedule not in ("cosine", "linear", "constant"):
            yield f"trainer.schedule is {self.schedule}; it must be cosine, linear or constant"
        if self.precision not in ("32-true", "bf16-true", "bf16-mixed"):
            yield f"trainer.precision is {self.precision}; it must be 32-true, bf16-true or bf16-mixed"
        if self.micro_batch_size >= 1 and self.global_batch_size % self.micro_batch_size:
            yield (
                f"trainer.global_batch_size is {self.global_batch_size}; it must be a multiple "
                f"of trainer.micro_batch_size ({self.micro_batch_size})"
            )
        yield from shares(self, "trainer", "warmup_ratio")
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                yield f"trainer.{name} is {getattr(self, name)}; it must be at least 0 and below 1"
        if self.warmup_steps is not None and self.warmup_steps < 0:
            yield f"trainer.warmup_steps is {self.warmup_steps}; it must be 0 or more, or null"
        if self.loss_over is LossOver.window and self.loss_micro_batch != 4:
            yield "trainer.loss_micro_batch is set, but has no effect; add trainer.loss_over=micro_batch"
        if not re.fullmatch(r"[1-9]\d*[KMG]B", self.max_shard_size):
            yield f"trainer.max_shard_size is {self.max_shard_size}; write it as 5GB, 500MB or 10KB"


@dataclass
class LoraTrainerConfig(TrainerConfig):
    """Tuning of small matrices beside the frozen ones (Hu et al. 2021, arXiv:2106.09685)."""

    lora_rank: int = identity("inner width of the two small matrices", 16)
    lora_alpha: int = identity("their product counts alpha / rank times", 32)
    lora_dropout: float = identity("share of their inputs that is dropped while learning", 0.05)
    lora_targets: list[str] = identity("which layers, by their names' ends; [all]: all linear ones", ["all"])
    quantization: Quantization = identity(
        "the frozen weights while learning: none, int8, nf4 or fp4 (bitsandbytes)", Quantization.none
    )

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from super().problems()
        yield from at_least(self, "trainer", lora_rank=1, lora_alpha=1)
        if not 0 <= self.lora_dropout < 1:
            yield f"trainer.lora_dropout is {self.lora_dropout}; it must be at least 0 and below 1"
        if not self.lora_targets or ("all" in self.lora_targets and len(self.lora_targets) > 1):
            yield "trainer.lora_targets must name layers, such as [q_proj,v_proj], or be [all]"


@dataclass
class NoTrainerConfig(TrainerConfig):
    """No tuning: the base model goes to the evaluation as it is."""
