"""Of a model's last layer only what is asked for: nothing reads what it makes of the other tokens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel


@contextmanager
def last_layer_at(model: PreTrainedModel, places: Tensor) -> Iterator[None]:
    """While inside, the last layer's feed-forward part is computed at these places of a single row.

    Elsewhere its result is nought. Does nothing where the architecture keeps no such part by itself.
    """
    part = _feed_forward(model)
    if part is None:
        yield
        return
    whole = part.forward

    def partly(hidden: Tensor, *given: Any, **more: Any) -> Any:
        some = whole(hidden[:, places], *given, **more)
        if not isinstance(some, Tensor):
            return whole(hidden, *given, **more)
        return hidden.new_zeros(hidden.shape).index_copy_(1, places, some)

    part.forward = partly
    try:
        yield
    finally:
        del part.forward


def _feed_forward(model: PreTrainedModel) -> nn.Module | None:
    """The `mlp` of the last of the model's layers, as most of transformers' architectures name it."""
    count = model.config.get_text_config().num_hidden_layers
    lists = (each for each in model.base_model.modules() if isinstance(each, nn.ModuleList))
    layers = next((each for each in lists if len(each) == count), None)
    part = getattr(layers[-1], "mlp", None) if layers is not None else None
    return part if isinstance(part, nn.Module) else None
