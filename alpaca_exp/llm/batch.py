"""Asking through the Batch API: hand in, leave or wait, collect; nothing is handed in twice.

The requests of a batch are journalled as `sent` before it goes out, and their answers as any others
when it is collected. The budget counts a batch with the most that it can cost until then.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from alpaca_exp.errors import AlpacaExpError, Stopped
from alpaca_exp.ledger import Ledger, price
from alpaca_exp.llm.attempts import most_usd, readable
from alpaca_exp.llm.batchlog import BatchLog, Submitted
from alpaca_exp.llm.journal import Journal
from alpaca_exp.llm.model import Request, Unanswered
from alpaca_exp.records import Completion, Row
from alpaca_exp.schemas import EndpointConfig, LanguageModelConfig

if TYPE_CHECKING:
    from alpaca_exp.llm.openai_batch import Batches

MOST_REQUESTS = 50_000
MOST_BYTES = 190_000_000
"""What OpenAI takes in one batch, with some room."""
FIRST_LOOK_S, LONGEST_LOOK_S = 1.0, 30.0
DONE = ("completed", "failed", "expired", "cancelled")


@dataclass(frozen=True)
class BatchAsker:
    """Everything that a batch needs, the same for all batches of a session."""

    config: LanguageModelConfig
    model: Batches
    group: str
    place: str
    """How far the stage is, as messages say it."""
    journal: Journal
    ledger: Ledger
    log: BatchLog

    async def ask(self, requests: Mapping[str, Request]) -> None:
        """Have each of `requests` answered in the journal.

        Raises Stopped where a batch is still under way (come back later), where requests stay
        unanswered, or where the budget is too small; InputError where a batch cannot help.
        """
        assert isinstance(self.config, EndpointConfig)
        fruitless = 0
        before = len(requests)
        while True:
            for batch in self.log.open():
                await self._collect(batch, requests)
            self.journal.refresh()
            left = {key: one for key, one in requests.items() if not self.journal.holds(key)}
            fruitless = fruitless + 1 if len(left) == before else 0
            before = len(left)
            if not left:
                return
            if fruitless > self.config.max_retries + 1:
                raise Stopped(
                    f"{self.config.model} left {len(left)} request(s) unanswered in {fruitless - 1} batches. "
                    "Every answer so far is kept: run the same command again to go on"
                )
            await self._submit(left)

    async def _submit(self, requests: Mapping[str, Request]) -> None:
        """Hand in as many of `requests`, from the first one on, as budget and server take."""
        lines, bound = [], 0.0
        size = 0
        chosen: dict[str, Request] = {}
        for key, request in requests.items():
            line = self.model.line(key, replace(request, model=self.config.model))
            usd = most_usd(self.config, request)
            full = len(chosen) >= MOST_REQUESTS or size + len(line) > MOST_BYTES
            if chosen and (full or not self.ledger.affords(bound + usd)):
                break
            lines.append(line)
            chosen[key], bound, size = request, bound + usd, size + len(line)
        reservation = await self.ledger.reserve(bound)
        await self.ledger.commit(reservation, bound)
        token = os.urandom(12).hex()
        self.log.submitting(token, list(chosen))
        for key, request in chosen.items():
            self.journal.sent(key, request, most_usd(self.config, request))
        try:
            file = await self.model.upload(b"".join(lines))
        except (AlpacaExpError, Unanswered) as error:
            await self._drop(token, chosen, str(error))
            raise self._stopped(error) from None
        try:
            self.log.submitted(token, await self.model.create(file, token))
        except Unanswered as error:
            if not error.lost:
                await self._drop(token, chosen, str(error))
            raise self._stopped(error) from None
        except AlpacaExpError as error:
            await self._drop(token, chosen, str(error))
            raise

    async def _collect(self, submitted: Submitted, requests: Mapping[str, Request]) -> None:
        """Wait for the batch as long as we may; note its answers in the journal."""
        try:
            number = submitted.batch or await self.model.find(submitted.token)
            if number is None:  # killed before it went out
                await self._drop(submitted.token, self._requests(submitted, requests), "never handed in")
                return
            if submitted.batch is None:
                self.log.submitted(submitted.token, number)
            batch = await self._finished(number)
            rows = await self.model.rows(batch)
        except Unanswered as error:
            raise self._stopped(error) from None
        problem = await self._note(rows, self._requests(submitted, requests))
        self.log.close(submitted.token, "collected")
        refused = self.model.problem(batch)
        if refused or problem:
            raise refused or problem  # type: ignore[misc]

    async def _finished(self, number: str) -> Any:
        assert isinstance(self.config, EndpointConfig)
        end, pause = time.monotonic() + self.config.batch_wait_s, FIRST_LOOK_S
        while (batch := await self.model.look(number)).status not in DONE:
            left = end - time.monotonic()
            if left <= 0:
                raise Stopped(_come_back(batch, self.place, self.group))
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_LOOK_S)
        return batch

    async def _note(self, rows: Mapping[str, Row], requests: Mapping[str, Request]) -> AlpacaExpError | None:
        """Journal what came for each request. Returns the first problem that asking again cannot help."""
        problem: AlpacaExpError | None = None
        kept = []
        for key, request in requests.items():
            try:
                kept.append(self._keep(key, request, readable(self.model.answer(request, rows.get(key)))))
            except (Unanswered, AlpacaExpError) as error:
                lost = isinstance(error, Unanswered) and error.lost
                usd = (self.journal.bound(key) or 0.0) if lost else 0.0
                await self._settle(key, usd)
                self.journal.failed(key, request, usd, str(error))
                problem = problem or (error if isinstance(error, AlpacaExpError) else None)
        await asyncio.gather(*kept)
        return problem

    async def _keep(self, key: str, request: Request, completion: Completion) -> None:
        usd = price(self.config, completion.usage.tokens_in, completion.usage.tokens_out)
        await self._settle(key, usd)
        await self.journal.answered(key, request, completion, usd)

    async def _settle(self, key: str, usd: float) -> None:
        await self.ledger.settle(self.journal.bound(key), usd)

    async def _drop(self, token: str, requests: Mapping[str, Request], why: str) -> None:
        for key, request in requests.items():
            await self._settle(key, 0.0)
            self.journal.failed(key, request, 0.0, why)
        self.log.close(token, "dropped")

    def _requests(self, submitted: Submitted, known: Mapping[str, Request]) -> dict[str, Request]:
        """The batch's requests that are still open: an earlier attempt may have noted some of them."""
        open_ = [key for key in submitted.keys if self.journal.bound(key) is not None]
        return {key: known.get(key) or self.journal.request(key) for key in open_}

    def _stopped(self, error: Exception) -> AlpacaExpError:
        if isinstance(error, AlpacaExpError):
            return error
        return Stopped(
            f"{self.config.model}'s server did not take or give a batch: {error}. Every answer so far is "
            "kept: run the same command again to go on"
        )


def _come_back(batch: Any, place: str, group: str) -> str:
    counts = batch.request_counts
    done = f", {counts.completed:,} of {counts.total:,} done" if counts and counts.total else ""
    end = batch.expires_at
    by = f" It ends by {datetime.fromtimestamp(end, UTC):%Y-%m-%d %H:%M} UTC at the latest." if end else ""
    return (
        f"{place}: the batch {batch.id} is {batch.status.replace('_', ' ')}{done}.{by} Run the same command "
        f"again then to collect it, or let it wait here: {group}.batch_wait_s=86400"
    )
