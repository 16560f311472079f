"""Who scores the tasks: weights that are here, through transformers or vLLM, or a model behind a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError
from alpaca_exp.schemas import (
    ApiModelConfig,
    Backend,
    BaseModelConfig,
    EvalSuiteConfig,
    PretrainedModelConfig,
    RuntimeConfig,
)

if TYPE_CHECKING:
    from lm_eval.api.task import Task


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
    match weights:
        case ApiModelConfig() if model is None:
            yield _server(weights, runtime, out)
        case _ if suite.backend is Backend.vllm:
            yield _vllm(weights, model, runtime, out)
        case _:
            yield _transformers(weights, model, suite, runtime, out)


def suited(tasks: Mapping[str, Task], weights: BaseModelConfig | None) -> dict[str, Task]:
    """The tasks as the model can do them: choices by letter where a server tells no log-probabilities."""
    if isinstance(weights, ApiModelConfig) and not weights.by_loglikelihood:
        from alpaca_exp.harness.lettered import lettered

        return lettered(tasks)
    return dict(tasks)


def _transformers(
    weights: BaseModelConfig | None,
    model: Artifact | None,
    suite: EvalSuiteConfig,
    runtime: RuntimeConfig,
    out: Path,
) -> Scorer:
    from alpaca_exp.harness.lm import FramedLM
    from alpaca_exp.llm.local import gpu_time, load

    path, options = _place(weights, model)
    local = load(path, runtime=runtime, **options)
    return Scorer(FramedLM(local, suite.batch_size), lambda part: gpu_time(local, out, part))


def _vllm(
    weights: BaseModelConfig | None, model: Artifact | None, runtime: RuntimeConfig, out: Path
) -> Scorer:
    from alpaca_exp.harness.vllm import FramedVLLM, gpu_time

    path, options = _place(weights, model)
    lm = FramedVLLM(path, runtime, **options)
    return Scorer(lm, lambda part: gpu_time(lm, out, part))


def _server(config: ApiModelConfig, runtime: RuntimeConfig, out: Path) -> Scorer:
    from alpaca_exp.harness.api import ApiLM, conversation
    from alpaca_exp.harness.probing import probe
    from alpaca_exp.harness.tokenizer import tokenizer_of

    tokenizer = tokenizer_of(config, runtime)
    lm, tried = ApiLM(config, tokenizer), ApiLM(replace(config, batch=False), tokenizer)
    if config.by_loglikelihood:  # at once: nobody waits a day for a dozen requests
        with conversation(tried, runtime, out, "evaluate probe"):
            probe(tried)
        lm.surplus = tried.surplus
    return Scorer(lm, lambda part: conversation(lm, runtime, out, part), lm.dollars)


def _place(weights: BaseModelConfig | None, model: Artifact | None) -> tuple[str | Path, dict[str, Any]]:
    """Where the weights lie, and how they are loaded where the config says so."""
    if model is not None:
        return model / "model", {}
    if isinstance(weights, PretrainedModelConfig):
        return weights.path, {"dtype": weights.dtype, "revision": weights.revision}
    raise InputError("there is no model to evaluate: base_model names no weights, and no stage made any")
