"""Whether attention of our own may take the place of a model's: its architecture decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from transformers import PreTrainedModel
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

VARIANTS = ("softcap", "s_aux", "position_bias", "head_mask")
"""Attention that is more than a softmax, as transformers names what it hands down: capped scores (Gemma 2),
sinks (gpt-oss), learnt distances."""
KNOWN_LAYERS = {"full_attention", "sliding_attention"}
OF_THE_BATCH = {"dynamic", "longrope"}
"""Rotations that depend on the longest sequence in the batch."""


@contextmanager
def replaced(model: PreTrainedModel, name: str, attend: Callable[..., Any]) -> Iterator[None]:
    """While inside, `attend` is the model's attention; transformers finds it under `name`."""
    ALL_ATTENTION_FUNCTIONS.register(name, attend)
    before = model.config._attn_implementation
    model.set_attn_implementation(name)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def replaceable(model: PreTrainedModel) -> bool:
    """Whether the model takes its attention from transformers' registry, and all of it is of a known kind.

    What only long sequences would show is asked of the configuration; the rest a trial has to show.
    """
    settable = getattr(type(model), "_can_set_attn_implementation", None)
    if settable is None or not settable():
        return False
    config = model.config.get_text_config()
    layers = set(getattr(config, "layer_types", None) or KNOWN_LAYERS)
    rotation = getattr(config, "rope_parameters", None) or {}
    kinds = {rotation.get("rope_type")} | {
        part.get("rope_type") for part in rotation.values() if isinstance(part, dict)
    }
    # Who can hand all it needs to a flash kernel, which takes no mask, hands it to another attention too.
    return bool(model._supports_flash_attn and layers <= KNOWN_LAYERS and not kinds & OF_THE_BATCH)


def refuse_variants(given: Mapping[str, Any]) -> None:
    """Raises TypeError where attention is more than a softmax: a small trial might not show it."""
    if known := [name for name in VARIANTS if given.get(name) is not None]:
        raise TypeError(f"this attention knows no {known[0]}")
