"""Out of memory: said in a sentence, with what to turn down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from alpaca_exp.errors import InputError

SAID = ("not enough memory", "can't allocate memory", "CUDA out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""What libraries say that have no exception of their own for it."""
REMEDIES = {
    "trainer": "lower trainer.micro_batch_size, then set trainer.gradient_checkpointing=true, then choose "
    "trainer=lora, then cut the model among more devices with runtime.devices=N runtime.strategy=fsdp",
    "base_model": "lower base_model.batch_size or base_model.block_size, or take more devices with "
    "runtime.devices=N runtime.strategy=fsdp",
}
"""What to turn down, by the group that is at work; the first costs the least."""


@contextmanager
def memory_named(group: str) -> Iterator[None]:
    """Raise InputError, which says what to do, where the memory of the machine or of a device gives out."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
        if not known and not any(words in str(error) for words in SAID):
            raise
        raise InputError(f"The training needs more memory than there is; {REMEDIES[group]}") from error
