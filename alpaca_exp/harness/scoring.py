"""The model as lm-eval sees it, and one task scored with it."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from lm_eval.api.task import Task
from lm_eval.evaluator import evaluate
from lm_eval.models.huggingface import HFLM

from alpaca_exp import prompts
from alpaca_exp.errors import InputError
from alpaca_exp.harness.quiet import muted, quiet, restored
from alpaca_exp.llm.local import LocalModel
from alpaca_exp.schemas import EvalSuiteConfig, Frame, TaskFrame

Advance = Callable[[int], None]
END_OF_FRAME = prompts.framed(Frame.alpaca, "")[-len("### Response:") :]


class FramedLM(HFLM):  # type: ignore[misc]
    """lm-eval's own Hugging Face model, with Alpaca's frame in the place of a chat template.

    Tells `meter` of its progress instead of drawing bars.
    """

    tokenizer_name = "alpaca"
    """Where HFLM names its chat template for lm-eval's cache of prompts, which is not used here."""

    def __init__(self, local: LocalModel, batch_size: int) -> None:
        with muted():
            super().__init__(pretrained=local.model, tokenizer=local.tokenizer, batch_size=batch_size)
        self.meter = Meter(0, lambda count: None)
        self.truncated = 0
        """Requests of the latest task whose beginning was cut off to fit into the model's context."""
        self.set_cache_hook(self)

    def add_partial(self, method: str, request: object, answer: object) -> None:
        """lm-eval hands every answer to its cache hook: the place to count them."""
        self.meter.count()

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """The conversation as one instruction in the frame; a beginning of the answer follows it.

        A task that frames its own instructions keeps them as they are.
        """
        asked = "\n\n".join(turn["content"] for turn in chat_history if turn["role"] != "assistant")
        begun = "".join(turn["content"] for turn in chat_history if turn["role"] == "assistant")
        return (asked if asked.endswith(END_OF_FRAME) else prompts.framed(Frame.alpaca, asked)) + begun

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        """For each (context, continuation): its log-probability, and whether it is the greedy one."""
        self.meter.requests = len(requests)
        answers: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm=True)
        return answers

    def _loglikelihood_tokens(self, requests: list[Any], *given: Any, **options: Any) -> list[Any]:
        """The requests, each a key, a context's and a continuation's tokens, once they are known to fit."""
        longest = max((len(continuation) for _, _, continuation in requests), default=0)
        if longest > self.max_length:
            raise InputError(
                f"a choice of the task is {longest} tokens long, but the model reads {self.max_length}; take "
                "a model with a longer context, or leave the task out of eval_suite.tasks"
            )
        self.truncated = sum(len(begin) + len(end) > self.max_length + 1 for _, begin, end in requests)
        answers: list[Any] = super()._loglikelihood_tokens(requests, *given, **options)
        return answers

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = True) -> list[float]:
        """For each text: its log-probability."""
        self.meter.requests = len(requests)
        answers: list[float] = super().loglikelihood_rolling(requests, disable_tqdm=True)
        return answers

    def generate_until(self, requests: list[Any], disable_tqdm: bool = True) -> list[str]:
        """For each (context, settings): the text written until a stop sequence."""
        self.meter.requests = len(requests)
        answers: list[str] = super().generate_until(requests, disable_tqdm=True)
        return answers


class Meter:
    """Turns answered requests into finished documents, whatever their order."""

    def __init__(self, documents: int, advance: Advance) -> None:
        self.requests = 0
        self._documents, self._advance = documents, advance
        self._answered = self._told = 0

    def count(self) -> None:
        """One more request is answered."""
        self._answered += 1
        self._tell(min(self._documents, self._documents * self._answered // max(1, self.requests)))

    def finish(self) -> None:
        """The task is done."""
        self._tell(self._documents)

    def _tell(self, done: int) -> None:
        if done > self._told:
            self._advance(done - self._told)
            self._told = done


def score(lm: FramedLM, name: str, task: Task, suite: EvalSuiteConfig, advance: Advance) -> dict[str, Any]:
    """lm-eval's results of one task (its `EvalResults`), with every document's sample.

    `advance` is told of finished documents. The model's mode and all random states are afterwards what
    they were; meanwhile they are seeded as lm-eval's own command line does.
    """
    lm.truncated = 0
    lm.meter = Meter(num_documents(task, suite.limit), advance)
    with quiet(), restored(lm.model), _built_in_silence(task):
        random.seed(0)
        np.random.seed(1234)
        torch.manual_seed(1234)
        results: dict[str, Any] = evaluate(
            lm,
            {"tasks": {name: task}},
            limit=suite.limit,
            bootstrap_iters=0,
            log_samples=True,
            apply_chat_template=suite.frame is TaskFrame.alpaca,
            fewshot_as_multiturn=False,
        )
    lm.meter.finish()
    return results


def num_documents(task: Task, limit: int | None) -> int:
    """How many documents of the task are scored."""
    count = len(task.task_docs)
    return count if limit is None else min(count, limit)


@contextlib.contextmanager
def _built_in_silence(task: Task) -> Iterator[None]:
    """lm-eval draws a bar while it builds a task's requests, and offers no way to turn it off."""
    build = task.build_all_requests

    def silently(**options: Any) -> None:
        with muted():
            build(**options)

    task.build_all_requests = silently
    try:
        yield
    finally:
        del task.build_all_requests
