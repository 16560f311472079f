"""A model whose weights are here: questions that are asked at once are answered in one batch."""

from __future__ import annotations

import asyncio
import sys

from alpaca_exp.llm.local import Answer, LocalModel, answer, answerable, load
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Completion, Usage
from alpaca_exp.schemas import (
    Endpoint,
    RuntimeConfig,
    TransformersCriticConfig,
    TransformersRaterConfig,
    TransformersTeacherConfig,
)

Checkpoint = TransformersTeacherConfig | TransformersCriticConfig | TransformersRaterConfig

_SHOW_LESS = {"teacher": "show it less (lower teacher.num_demonstrations), or "}

GATHER_S = 0.005
"""How long a batch waits for those who have just noted their last answer and ask anew."""

Waiting = tuple[Request, "asyncio.Future[Answer]"]


class TransformersModel:
    """A checkpoint, loaded when it is first asked. Raises InputError where it cannot be."""

    def __init__(self, config: Checkpoint, runtime: RuntimeConfig) -> None:
        self._config, self._runtime = config, runtime
        self._local: LocalModel | None = None
        self._waiting: list[Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._asked = self._too_long = 0

    async def complete(self, request: Request) -> Completion:
        """The answer; empty, with the reason `length`, where the prompt alone fills the context."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((request, told))
        if self._writer is None:
            self._writer = loop.create_task(self._write())
        got = await told
        usage = Usage(1, got.tokens_in, got.tokens_out)
        return Completion(request.prompt, got.text, self._config.model, got.finish_reason, usage)

    async def close(self) -> None:
        """Forget the weights; say how many prompts did not fit."""
        if self._too_long and self._local:
            print(
                f"{self._config.model}: {self._too_long} of {self._asked} prompts do not fit into its "
                f"context of {self._local.context} tokens and got no answer; "
                f"{_SHOW_LESS.get(self._config.group, '')}take a model with a longer context",
                file=sys.stderr,
            )
        self._local = None

    async def _write(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(GATHER_S)
                batch, self._waiting = _first_batch(self._waiting, self._config.batch_size)
                await self._answer(batch)
        finally:
            self._writer = None

    async def _answer(self, batch: list[Waiting]) -> None:
        try:
            answers = await asyncio.to_thread(self._answers, [request for request, _ in batch])
        except BaseException as error:
            for _, told in batch:
                if not told.done():
                    told.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for (_, told), got in zip(batch, answers, strict=True):
            if not told.done():
                told.set_result(got)

    def _answers(self, requests: list[Request]) -> list[Answer]:
        """One answer each. The requests agree in all but prompt, system and seed."""
        if self._local is None:
            config = self._config
            self._local = load(
                config.path, runtime=self._runtime, dtype=config.dtype, revision=config.revision,
                field=f"{config.group}.path",
            )  # fmt: skip
        local, like = self._local, requests[0]
        shown = [_shown(local, request, self._config) for request in requests]
        fits = [index for index, text in enumerate(shown) if answerable(local, text)]
        answers = [Answer("", "length", 0, 0)] * len(requests)
        self._asked += len(requests)
        self._too_long += len(requests) - len(fits)
        if fits:
            found = answer(
                local,
                [shown[index] for index in fits],
                max_tokens=like.max_tokens,
                temperature=like.temperature,
                top_p=like.top_p,
                stop=like.stop,
                seeds=[_seed(requests[index]) for index in fits],
            )
            for index, got in zip(fits, found, strict=True):
                answers[index] = got
        return answers


def _first_batch(waiting: list[Waiting], size: int) -> tuple[list[Waiting], list[Waiting]]:
    """The first ones that can be written together, and the rest."""
    first = _manner(waiting[0][0])
    alike = [entry for entry in waiting if _manner(entry[0]) == first][:size]
    taken = {id(entry) for entry in alike}
    return alike, [entry for entry in waiting if id(entry) not in taken]


def _manner(request: Request) -> tuple[object, ...]:
    return request.max_tokens, request.temperature, request.top_p, request.stop


def _shown(local: LocalModel, request: Request, config: Checkpoint) -> str:
    if config.endpoint is Endpoint.completions:
        return f"{request.system}\n\n{request.prompt}" if request.system else request.prompt
    return local.chat(request.prompt, request.system)


def _seed(request: Request) -> int:
    """The request's own chance: samples of one question differ."""
    return int(request.key[:14], 16)
