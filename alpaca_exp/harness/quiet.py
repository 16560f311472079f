"""lm-eval without its chatter, and without its traces in the process that calls it."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import logging
import random
import sys
import warnings
from collections.abc import Iterator

import datasets
import numpy as np
import torch
from lm_eval import utils
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
def put_off(module: str) -> Iterator[None]:
    """Meanwhile whoever imports `module` gets it unread: it is read at the first use of anything in it."""
    try:
        spec = None if module in sys.modules else importlib.util.find_spec(module)
    except ModuleNotFoundError:  # not installed: whoever imports it says so
        spec = None
    if spec is None or spec.loader is None:
        yield
        return
    spec.loader = importlib.util.LazyLoader(spec.loader)
    unread = importlib.util.module_from_spec(spec)
    sys.modules[module] = unread
    spec.loader.exec_module(unread)
    parent, _, name = module.rpartition(".")
    setattr(sys.modules[parent], name, unread)
    yield


@contextlib.contextmanager
def restored(model: object) -> Iterator[None]:
    """Afterwards the model's mode, if it is here, and all random states are what they were."""
    training = isinstance(model, torch.nn.Module) and model.training
    with seeded():
        try:
            yield
        finally:
            if isinstance(model, torch.nn.Module):
                model.train(training)


@contextlib.contextmanager
def seeded() -> Iterator[None]:
    """Random states are first what lm-eval's own command line sets, and afterwards what they were."""
    python, numpy = random.getstate(), np.random.get_state()
    begun: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    cuda = list(range(torch.cuda.device_count())) if begun else []  # before, it has no state
    with torch.random.fork_rng(devices=cuda):
        random.seed(0)
        np.random.seed(1234)
        torch.manual_seed(1234)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


def compile_templates_once() -> None:
    """From now on lm-eval keeps its templates: it would compile one for each text of each document."""
    if not isinstance(utils.env.from_string, functools._lru_cache_wrapper):
        utils.env.from_string = functools.lru_cache(maxsize=None)(utils.env.from_string)
