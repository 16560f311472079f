"""Keeping Lightning's and transformers' talk off the terminal, and nothing else."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging as transformers_logging

TALKERS = (
    "pytorch_lightning",
    "pytorch_lightning.utilities.rank_zero",
    "lightning_fabric",
    "transformers",
    "huggingface_hub",
)
"""Loggers that report devices, tips and loading: for an application's author, not for its user."""
REMARKS = (
    r"GPU available but not used",
    r"The `srun` command is available",
    r"torch.distributed is disabled, unavailable or uninitialized",
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    r"`is_gradient_checkpointing` is deprecated",
    r"fan_in_fan_out is set to",
)


@contextmanager
def quiet() -> Iterator[None]:
    """Errors come through; notes on hardware, tips and progress bars of libraries do not."""
    levels = {name: logging.getLogger(name).level for name in TALKERS}
    bars = transformers_logging.is_progress_bar_enabled()
    for name in TALKERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings():
            for remark in REMARKS:
                warnings.filterwarnings("ignore", remark)
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
