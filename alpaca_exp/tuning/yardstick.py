"""What a training's speed comes to: tokens a second, the share of the device's peak, dollars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel

from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.tuning.devices import known


@dataclass(frozen=True)
class Yardstick:
    """What a token needs and what a second costs, on all devices together."""

    flops: float = 0.0
    """Of a token's products with the weights."""
    attention: float = 0.0
    """FLOPs of a token for each token of its sequence, on average: half of them are before it."""
    peak: float | None = None
    """FLOPs a second; None: not known, as on a CPU."""
    usd_per_hour: float = 0.0

    def mfu(self, tokens: int, sequences: int, seconds: float) -> float | None:
        """Model FLOPs utilization (Chowdhery et al. 2022, appendix B): of useful tokens, nothing recomputed.

        Attention is counted at the mean length, a little less than it takes.
        """
        if not self.peak or not tokens or seconds <= 0:
            return None
        return tokens * (self.flops + self.attention * tokens / sequences) / seconds / self.peak

    def usd(self, seconds: float) -> float | None:
        """Dollars of so many seconds; None where they cost nothing."""
        return self.usd_per_hour * seconds / 3600 if self.usd_per_hour > 0 else None


def yardstick(model: PreTrainedModel, runtime: RuntimeConfig, *, precision: str, devices: int) -> Yardstick:
    """That of `model` on so many devices of this machine's kind; a CPU has no price and no known peak."""
    if runtime.accelerator == "cpu" or not torch.cuda.is_available():
        return Yardstick()
    found = known(torch.cuda.get_device_name())
    peak = found and (found.flops_32 if precision == "32-true" else found.flops)
    flops, attention = flops_a_token(model)
    usd_per_hour = devices * runtime.gpu_usd_per_hour
    return Yardstick(flops, attention, devices * peak if peak else None, usd_per_hour)


def flops_a_token(model: PreTrainedModel) -> tuple[float, float]:
    """6 for each weight that learns and 4 for each frozen one, which gets no gradient; and for attention.

    The input embedding is a table and multiplies nothing, unless it is the output embedding as well.
    """
    both: Any = model
    head, table = both.get_output_embeddings(), both.get_input_embeddings()
    tied = head is not None and head.weight is table.weight
    weights = sum(
        (6 if weight.requires_grad else 4) * _numbers(weight)
        for weight in model.parameters()
        if weight.ndim >= 2 and (tied or weight is not table.weight)
    )
    config = model.config.get_text_config()
    width = config.num_attention_heads * getattr(
        config, "head_dim", config.hidden_size // config.num_attention_heads
    )
    return float(weights), 6.0 * config.num_hidden_layers * width


def _numbers(weight: torch.nn.Parameter) -> int:
    """Of weights in 4 bits, two lie in a byte."""
    return weight.numel() * (2 if weight.dtype == torch.uint8 else 1)
