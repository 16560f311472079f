"""Ctrl-C while a model is asked: however often, it is one stop, and the same command goes on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from alpaca_exp.errors import Stopped
from alpaca_exp.llm.interrupts import ONE_MOMENT_S, run
from alpaca_exp.records import Row
from tests.servers import Body, Reply, Server, sensible
from tests.stories import Started, start_in

WORDS = (
    "+experiment=uncapped", "world=tiny", "runtime.num_threads=1",
    "teacher=local_server", "teacher.num_examples=200", "teacher.tasks_per_request=5",
    "teacher.round_size=8", "teacher.concurrency=4", "teacher.max_similarity=1",
)  # fmt: skip


def start(folder: Path, server: Server, *more: str) -> Started:
    return start_in(folder, *WORDS, f"teacher.base_url={server.base_url}", *more)


def wait_for(there: Callable[[], bool], process: Started) -> None:
    while not there():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)


ONE_TWO_THREE = [
    (signal.SIGINT, ()),
    (signal.SIGTERM, (0.0,)),
    (signal.SIGINT, (0.05, 0.1)),
]
AT_ALL_MOMENTS = [
    (number, pauses)
    for number in (signal.SIGINT, signal.SIGTERM)
    for pauses in [(), *((a / 10, b / 10) for a in range(0, 8, 2) for b in range(0, 6, 2)), (2.2, 0.05)]
]


@pytest.mark.parametrize(("number", "pauses"), ONE_TWO_THREE)
def test_one_two_or_three_signals_stop_with_code_3_and_a_sentence(
    number: signal.Signals, pauses: tuple[float, ...], tmp_path: Path
) -> None:
    stop_with(number, pauses, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize(("number", "pauses"), AT_ALL_MOMENTS)
def test_signals_at_all_moments_stop_with_code_3_and_a_sentence(
    number: signal.Signals, pauses: tuple[float, ...], tmp_path: Path
) -> None:
    stop_with(number, pauses, tmp_path)


def stop_with(number: signal.Signals, pauses: tuple[float, ...], tmp_path: Path) -> None:
    """A signal while requests are under way, and further ones after `pauses`."""

    def answer(body: Body, count: int) -> Reply:
        return Reply(sensible(body).text, delay_s=0.05)

    with Server(answer) as server:
        process = start(tmp_path, server)
        wait_for(lambda: server.count > 9, process)
        process.send_signal(number)
        for pause in pauses:
            time.sleep(pause)
            if process.poll() is None:
                process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 3, errors
    assert "the same command goes on from here" in errors
    assert "Traceback" not in errors and "Exception ignored" not in errors
    [run_file] = tmp_path.glob("outputs/runs/*/*/run.json")
    assert json.loads(run_file.read_text())["status"] == "stopped"


def test_after_ctrl_c_nothing_that_was_answered_is_asked_again(tmp_path: Path) -> None:
    def slow(body: Body, count: int) -> Reply:
        return Reply(sensible(body).text, delay_s=0.1)

    with Server(slow) as server:
        process = start(tmp_path, server)
        wait_for(lambda: server.count > 9, process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        again = start(tmp_path, server)
        wait_for(lambda: bool(list(tmp_path.glob("outputs/generate/*/record.json"))), again)
        again.send_signal(signal.SIGINT)
        again.communicate(timeout=60)
    [journal] = tmp_path.glob("outputs/journal/*.jsonl")
    states = Counter((row["key"], row["state"]) for row in map(json.loads, journal.read_text().splitlines()))
    assert {count for (_, state), count in states.items() if state == "answered"} == {1}
    repeated = [key for (key, state), count in states.items() if state == "sent" and count > 1]
    assert 0 <= len(repeated) <= 4


PRICED = ("teacher.usd_per_million_in=10", "teacher.usd_per_million_out=30")


def stopped_while_under_way(folder: Path, *, delay_s: float, times: int) -> tuple[str, list[Row]]:
    """What is said when signals come while a priced server thinks, and the journal's lines."""

    def slow(body: Body, count: int) -> Reply:
        return Reply(sensible(body).text, delay_s=delay_s)

    with Server(slow) as server:
        process = start(folder, server, *PRICED)
        wait_for(lambda: server.count >= 4, process)
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(2 * ONE_MOMENT_S)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 3, errors
    [journal] = folder.glob("outputs/journal/*.jsonl")
    return errors, [json.loads(line) for line in journal.read_text().splitlines()]


def test_the_first_ctrl_c_waits_for_the_answers_under_way_and_keeps_them(tmp_path: Path) -> None:
    errors, rows = stopped_while_under_way(tmp_path, delay_s=1.5, times=1)
    assert "stopping; waiting up to 30 s for 4 answer(s) under way" in errors
    assert Counter(row["state"] for row in rows) == {"sent": 4, "answered": 4}
    assert "may have been billed" not in errors


def test_the_second_ctrl_c_ends_at_once_and_says_what_it_may_cost_once(tmp_path: Path) -> None:
    errors, rows = stopped_while_under_way(tmp_path, delay_s=20.0, times=2)
    assert "replies were lost; up to $" in errors
    assert Counter(row["state"] for row in rows) == {"sent": 4, "failed": 4}
    with Server() as server:
        again = start(tmp_path, server, *PRICED)
        wait_for(lambda: server.count > 0, again)
        again.send_signal(signal.SIGINT)
        _, errors = again.communicate(timeout=60)
    assert "were under way when the last attempt ended" not in errors


def test_work_ends_before_the_signal_is_passed_on() -> None:
    ended: list[str] = []

    async def work() -> None:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.02)
            ended.append("saved")

    def heard(*_: object) -> None:
        ended.append("heard")
        raise Stopped("heard")

    before = signal.signal(signal.SIGINT, heard)
    try:
        with asyncio.Runner() as runner, pytest.raises(Stopped):
            run(runner, work())
        assert signal.getsignal(signal.SIGINT) is heard
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended == ["saved", "heard"]


def test_a_signal_that_is_ignored_stays_so_and_other_threads_are_left_alone() -> None:
    async def work() -> str:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(0)
        return "done"

    async def quiet() -> str:
        return "done"

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with asyncio.Runner() as runner:
            assert run(runner, work()) == "done"
    finally:
        signal.signal(signal.SIGINT, before)
    found: list[str] = []

    def elsewhere() -> None:
        with asyncio.Runner() as runner:
            found.append(run(runner, quiet()))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == ["done"]
