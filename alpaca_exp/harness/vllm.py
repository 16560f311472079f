"""Weights that are here, scored by lm-eval's own class for vLLM: needs that package and a GPU."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from alpaca_exp.errors import InputError
from alpaca_exp.harness.framed import Framed
from alpaca_exp.harness.quiet import muted
from alpaca_exp.ledger import report
from alpaca_exp.prefetched import snapshot
from alpaca_exp.records import Usage
from alpaca_exp.schemas import RuntimeConfig

try:
    from lm_eval.models.vllm_causallms import VLLM
except ModuleNotFoundError as error:
    raise InputError(
        f"eval_suite.backend=vllm needs a package that is not installed ({error.name}); install vllm, or set "
        "eval_suite.backend=transformers"
    ) from None


HANDED_OVER = 1024
"""Requests that vLLM schedules as it likes, between two looks at the progress; "auto" would draw its bars."""


class FramedVLLM(Framed, VLLM):  # type: ignore[misc]
    """lm-eval's own vLLM model, with Alpaca's frame in the place of a chat template.

    Tokens and truncation are lm-eval's.
    """

    def __init__(
        self, path: str | Path, runtime: RuntimeConfig, dtype: str = "auto", revision: str | None = None
    ) -> None:
        place = snapshot(str(path), revision) or Path(path).expanduser()
        told = {} if place.is_dir() else {"revision": revision, "tokenizer_revision": revision}
        with muted():
            super().__init__(
                pretrained=str(place) if place.is_dir() else str(path),
                dtype=dtype,
                **told,
                tensor_parallel_size=_devices(runtime),
                batch_size=HANDED_OVER,
            )
        self.watch()

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        """For each (context, continuation): its log-probability, and whether it is the greedy one."""
        self.meter.requests = len(requests)
        answers: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm=True)
        return answers

    def _loglikelihood_tokens(self, requests: list[Any], disable_tqdm: bool = True) -> list[Any]:
        """The requests, each a key, a context's and a continuation's tokens."""
        limit = self.max_length - 1  # vLLM always writes one token
        self.truncated |= {key for key, begin, end in requests if key and len(begin) + len(end) > limit}
        answers: list[Any] = super()._loglikelihood_tokens(requests, disable_tqdm=True)
        return answers

    def generate_until(self, requests: list[Any], disable_tqdm: bool = True) -> list[str]:
        """For each (context, settings): the text written until a stop sequence."""
        self.meter.requests = len(requests)
        answers: list[str] = super().generate_until(requests, disable_tqdm=True)
        return answers


@contextmanager
def gpu_time(lm: FramedVLLM, out: Path, part: str) -> Iterator[None]:
    """Reports the time until the block's end, on all its devices, as GPU time of the stage at `out`."""
    start = time.monotonic()
    yield
    hours = (time.monotonic() - start) * lm.tensor_parallel_size / 3600
    report(out, Usage(gpu_hours=hours), part)


def _devices(runtime: RuntimeConfig) -> int:
    return max(1, torch.cuda.device_count()) if runtime.devices == "auto" else int(runtime.devices)
