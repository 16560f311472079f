"""How fast a server may be asked: requests and tokens a minute, and pauses that hold for everybody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

MINUTE_S = 60.0
LONGEST_NAP_S = 0.2
"""A waiting request looks up so often: tokens may have been given back, or the work may be ending."""


class Pace:
    """One session's pace. Requests are spread evenly over the minute, so that no part of it is crowded.

    A request is counted with the most tokens that it can take; what it did not take is given back, to
    the requests that wait. All methods belong to one event loop.
    """

    def __init__(
        self,
        requests_per_minute: float | None,
        tokens_per_minute: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._seconds_a_request = MINUTE_S / requests_per_minute if requests_per_minute else 0.0
        self._seconds_a_token = MINUTE_S / tokens_per_minute if tokens_per_minute else 0.0
        self._most_tokens = tokens_per_minute or 0.0
        self._clock, self._sleep = clock, sleep
        self._request_at = self._tokens_at = self._held_until = 0.0
        self._turn = asyncio.Lock()

    async def admit(self, tokens: int, ending: Callable[[], bool] = lambda: False) -> bool:
        """Wait, in the order of the calls, until a request of at most `tokens` may go out.

        False where the work ended meanwhile. One that alone is above the limit waits for a whole minute's.
        """
        async with self._turn:
            while (pause := self._next() - self._clock()) > 0 and not ending():
                await self._sleep(min(pause, LONGEST_NAP_S))
            if pause > 0:
                return False
            now = self._clock()
            self._request_at = now + self._seconds_a_request
            self._tokens_at = max(now, self._tokens_at) + self._counted(tokens)
            return True

    def give_back(self, bound: int, taken: int) -> None:
        """A request that was counted with `bound` tokens took no more than `taken`."""
        self._tokens_at -= self._counted(bound) - self._counted(min(taken, bound))

    def hold(self, seconds: float) -> None:
        """The server asks for a pause: nobody goes out before it is over."""
        self._held_until = max(self._held_until, self._clock() + seconds)

    def _counted(self, tokens: int) -> float:
        """Seconds for so many tokens, never more than the minute in which they would be allowed at once."""
        return min(float(tokens), self._most_tokens) * self._seconds_a_token

    def _next(self) -> float:
        return max(self._request_at, self._tokens_at, self._held_until)
