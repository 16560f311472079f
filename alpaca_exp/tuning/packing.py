"""Attention over several sequences laid end to end, none of which sees another: no padding is computed.

The tokens of all sequences go through the model as one row. Positions restart at each sequence
(`position_ids`), and attention, the one place where tokens meet, is done a sequence at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from alpaca_exp.tuning.attention import refuse_variants, replaced

PACKED = "packed"
"""The name under which transformers finds this attention."""
CPU_BYTES, CPU_TOKENS = 2**26, 512
"""On a CPU, products of so many rows run at full speed, and states that fit near the caches are quicker."""


@contextmanager
def packed_attention(model: PreTrainedModel) -> Iterator[None]:
    """While inside, `model` takes `cu_seq_lens_q` and `max_length_q` beside packed `input_ids`.

    `cu_seq_lens_q` (sequences + 1): where each sequence begins, and the end of the last. Without it the
    row is one sequence. The model must get its attention from transformers' registry.
    """
    with replaced(model, PACKED, attend):
        yield


def cpu_tokens(model: PreTrainedModel) -> int:
    """How many tokens a CPU best works on at a time; other devices want all that they can hold.

    By what a layer keeps for the backward pass: some 12 vectors of its width, 4 of its feed-forward part's.
    """
    config = model.config.get_text_config()
    inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    kept: int = config.num_hidden_layers * (12 * config.hidden_size + 4 * inner) * model.dtype.itemsize
    return max(CPU_TOKENS, CPU_BYTES // kept)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None = None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    cu_seq_lens_q: Tensor | None = None,
    max_length_q: int | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """Causal attention inside each sequence, as transformers calls it.

    `query` is (1, heads, tokens, head size); `key` and `value` may have fewer heads, each shared by a
    group of the query's. Returns (1, tokens, heads, head size) and no weights.
    """
    refuse_variants(more)
    if cu_seq_lens_q is None or max_length_q is None:
        length = query.shape[2]
        cu_seq_lens_q = torch.tensor([0, length], dtype=torch.int32, device=query.device)
        max_length_q = length
    window = sliding_window if sliding_window and sliding_window < max_length_q else None
    if torch.is_autocast_enabled(query.device.type):  # the rotation made float32 of queries and keys
        numbers = torch.get_autocast_dtype(query.device.type)
        query, key, value = (states.to(numbers) for states in (query, key, value))
    if query.is_cuda and query.dtype in (torch.float16, torch.bfloat16) and not dropout:
        return _in_one_kernel(query, key, value, scaling, window, cu_seq_lens_q, max_length_q), None
    return _length_by_length(query, key, value, dropout, scaling, window, cu_seq_lens_q), None


def _in_one_kernel(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scaling: float | None,
    window: int | None,
    ends: Tensor,
    longest: int,
) -> Tensor:
    """PyTorch's own flash attention for sequences of various lengths."""
    from torch.nn.attention.varlen import varlen_attn

    # (left, right): how many tokens before and after itself a token sees; -1 is all of them.
    sees = (window - 1 if window else -1, 0)
    q, k, v = (states[0].transpose(0, 1) for states in (query, key, value))
    out = varlen_attn(
        q,
        k,
        v,
        ends,
        ends,
        longest,
        longest,
        scale=scaling,
        window_size=sees,
        enable_gqa=q.shape[1] != k.shape[1],
    )
    assert isinstance(out, Tensor)
    return out[None]


def _length_by_length(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    dropout: float,
    scaling: float | None,
    window: int | None,
    ends: Tensor,
) -> Tensor:
    """Neighbours of one length are one batch; sorted sequences make few and large ones."""
    shared = query.shape[1] != key.shape[1]
    parts, start = [], 0
    for length, run in groupby(ends.diff().tolist()):
        count = sum(1 for _ in run)
        end = start + count * length
        q, k, v = (
            states[0, :, start:end].reshape(states.shape[1], count, length, -1).transpose(0, 1)
            for states in (query, key, value)
        )
        seen = _band(length, window, query.device) if window and window < length else None
        out = F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=seen,
            dropout_p=dropout,
            is_causal=seen is None,
            scale=scaling,
            enable_gqa=shared,
        )
        parts.append(out.transpose(1, 2).flatten(0, 1))
        start = end
    return torch.cat(parts)[None]


def _band(length: int, window: int, device: torch.device) -> Tensor:
    """(length, length), true where a token sees: itself and the `window - 1` tokens before it."""
    places = torch.arange(length, device=device)
    distance = places[:, None] - places
    return (distance >= 0) & (distance < window)
