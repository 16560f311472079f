"""A full disk, a spoilt journal, two at once on one: nothing paid for is lost, or bought twice."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.errors import Stopped
from alpaca_exp.ledger import consumed
from alpaca_exp.llm import ask, batch
from alpaca_exp.llm.ask import ask_all
from alpaca_exp.llm.model import Request
from alpaca_exp.schemas import RuntimeConfig
from tests.batches import Body
from tests.servers import Reply, Server, prompt_of, stage_folder, teacher_at
from tests.stories import ROOT

CROWDED = """
import resource, signal, sys
from pathlib import Path
from alpaca_exp.errors import Stopped
from tests.test_llm_attacks import asked
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
server = type("Elsewhere", (), {"base_url": sys.argv[1]})
try:
    asked(server, Path(sys.argv[2]), batch=sys.argv[4] == "batch", batch_wait_s=60.0)
except Stopped as stopped:
    print(stopped)
"""
"""A process that may write only so many bytes into each file: what a full disk does."""


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "FIRST_LOOK_S", 0.001)


def questions(count: int = 24) -> list[Request]:
    return [Request("fake", f"Question {n}", 16) for n in range(count)]


def asked(server: Any, outputs: Path, stage: str = "generate", **more: Any) -> list[str]:
    config = teacher_at(server, **({"concurrency": 8} | more))
    out = stage_folder(outputs, stage)
    answers = ask_all(config, questions(), runtime=RuntimeConfig(), out=out, title="test")
    return [answer.text for answer in answers]


def echo(body: Body, number: int) -> Reply:
    return Reply(f"Answer to {prompt_of(body)}")


ALL = [f"Answer to Question {n}" for n in range(24)]


def answered(outputs: Path) -> set[str]:
    """The keys of the whole lines that hold answers."""
    keys = set()
    for line in (outputs / "journal" / "fake.jsonl").read_bytes().split(b"\n"):
        try:
            row = json.loads(line)
            keys |= {row["key"]} if row["state"] == "answered" else set()
        except ValueError:
            continue
    return keys


@pytest.mark.parametrize(
    ("manner", "room"),
    [
        ("direct", 700),
        ("batch", 9000),
        *(
            pytest.param(manner, room, marks=pytest.mark.long)
            for manner, room in (("direct", 100), ("direct", 9000), ("batch", 700), ("batch", 14_000))
        ),
    ],
)
def test_a_full_disk_is_one_sentence_and_what_was_answered_stays(
    manner: str, room: int, tmp_path: Path
) -> None:
    words = [sys.executable, "-c", CROWDED]
    with Server(echo) as server:
        done = subprocess.run(
            [*words, server.base_url, str(tmp_path), str(room), manner],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert (
            "cannot be written" in done.stdout and "make room and run the same command again" in done.stdout
        )
        kept, before = answered(tmp_path), server.count
        assert asked(server, tmp_path, batch=manner == "batch", batch_wait_s=60.0) == ALL
        if manner == "direct":
            assert server.count - before == 24 - len(kept)
        else:
            assert len(server.batches.made) == 1 and len(server.batches.requests()) == 24


def test_a_full_disk_at_the_very_end_stops_resumably(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", "usage.json")

    with Server(echo) as server:
        with monkeypatch.context() as crowded:
            crowded.setattr(ask, "report", full)
            with pytest.raises(Stopped, match=r"usage\.json cannot be written \(No space left"):
                asked(server, tmp_path)
        assert asked(server, tmp_path) == ALL and server.count == 24


@pytest.mark.parametrize("manner", ["direct", "batch"])
def test_a_line_that_lost_a_field_is_asked_for_again(manner: str, tmp_path: Path) -> None:
    more: dict[str, Any] = {"batch": manner == "batch", "batch_wait_s": 60.0}
    with Server(echo) as server:
        asked(server, tmp_path)
        file = tmp_path / "journal" / "fake.jsonl"
        lines = file.read_text().splitlines(keepends=True)
        spoilt = next(n for n, line in enumerate(lines) if "Answer to Question 7" in line)
        lines[spoilt] = lines[spoilt].replace('"finish_reason"', '"finish_treason"')
        file.write_text("".join(lines))
        assert asked(server, tmp_path, **more) == ALL
        assert server.count + len(server.batches.requests()) == 25


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_torn_or_mixed_into_the_journal_the_whole_answers_count(
    seed: int, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    with Server(echo) as server:
        asked(server, tmp_path)
        file = tmp_path / "journal" / "fake.jsonl"
        spoilt = []
        for line in file.read_bytes().splitlines(keepends=True):
            draw = rng.random()
            torn = line[: rng.randrange(len(line))] + rng.choice([b"\n", b""])
            noise = rng.randbytes(30) + b"\n"
            spoilt.append(torn if draw < 0.15 else noise + line if draw < 0.3 else line)
        file.write_bytes(b"".join(spoilt)[: -rng.randrange(1, 60)])
        kept = answered(tmp_path)
        assert asked(server, tmp_path) == ALL
        assert server.count - 24 == 24 - len(kept)
        assert asked(server, tmp_path) == ALL and server.count == 48 - len(kept)


def test_what_another_process_is_told_meanwhile_is_not_asked_again(tmp_path: Path) -> None:
    def answer(body: Body, number: int) -> Reply:
        if number == 0:  # while our first request is under way, another stage asks them all
            assert asked(server, tmp_path, stage="curate") == ALL
        return echo(body, number)

    with Server(answer) as server:
        assert asked(server, tmp_path, concurrency=1) == ALL
        assert server.count == 25  # only the one under way was asked twice
    ours, theirs = (consumed(stage_folder(tmp_path, stage)) for stage in ("generate", "curate"))
    assert (ours.requests, theirs.requests) == (1, 24)
    assert ours.usd_avoided == pytest.approx(theirs.usd * 23 / 24)
