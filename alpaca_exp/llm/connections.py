"""Many connections at once: several small pools, since a pool looks at each of its connections each time."""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Iterator
from functools import cache
from itertools import cycle
from typing import Any
from urllib.request import getproxies

import openai

CONNECT_S = 10.0
"""A server that is there takes a connection sooner, however long its answers take."""
POOL_SIZE = 16
"""Connections of one pool; at 256 in one, looking at them was half of a request's work."""


def timeouts(seconds: float) -> openai.Timeout:
    """What the client waits for: a connection for a moment, an answer for `seconds`."""
    return openai.Timeout(seconds, connect=min(seconds, CONNECT_S))


def refusal(error: BaseException) -> str | None:
    """Why there is no server at an address; None where it may be there, and another attempt may reach it."""
    for cause in _causes(error):
        match cause:
            case ConnectionRefusedError():
                return "connection refused"
            case socket.gaierror() if cause.errno in (socket.EAI_NONAME, socket.EAI_NODATA):
                return "no host of that name"
            case ssl.SSLError():
                return f"no TLS: {(cause.reason or 'refused').lower().replace('_', ' ')}"
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    yield error
    for deeper in (*getattr(error, "exceptions", ()), error.__cause__ or error.__context__):
        if deeper is not None:
            yield from _causes(deeper)


def client(concurrency: int, timeout: float, **options: Any) -> Any:
    """The HTTP client of an AsyncOpenAI that is asked `concurrency` requests at once."""
    limits = type(openai.DEFAULT_CONNECTION_LIMITS)
    http = sys.modules[limits.__module__.partition(".")[0]]  # httpx or its successor, as openai has it
    count = -(-concurrency // POOL_SIZE)
    few = limits(max_connections=None, max_keepalive_connections=POOL_SIZE)

    class Pools(http.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        """One pool after the other."""

        def __init__(self) -> None:
            trusted = _trusted(http)
            self._pools = [http.AsyncHTTPTransport(limits=few, verify=trusted) for _ in range(count)]
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
    return openai.DefaultAsyncHttpxClient(timeout=timeouts(timeout), **options)


@cache
def _trusted(http: Any) -> ssl.SSLContext:
    """Whose certificates are believed; reading them takes longer than a request."""
    context: ssl.SSLContext = http.create_ssl_context()
    return context
