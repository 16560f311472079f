"""Asking until there is an answer: which attempt is noted, paid, repeated, or the last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from alpaca_exp.errors import AlpacaExpError, Stopped
from alpaca_exp.ledger import Ledger, price
from alpaca_exp.llm.journal import Journal
from alpaca_exp.llm.model import LanguageModel, Request, Unanswered
from alpaca_exp.llm.pace import LONGEST_NAP_S, Pace
from alpaca_exp.records import Completion
from alpaca_exp.schemas import EndpointConfig, LanguageModelConfig, TeacherConfig

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0
_JITTER = Random()
ENDLESS = 10**9
"""Retries where only the deadline and the budget end them."""
FRAME_TOKENS = 64
"""At least what a chat template adds to a prompt."""


@dataclass(frozen=True)
class Patience:
    """How often and how long one request is repeated."""

    retries: int
    deadline_s: float
    """For all attempts and pauses of one request, not counting what our own pace makes it wait."""
    longest_pause_s: float
    """Also of the pauses that a server asks for: `Retry-After: 90` must not stall for ever."""

    @classmethod
    def of(cls, config: LanguageModelConfig) -> Patience:
        """A server's patience is configured; a model that lives here is asked once."""
        if not isinstance(config, EndpointConfig):
            return cls(0, 0.0, 0.0)
        attempts = config.max_retries + 1
        longest = min(LONGEST_PAUSE_S, config.timeout_s)
        retries = ENDLESS if repeats_everything(config) else most_retries(config)
        return cls(retries, attempts * config.timeout_s, longest)


@dataclass(frozen=True, slots=True)
class Turn:
    """What was put aside for one attempt: its reservation, and the most dollars and tokens it can take."""

    reservation: int
    usd: float
    tokens: int


@dataclass(frozen=True)
class Asker:
    """Everything that an attempt needs, the same for all requests of a session."""

    config: LanguageModelConfig
    model: LanguageModel
    journal: Journal
    ledger: Ledger
    pace: Pace
    ending: Callable[[], bool]
    """Whether the session is about to end, so that nothing goes out any more."""
    under_way: dict[str, float] = field(default_factory=dict)
    """What each request that the model has now can cost at most, by its key."""

    async def answer(self, key: str, request: Request) -> Completion:
        """The answer to `request`, journalled under `key`, its usage with its price.

        Raises BudgetReached before an attempt that could cost too much, Stopped where the attempts
        are used up, and what the model raises where asking again cannot help.
        """
        patience = Patience.of(self.config)
        left = patience.deadline_s
        for attempt in range(patience.retries + 1):
            turn = await self._turn(request)
            start = time.monotonic()
            try:
                return await self._attempt(key, request, turn, attempt)
            except Unanswered as error:
                pause = min(error.after_s or _backoff(attempt), patience.longest_pause_s)
                left -= time.monotonic() - start + pause
                if attempt == patience.retries or left < 0 or self.ending():
                    raise self._gave_up(attempt + 1, error) from None
                if error.after_s:
                    self.pace.hold(pause)  # one pause for everybody, not one for each who is refused
                else:
                    await self._pause(pause)
        raise AssertionError("the last attempt returns or raises")

    async def _turn(self, request: Request) -> Turn:
        """Wait until the budget and the pace let the request go out."""
        tokens = most_tokens_in(request) + request.max_tokens
        bound = most_usd(self.config, request)
        reservation = await self.ledger.reserve(bound)
        if self.ending() or not await self.pace.admit(tokens, self.ending):
            await self.ledger.commit(reservation, 0.0)
            raise Stopped("the work ended before this request went out")
        return Turn(reservation, bound, tokens)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the session's end."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.ending():
            await asyncio.sleep(min(left, LONGEST_NAP_S))

    async def _attempt(self, key: str, request: Request, turn: Turn, number: int) -> Completion:
        reservation, bound = turn.reservation, turn.usd
        stubborn = repeats_everything(self.config)
        self.journal.sent(key, request, bound)
        self.under_way[key] = bound
        try:
            completion = readable(await self.model.complete(replace(request, model=self.config.model)))
        except asyncio.CancelledError:
            self.journal.failed(key, request, bound, "interrupted while it was under way")
            raise
        except Unanswered as error:
            cost = bound if error.lost else 0.0
            await self.ledger.commit(reservation, cost)
            if not error.lost:
                self.pace.give_back(turn.tokens, 0)
            beyond = stubborn and number >= most_retries(self.config)
            self.journal.failed(key, request, cost, str(error), retried_anyway=beyond)
            raise
        except Exception as error:
            await self.ledger.commit(reservation, 0.0)
            hopeless = stubborn and isinstance(error, AlpacaExpError)
            self.journal.failed(key, request, 0.0, str(error), retried_anyway=hopeless)
            if hopeless:
                raise Unanswered(str(error)) from error
            raise
        finally:
            del self.under_way[key]
        usd = price(self.config, completion.usage.tokens_in, completion.usage.tokens_out)
        self.pace.give_back(turn.tokens, completion.usage.tokens_in + completion.usage.tokens_out)
        await self.ledger.commit(reservation, usd)
        await self.journal.answered(key, request, completion, usd)
        return replace(completion, usage=replace(completion.usage, requests=1, usd=usd))

    def _gave_up(self, attempts: int, error: Unanswered) -> AlpacaExpError:
        """The end. What no repetition could help (a wrong key, say) has a remedy of its own."""
        if isinstance(error.__cause__, AlpacaExpError):
            return error.__cause__
        times = f"{attempts} attempts" if attempts > 1 else "one attempt"
        return Stopped(
            f"{self.config.model} gave no answer after {times}: {error}. Every answer so far is kept: "
            "run the same command again to go on"
        )


def repeats_everything(config: LanguageModelConfig) -> bool:
    """Whether any failure is repeated, as stanford_alpaca's client did for ever; here to the deadline."""
    wanted = isinstance(config, TeacherConfig) and (config.faithful or config.retry_everything)
    return wanted and isinstance(config, EndpointConfig)


def most_retries(config: LanguageModelConfig) -> int:
    """Further attempts that are configured; a model that lives here is asked once."""
    return config.max_retries if isinstance(config, EndpointConfig) else 0


def most_usd(config: LanguageModelConfig, request: Request) -> float:
    """The most that one attempt can cost."""
    return price(config, most_tokens_in(request), request.max_tokens)


def most_tokens_in(request: Request) -> int:
    """A bound of the prompt's tokens: no tokenizer in use makes more of a text than it has bytes."""
    return len((request.system + request.prompt).encode("utf-8", "replace")) + FRAME_TOKENS


def readable(completion: Completion) -> Completion:
    """Without halves of surrogate pairs, which some servers send and no file takes."""
    text = completion.text.encode("utf-8", "replace").decode()
    return completion if text == completion.text else replace(completion, text=text)


def _backoff(attempt: int) -> float:
    """Seconds before the next attempt: doubling, with jitter so that many do not come back as one."""
    return FIRST_PAUSE_S * 2.0 ** min(attempt, 30) * (0.5 + _JITTER.random() / 2)
