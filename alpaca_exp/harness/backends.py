"""Who scores the tasks: weights that are here, through transformers or vLLM, or a model behind a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError
from alpaca_exp.schemas import BaseModelConfig, EvalSuiteConfig, PretrainedModelConfig, RuntimeConfig


@dataclass(frozen=True)
class Scorer:
    """A model that lm-eval can score, and how what it consumes is counted."""

    lm: Any
    """What `scoring.score` takes."""
    counted: Callable[[str], AbstractContextManager[None]]
    """Reports what its block consumed (GPU time, or tokens and dollars) under the part's name."""
    note: Callable[[], str] = str
    """What stands behind the task's name on the progress bar: the money, if it costs any."""


@contextmanager
def open_model(
    weights: BaseModelConfig | None,
    model: Artifact | None,
    suite: EvalSuiteConfig,
    runtime: RuntimeConfig,
    out: Path,
) -> Iterator[Scorer]:
    """The weights that `model` holds or that `weights` names, ready to be scored for the stage at `out`.

    Raises InputError where there are none, or where they cannot be loaded.
    """
    yield _transformers(weights, model, suite, runtime, out)


def _transformers(
    weights: BaseModelConfig | None,
    model: Artifact | None,
    suite: EvalSuiteConfig,
    runtime: RuntimeConfig,
    out: Path,
) -> Scorer:
    from alpaca_exp.harness.scoring import FramedLM
    from alpaca_exp.llm.local import gpu_time, load

    path, options = _place(weights, model)
    local = load(path, runtime=runtime, **options)
    return Scorer(FramedLM(local, suite.batch_size), lambda part: gpu_time(local, out, part))


def _place(weights: BaseModelConfig | None, model: Artifact | None) -> tuple[str | Path, dict[str, Any]]:
    """Where the weights lie, and how they are loaded where the config says so."""
    if model is not None:
        return model / "model", {}
    if isinstance(weights, PretrainedModelConfig):
        return weights.path, {"dtype": weights.dtype, "revision": weights.revision}
    raise InputError("there is no model to evaluate: base_model names no weights, and no stage made any")
