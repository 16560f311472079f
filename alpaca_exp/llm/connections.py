"""Many connections at once: several small pools, since a pool looks at each of its connections each time."""

from __future__ import annotations

import sys
from itertools import cycle
from typing import Any
from urllib.request import getproxies

import openai

POOL_SIZE = 16
"""Connections of one pool; at 256 in one, looking at them was half of a request's work."""


def client(concurrency: int, timeout: float, **options: Any) -> Any:
    """The HTTP client of an AsyncOpenAI that is asked `concurrency` requests at once."""
    limits = type(openai.DEFAULT_CONNECTION_LIMITS)
    http = sys.modules[limits.__module__.partition(".")[0]]  # httpx or its successor, as openai has it
    count = -(-concurrency // POOL_SIZE)
    few = limits(max_connections=None, max_keepalive_connections=POOL_SIZE)

    class Pools(http.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        """One pool after the other."""

        def __init__(self) -> None:
            context = http.create_ssl_context()
            self._pools = [http.AsyncHTTPTransport(limits=few, verify=context) for _ in range(count)]
            self._next = cycle(self._pools)

        async def handle_async_request(self, request: Any) -> Any:
            return await next(self._next).handle_async_request(request)

        async def aclose(self) -> None:
            for pool in self._pools:
                await pool.aclose()

    if options.get("trust_env", True) and getproxies():
        options["limits"] = limits(max_connections=None, max_keepalive_connections=concurrency)
    else:
        options["transport"] = Pools()  # with one of its own, a client asks no proxy
    return openai.DefaultAsyncHttpxClient(timeout=timeout, **options)
