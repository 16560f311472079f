"""The loss of a micro-batch: logits are made only where there is a label, some thousand at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from alpaca_exp.tuning.attention import replaceable
from alpaca_exp.tuning.data import MicroBatch, packed_batch, padded_batch
from alpaca_exp.tuning.head import summed_cross_entropy
from alpaca_exp.tuning.packing import packed_attention
from alpaca_exp.tuning.tokens import TokenRow

WORTH_CHUNKING = 2**21
"""Logits (labels x vocabulary) below which the plain way is as quick."""
TOLERANCE = {torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 3e-2}
"""How far, relative, two ways to the same loss may differ by rounding alone."""


@dataclass(frozen=True)
class Abilities:
    """What a model's architecture allows; both change no loss, only its cost."""

    packs: bool
    """Sequences may be laid end to end, since its attention can be told where each of them ends."""
    splits: bool
    """Its logits are the output embedding's product with its body's last hidden states, and no more."""


@contextmanager
def ready(model: PreTrainedModel, *, pack: bool) -> Iterator[Abilities]:
    """While inside, `model` can do what it is said to be able to; `pack` false: it need not pack.

    Tried out on a few tokens: an architecture that caps or scales its logits, or that carries a state
    from one token to the next, is found out and does it the plain way.
    """
    # A head with an adapter is more than its weight, and shows it only once it has learnt.
    plain = isinstance(model.get_output_embeddings(), nn.Linear)  # type: ignore[no-untyped-call]
    splits = plain and _agrees(model, Abilities(packs=False, splits=True))
    if not pack or not replaceable(model):
        yield Abilities(packs=False, splits=splits)
        return
    with packed_attention(model):
        packs = _agrees(model, Abilities(packs=True, splits=splits), packed_batch)
        if packs:
            yield Abilities(packs=True, splits=splits)
    if not packs:
        yield Abilities(packs=False, splits=splits)


def summed_loss(model: PreTrainedModel, batch: MicroBatch, splits: bool = True) -> Tensor:
    """The sum of the label tokens' cross entropy, in nats.

    `splits`: the logits of other positions are never made, and those of labels not all at once.
    """
    given: dict[str, Any] = {"input_ids": batch.input_ids, "use_cache": False}
    if batch.ends is not None:
        given |= {
            "position_ids": batch.position_ids,
            "cu_seq_lens_q": batch.ends,
            "cu_seq_lens_k": batch.ends,
            "max_length_q": batch.longest,
            "max_length_k": batch.longest,
        }
    if not splits:
        logits = model(**given).logits.flatten(0, 1)[batch.places]
        return F.cross_entropy(logits.float(), batch.labels, reduction="sum")
    hidden = model.base_model(**given).last_hidden_state.flatten(0, 1)[batch.places]
    head: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return _linear_cross_entropy(hidden, head, batch.labels)


def _linear_cross_entropy(hidden: Tensor, head: nn.Linear, labels: Tensor) -> Tensor:
    """Of (labels, width) hidden states; a chunk's gradients are made with its logits, which are then gone."""
    if len(labels) * len(head.weight) < WORTH_CHUNKING:
        return F.cross_entropy(head(hidden).float(), labels, reduction="sum")
    bias = None if head.bias is None else _as_autocast(head.bias)
    return summed_cross_entropy(_as_autocast(hidden), _as_autocast(head.weight), labels, bias)


def _as_autocast(tensor: Tensor) -> Tensor:
    """In the number format of a mixed-precision product, which knows nothing of this one."""
    device = tensor.device.type
    return tensor.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else tensor


def _agrees(
    model: PreTrainedModel,
    abilities: Abilities,
    batch_of: Callable[[Sequence[TokenRow]], MicroBatch] = padded_batch,
) -> bool:
    """Whether two short sequences have the loss that the model's own forward pass gives to each alone."""
    vocabulary = min(len(model.get_input_embeddings().weight), 1000)  # type: ignore[arg-type]
    rows = [TokenRow((np.arange(1, end) * 7 % vocabulary).astype(np.int32), 2) for end in (9, 5)]
    was_training = model.training
    model.train(False)
    try:
        with torch.no_grad():
            plain = torch.stack([summed_loss(model, _on(model, padded_batch([row])), False) for row in rows])
            ours = summed_loss(model, _on(model, batch_of(rows)), abilities.splits)
    except (TypeError, AttributeError, RuntimeError, ValueError):
        return False  # it has no such body, head or argument
    finally:
        model.train(was_training)
    return bool(torch.isclose(ours, plain.sum(), rtol=TOLERANCE[model.dtype], atol=0))


def _on(model: PreTrainedModel, batch: MicroBatch) -> MicroBatch:
    moved: Any = (part.to(model.device) if isinstance(part, Tensor) else part for part in batch)
    return MicroBatch(*moved)
