"""Money: what a request may cost, what it did cost, and the limit that is never overrun."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from array import array
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from alpaca_exp.errors import BudgetReached, InputError
from alpaca_exp.records import Usage, write_json
from alpaca_exp.schemas import EndpointConfig, LanguageModelConfig

USAGE = "usage.json"
LENGTHS = {"base_model": "base_model.max_gen_toks for tasks, judge.questions.max_tokens for answers"}
"""What bounds an answer, where that is no `max_tokens` of the one who is asked."""
FORECAST_FROM = 0.05
"""Of the work, the share from which on its whole cost is foretold."""


def report(
    out: Path, usage: Usage, part: str = "", servers: Mapping[str, Collection[str]] | None = None
) -> None:
    """Add `usage` to what the stage at `out` consumed, in `out/usage.json`.

    A named `part` replaces that part's earlier report instead, so that a stage which replays its
    paid answers after a kill does not count them twice. `consumed` reads the sum back. `servers`, by
    model the addresses at which it was asked, are added to those of all parts.
    """
    written = _written(out)
    parts, known_servers = written.get("parts", {}), written.get("servers", {})
    known = Usage(**parts.get(part, {}))
    parts[part] = dataclasses.asdict(usage if part else known + usage)
    total = sum((Usage(**values) for values in parts.values()), Usage())
    for model, addresses in (servers or {}).items():
        if addresses:
            known_servers[model] = sorted({*known_servers.get(model, ()), *addresses})
    told = {"servers": known_servers} if known_servers else {}
    write_json({**dataclasses.asdict(total), "parts": parts, **told}, out / USAGE)


def consumed(out: Path) -> Usage:
    """All that was reported at `out`; nothing where nothing was."""
    return sum((Usage(**values) for values in _parts(out).values()), Usage())


def price(config: LanguageModelConfig, tokens_in: int, tokens_out: int) -> float:
    """Dollars for so many prompt and answer tokens at the list price of `config`, or at a batch's."""
    listed = (tokens_in * config.usd_per_million_in + tokens_out * config.usd_per_million_out) / 1e6
    batch = isinstance(config, EndpointConfig) and config.batch
    return listed * (1 - config.batch_discount) if batch else listed  # type: ignore[attr-defined]


class Ledger:
    """What one stage may spend. `spent` + what is under way + the next request never pass `budget`.

    All methods belong to one event loop. `owner` (`teacher`, `judge`, `critic`) names the field
    in messages; `spent` is what earlier attempts at the same stage paid already.
    """

    def __init__(self, budget_usd: float | None, owner: str, spent: float = 0.0) -> None:
        self.budget = budget_usd
        self.spent = spent
        self._owner = owner
        self._reserved: dict[int, float] = {}
        self._next = 0
        self._settled = asyncio.Condition()

    async def reserve(self, usd: float) -> int:
        """Put `usd` aside for one request, and return the reservation's number.

        Waits for requests under way where their reservations stand in the way.
        Raises BudgetReached where waiting cannot help, InputError where that is so from the start.
        """
        async with self._settled:
            while self._exceeds(usd, sum(self._reserved.values())):
                if self._exceeds(usd, 0.0):
                    raise self._refusal(usd)
                await self._settled.wait()
            self._next += 1
            self._reserved[self._next] = usd
            return self._next

    async def commit(self, reservation: int, usd: float) -> None:
        """The request cost `usd`; the rest of its reservation is free again."""
        async with self._settled:
            del self._reserved[reservation]
            self.spent += usd
            self._settled.notify_all()

    def affords(self, usd: float) -> bool:
        """Whether `usd` could be put aside now, beside what is under way."""
        return not self._exceeds(usd, sum(self._reserved.values()))

    async def settle(self, bound: float | None, usd: float) -> None:
        """What was counted as spent with `bound` cost `usd` after all."""
        async with self._settled:
            self.spent += usd - (bound or 0.0)
            self._settled.notify_all()

    async def keep(self, reservation: int) -> None:
        """The reply was lost: it may have been billed, so the whole reservation counts as spent."""
        await self.commit(reservation, self._reserved[reservation])

    def _exceeds(self, usd: float, reserved: float) -> bool:
        return self.budget is not None and self.spent + reserved + usd > self.budget

    def _refusal(self, usd: float) -> InputError | BudgetReached:
        owner = self._owner
        if self.spent == 0 and not self._reserved:
            return too_dear(usd, self.budget or 0.0, owner)
        limit = _limit(self.budget or 0.0, owner)
        reserved = sum(self._reserved.values())
        pending = f", and up to {_dollars(reserved)} more for requests under way" if reserved else ""
        return BudgetReached(
            f"The next request could cost {_dollars(usd)}, and {_dollars(self.spent)} of "
            f"{limit} are spent, lost replies counted in full{pending}. Every answer "
            f"so far is kept: raise {owner}.budget_usd and run the same command again to go on"
        )


def too_dear(usd: float, budget: float, owner: str) -> InputError:
    """What is wrong with a budget that not one request fits into."""
    return InputError(
        f"One request could cost {_dollars(usd)}, more than {_limit(budget, owner)} allows "
        f"for all; raise {owner}.budget_usd or lower {LENGTHS.get(owner, f'{owner}.max_tokens')}"
    )


class Forecast:
    """What the rest of a list of requests will cost, judged by its first answers.

    By those without a gap from the beginning: of requests under way at once the short answers come
    first, and a mean of what came would be too low. Prompts are known; what is not is the tokens that
    a byte of them makes, and the tokens of an answer.
    """

    def __init__(self, config: LanguageModelConfig, prompts: Mapping[str, int]) -> None:
        """`prompts`: the bytes of each request's prompt, by its key, in the order of the requests."""
        self._config = config
        self._places = {key: place for place, key in enumerate(prompts)}
        self._bytes = array("Q", prompts.values())
        self._early: dict[int, tuple[int, int]] = {}
        """Tokens in and out of answers that came before one that was asked earlier."""
        self._front = self._front_in = self._front_out = self._front_bytes = 0
        self._left, self._left_bytes = len(prompts), sum(prompts.values())

    def note(self, key: str, usage: Usage) -> None:
        """An answer came, and took so much."""
        place = self._places.pop(key, None)
        if place is None:  # counted before
            return
        self._left -= 1
        self._left_bytes -= self._bytes[place]
        self._early[place] = (usage.tokens_in, usage.tokens_out)
        while tokens := self._early.pop(self._front, None):
            self._front_in += tokens[0]
            self._front_out += tokens[1]
            self._front_bytes += self._bytes[self._front]
            self._front += 1

    def rest(self) -> float | None:
        """Dollars for what is not answered yet; None before the first twentieth is."""
        if self._front == 0 or self._front < FORECAST_FROM * len(self._bytes):
            return None
        into = self._left_bytes * self._front_in / max(1, self._front_bytes)
        return price(self._config, round(into), round(self._left * self._front_out / self._front))


def _limit(budget: float, owner: str) -> str:
    return f"{owner}.budget_usd={f'{budget:.10f}'.rstrip('0').rstrip('.')}"


def _dollars(usd: float) -> str:
    return f"${usd:.4f}" if usd >= 0.001 or usd == 0 else f"${usd:.7f}"


def _parts(out: Path) -> dict[str, dict[str, Any]]:
    parts: dict[str, dict[str, Any]] = _written(out).get("parts", {})
    return parts


def _written(out: Path) -> dict[str, Any]:
    try:
        written: dict[str, Any] = json.loads((out / USAGE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return written
