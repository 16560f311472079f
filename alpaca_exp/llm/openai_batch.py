"""The Batch API of an OpenAI-compatible server: `/v1/files` and `/v1/batches`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from openai.types import Batch
from openai.types import Completion as LegacyCompletion
from openai.types.chat import ChatCompletion

from alpaca_exp.errors import AlpacaExpError, InputError, Stopped
from alpaca_exp.llm.model import Request, Unanswered
from alpaca_exp.llm.openai import REJECTED_PROMPTS, OpenAIModel
from alpaca_exp.records import Completion, Row
from alpaca_exp.schemas import Endpoint

MARK = "alpaca_exp"
"""Under this name a batch carries its token."""
LATER = ("token_limit_exceeded", "rate_limit_exceeded", "batch_limit_exceeded")
"""Codes of a refused batch that a later one need not meet."""


class Batches:
    """One model's batches. Its methods raise what `OpenAIModel.complete` raises."""

    def __init__(self, model: OpenAIModel, endpoint: Endpoint) -> None:
        self._model, self._client = model, model.client.with_options(max_retries=2)
        self._chat = endpoint is Endpoint.chat
        self._endpoint: Any = "/v1/chat/completions" if self._chat else "/v1/completions"

    def line(self, key: str, request: Request) -> bytes:
        """A request as a line of the file that is handed in."""
        row = {"custom_id": key, "method": "POST", "url": self._endpoint}
        body = self._model.arguments(request)
        return json.dumps({**row, "body": body}, ensure_ascii=False).encode("utf-8", "replace") + b"\n"

    async def upload(self, lines: bytes) -> str:
        """The number of the file at the server."""
        with self._model.translated():
            file = await self._client.files.create(file=("requests.jsonl", lines), purpose="batch")
        return str(file.id)

    async def create(self, file: str, token: str) -> str:
        """Hand in the file; returns the batch's number. Once only: a repeated batch would be billed twice."""
        with self._model.translated():
            batch = await self._client.with_options(max_retries=0).batches.create(
                input_file_id=file, endpoint=self._endpoint, completion_window="24h", metadata={MARK: token}
            )
        return str(batch.id)

    async def find(self, token: str) -> str | None:
        """The number of the batch that carries `token`; None where the server knows none."""
        with self._model.translated():
            async for batch in self._client.batches.list(limit=100):
                if (batch.metadata or {}).get(MARK) == token:
                    return str(batch.id)
        return None

    async def look(self, number: str) -> Batch:
        """How far the batch is."""
        with self._model.translated():
            return await self._client.batches.retrieve(number)

    async def rows(self, batch: Batch) -> dict[str, Row]:
        """What came of each request, by its key; lines that cannot be read are left out."""
        found: dict[str, Row] = {}
        for file in filter(None, (batch.error_file_id, batch.output_file_id)):
            with self._model.translated():
                content = (await self._client.files.content(file)).content
            for line in content.split(b"\n"):
                try:
                    row = json.loads(line)
                    found[str(row["custom_id"])] = row
                except (ValueError, KeyError, TypeError):
                    continue
        return found

    def answer(self, request: Request, row: Mapping[str, Any] | None) -> Completion:
        """The completion in a row."""
        response = (row or {}).get("response") or {}
        status, body = response.get("status_code"), response.get("body")
        if not isinstance(status, int):
            raise Unanswered(f"the batch brought no answer: {self._model.safe((row or {}).get('error'))}")
        if status == 200 and isinstance(body, dict):
            kind = ChatCompletion if self._chat else LegacyCompletion
            return self._model.read(request, kind.construct(**body))
        told = body.get("error") if isinstance(body, dict) else None
        error: Mapping[str, Any] = told if isinstance(told, dict) else {"message": body}
        code, message = str(error.get("code") or ""), str(error.get("message") or "")
        if status == 400 and code in REJECTED_PROMPTS:
            return self._model.rejected(request, code)
        if self._model.wants_other_limit(message) or self._model.has_no_logprobs(request, message):
            raise Unanswered(message)
        raise self._model.refusal(status, code, message, {})

    def problem(self, batch: Batch) -> AlpacaExpError | None:
        """Why the server refused the whole batch, if it did."""
        if batch.status != "failed":
            return None
        errors = (batch.errors.data if batch.errors else None) or []
        said = self._model.safe(
            "; ".join(f"{one.code}: {one.message}" for one in errors) or "no reason given"
        )
        if any(one.code in LATER for one in errors):
            return Stopped(
                f"The batch {batch.id} was refused for now: {said}. Every answer so far is kept: run the "
                "same command again later to go on"
            )
        return InputError(
            f"The batch {batch.id} was refused: {said}; check the model's name and whether it takes batches, "
            "or ask it directly with batch=false"
        )
