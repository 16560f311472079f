"""A model's decoder layers, and how they are computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from transformers import PreTrainedModel

from alpaca_exp.errors import InputError


def layers_of(model: nn.Module) -> list[nn.Module]:
    """By the class that transformers says must not be cut apart; empty where it says nothing."""
    names = set(getattr(model, "_no_split_modules", None) or ())
    return [module for module in model.modules() if type(module).__name__ in names]


@contextmanager
def layers_that(model: PreTrainedModel, *, checkpoint: bool, compile: bool) -> Iterator[None]:
    """While inside: `checkpoint`, keep a layer's inputs alone for the backward pass; `compile`, in kernels.

    Layers are compiled one by one: they are alike, so one compilation serves all, and what is around
    them (packing, a head in chunks, the cut of FSDP) stays as it is.
    """
    if checkpoint:
        if not model.supports_gradient_checkpointing:
            raise InputError(
                f"{type(model).__name__} computes no layer twice; set trainer.gradient_checkpointing=false"
            )
        model.gradient_checkpointing_enable({"use_reentrant": False})  # type: ignore[no-untyped-call]
    compiled = layers_of(model) if compile else []
    for layer in compiled:
        layer.compile()
    try:
        yield
    finally:
        if checkpoint:
            model.gradient_checkpointing_disable()  # type: ignore[no-untyped-call]
        for layer in compiled:
            layer._compiled_call_impl = None
