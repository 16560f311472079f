"""A model whose weights are here: what is asked while answers are being written joins them."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack

from alpaca_exp.llm.local import LocalModel, load
from alpaca_exp.llm.model import Request
from alpaca_exp.llm.writing import Answer, Task, Writer, writer
from alpaca_exp.records import Completion, Usage
from alpaca_exp.schemas import (
    Endpoint,
    RuntimeConfig,
    TransformersCriticConfig,
    TransformersJudgeConfig,
    TransformersRaterConfig,
    TransformersTeacherConfig,
)

Checkpoint = (
    TransformersTeacherConfig | TransformersCriticConfig | TransformersRaterConfig | TransformersJudgeConfig
)

_SHOW_LESS = {"teacher": "show it less (lower teacher.num_demonstrations), or "}

GATHER_S = 0.005
"""How long the first question waits for others that are asked at once."""

Asked = tuple[Request, "asyncio.Future[Answer]"]


class TransformersModel:
    """A checkpoint, loaded when it is first asked. Raises InputError where it cannot be."""

    def __init__(self, config: Checkpoint, runtime: RuntimeConfig) -> None:
        self._config, self._runtime = config, runtime
        self._local: LocalModel | None = None
        self._writer: Writer | None = None
        self._kept = ExitStack()
        self._new: list[Asked] = []
        self._told: dict[int, asyncio.Future[Answer]] = {}
        self._writing: asyncio.Task[None] | None = None
        self._asked = self._too_long = 0

    async def complete(self, request: Request) -> Completion:
        """The answer; empty, with the reason `length`, where the prompt alone fills the context."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Answer] = loop.create_future()
        self._new.append((request, told))
        if self._writing is None:
            self._writing = loop.create_task(self._write())
        got = await told
        usage = Usage(1, got.tokens_in, got.tokens_out)
        text, config = got.text.strip(), self._config
        revision = config.revision or ""
        top = got.top_logprobs
        return Completion(request.prompt, text, config.model, got.finish_reason, usage, revision, top)

    async def close(self) -> None:
        """Forget the weights; say how many prompts did not fit."""
        if self._too_long and self._local:
            print(
                f"{self._config.model}: {self._too_long} of {self._asked} prompts do not fit into its "
                f"context of {self._local.context} tokens and got no answer; "
                f"{_SHOW_LESS.get(self._config.group, '')}take a model with a longer context",
                file=sys.stderr,
            )
        self._kept.close()
        self._local = self._writer = None

    async def _write(self) -> None:
        """Until nothing is asked any more."""
        try:
            await asyncio.sleep(GATHER_S)
            while self._new or self._told:
                for number, answer in await asyncio.to_thread(self._some):
                    self._tell(number, answer)
                await asyncio.sleep(0)  # who has got an answer may ask at once, and joins
        except BaseException as error:
            self._fail(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._writing = None

    def _some(self) -> list[tuple[int, Answer]]:
        """Write until an answer has ended or a question is new; the answers that have ended."""
        ended = self._begin()
        while not ended and not self._new and self._writer and self._writer.busy:
            ended = self._writer.step()
        return ended

    def _begin(self) -> list[tuple[int, Answer]]:
        """Hand on what is new; the empty answers to prompts that do not fit."""
        config = self._config
        if self._local is None or self._writer is None:
            self._local = load(
                config.path, runtime=self._runtime, dtype=config.dtype, revision=config.revision,
                field=f"{config.group}.path",
            )  # fmt: skip
            self._writer = self._kept.enter_context(writer(self._local, config.batch_size))
        refused = []
        while self._new:
            request, told = self._new.pop(0)
            self._asked += 1
            self._told[self._asked] = told
            task = _task(self._local, request, config)
            if len(task.prompt) < self._local.context:
                self._writer.add(self._asked, task)
            else:
                self._too_long += 1
                refused.append((self._asked, Answer("", "length", 0, 0)))
        return refused

    def _tell(self, number: int, answer: Answer) -> None:
        told = self._told.pop(number)
        if not told.done():  # who asked may have gone
            told.set_result(answer)

    def _fail(self, error: BaseException) -> None:
        """Nothing is left of what was being written."""
        for told in [*self._told.values(), *(told for _, told in self._new)]:
            if not told.done():
                told.set_exception(error)
        self._told.clear()
        self._new.clear()
        self._kept.close()
        self._writer = None


def _task(local: LocalModel, request: Request, config: Checkpoint) -> Task:
    return Task(
        local.encode(_shown(local, request, config)),
        request.max_tokens,
        request.stop,
        request.temperature,
        request.top_p,
        _seed(request),
        request.top_logprobs,
        request.choices,
    )


def _shown(local: LocalModel, request: Request, config: Checkpoint) -> str:
    if config.endpoint is Endpoint.completions:
        return f"{request.system}\n\n{request.prompt}" if request.system else request.prompt
    return local.chat(request.prompt, request.system, config.group)


def _seed(request: Request) -> int:
    """The request's own chance: samples of one question differ."""
    return int(request.key[:14], 16)
