"""lm-eval without its chatter, and without its traces in the process that calls it."""

from __future__ import annotations

import contextlib
import io
import logging
import random
import warnings
from collections.abc import Iterator

import datasets
import numpy as np
import torch
from transformers.utils import logging as transformers_logging

LOGGERS = ("lm_eval", "datasets", "huggingface_hub", "evaluate", "absl")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No log lines, no warnings and no bars of the libraries."""
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    verbosity = transformers_logging.get_verbosity()
    bars = not datasets.are_progress_bars_disabled()
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    transformers_logging.set_verbosity(logging.ERROR)
    datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        transformers_logging.set_verbosity(verbosity)
        if bars:
            datasets.enable_progress_bars()


@contextlib.contextmanager
def muted() -> Iterator[None]:
    """Nothing at all on stdout and stderr: for calls that print or draw bars whatever one sets."""
    silence = io.StringIO()
    with quiet(), contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
        yield


@contextlib.contextmanager
def restored(model: torch.nn.Module) -> Iterator[None]:
    """Afterwards the model's mode and all random states are what they were."""
    training = model.training
    python, numpy = random.getstate(), np.random.get_state()
    cuda = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=cuda):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
            model.train(training)
