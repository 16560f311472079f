"""The pace: what a server allows in a minute, and one pause for all when it asks for one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from alpaca_exp.compose import compose
from alpaca_exp.errors import ConfigError, Stopped
from alpaca_exp.llm import attempts
from alpaca_exp.llm.ask import ask_all
from alpaca_exp.llm.model import Request
from alpaca_exp.llm.pace import MINUTE_S, Pace
from alpaca_exp.schemas import RuntimeConfig
from tests.servers import Body, Reply, Server, stage_folder, teacher_at


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def moments(
    work: Callable[[Pace, Clock], Awaitable[list[float]]], requests: float | None, tokens: float | None
) -> list[float]:
    async def run() -> list[float]:
        clock = Clock()
        return await work(Pace(requests, tokens, clock, clock.sleep), clock)

    return asyncio.run(run())


def most_in_a_minute(times: list[float], weights: list[int]) -> int:
    """The largest sum of weights in any minute that is open at its end."""
    pairs = list(zip(times, weights, strict=True))
    return max(sum(w for t, w in pairs if start <= t < start + MINUTE_S - 1e-6) for start in times)


@pytest.mark.parametrize("limit", [1, 7, 600])
def test_no_minute_holds_more_requests_than_allowed(limit: int) -> None:
    async def ask(pace: Pace, clock: Clock) -> list[float]:
        times = []

        async def one() -> None:
            assert await pace.admit(10)
            times.append(clock.now)

        await asyncio.gather(*(one() for _ in range(2 * limit + 1)))
        return times

    times = moments(ask, limit, None)
    assert most_in_a_minute(times, [1] * len(times)) <= limit
    assert times[-1] - times[0] == pytest.approx(2 * MINUTE_S, rel=0.05)


def test_no_minute_holds_more_tokens_than_allowed_but_for_one_request() -> None:
    rng = random.Random(0)
    sizes = [rng.randint(1, 400) for _ in range(200)]

    async def ask(pace: Pace, clock: Clock) -> list[float]:
        times = []
        for size in sizes:
            assert await pace.admit(size)
            times.append(clock.now)
        return times

    assert most_in_a_minute(moments(ask, None, 5000), sizes) <= 5000 + 400


def test_tokens_that_were_not_taken_are_given_to_those_who_wait() -> None:
    async def ask(pace: Pace, clock: Clock) -> list[float]:
        times = []
        for _ in range(20):
            assert await pace.admit(1000)
            times.append(clock.now)
            pace.give_back(1000, 100)
        return times

    times = moments(ask, None, 1000)
    assert times[-1] - times[0] == pytest.approx(19 * 6.0, rel=0.05)


def test_a_request_above_the_limit_waits_and_is_not_forgotten() -> None:
    async def ask(pace: Pace, clock: Clock) -> list[float]:
        return [clock.now for _ in range(3) if await pace.admit(10**9)]

    times = moments(ask, None, 1000)
    assert times[2] - times[0] == pytest.approx(2 * MINUTE_S, rel=0.01)


def test_a_pause_holds_for_everybody_and_an_end_does_not_wait() -> None:
    async def ask(pace: Pace, clock: Clock) -> list[float]:
        pace.hold(30.0)
        pace.hold(10.0)
        assert not await pace.admit(1, lambda: True)
        begin = clock.now
        await asyncio.gather(*(pace.admit(1) for _ in range(50)))
        return [begin, clock.now]

    begin, end = moments(ask, None, None)
    assert end - begin == pytest.approx(30.0, abs=0.01)


def texts(server: Server, outputs: Path, count: int, **more: object) -> list[str]:
    requests = [Request("fake", f"Question {n}", 16) for n in range(count)]
    config = teacher_at(server, **more)
    out = stage_folder(outputs)
    return [c.text for c in ask_all(config, requests, runtime=RuntimeConfig(), out=out, title="test")]


def test_one_refusal_pauses_all_workers_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[float] = []
    monkeypatch.setattr(Pace, "hold", lambda self, seconds: held.append(seconds))

    def answer(body: Body, number: int) -> Reply:
        busy = Reply(status=429, error="rate", headers={"Retry-After": "7"})
        return busy if number < 3 else Reply("Hello.")

    with Server(answer) as server:
        assert texts(server, tmp_path, 12, concurrency=3) == ["Hello."] * 12
        assert server.count == 15 and held == [7.0] * 3


def test_a_server_that_asks_for_ninety_seconds_does_not_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "LONGEST_PAUSE_S", 0.05)
    busy = Reply(status=429, error="rate", headers={"Retry-After": "90"})
    with Server(lambda body, number: busy) as server:
        with pytest.raises(Stopped, match=r"gave no answer after 3 attempts: HTTP 429"):
            texts(server, tmp_path, 8, concurrency=8)
        assert 3 <= server.count <= 24


def test_the_deadline_ends_it_before_the_attempts_do(tmp_path: Path) -> None:
    busy = Reply(status=429, error="rate", headers={"Retry-After": "90"}, delay_s=0.15)
    with Server(lambda body, number: busy) as server:
        with pytest.raises(Stopped, match=r"gave no answer after [2-5] attempts"):
            texts(server, tmp_path, 1, timeout_s=0.2, max_retries=5)
        assert server.count <= 5


def test_the_pace_is_kept_against_a_real_server(tmp_path: Path) -> None:
    with Server(lambda body, number: "Hello.") as server:
        texts(server, tmp_path, 4, concurrency=4, requests_per_minute=6000, tokens_per_minute=6e6)
        assert server.count == 4


def test_limits_that_cannot_be_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        compose(["teacher=openai", "teacher.requests_per_minute=0", "teacher.batch_discount=2"])
    said = str(caught.value)
    assert "teacher.requests_per_minute is 0.0; it must be above 0" in said
    assert "teacher.batch_discount is 2.0; it must be between 0 and 1" in said
