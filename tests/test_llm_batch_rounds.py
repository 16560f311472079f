"""Self-instruct's protocol through the Batch API: each list of dependent requests is a batch of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.errors import Stopped
from alpaca_exp.ledger import consumed
from alpaca_exp.llm import batch
from alpaca_exp.schemas import Protocol, RuntimeConfig
from alpaca_exp.stages.generate import generate
from tests.conftest import ROOT
from tests.servers import Server, stage_folder, teacher_at
from tests.stepwise import stepwise

SEEDS = ROOT / "seeds" / "seed_tasks.jsonl"
FILES = ("examples.jsonl", "rejected.jsonl", "card.json")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "FIRST_LOOK_S", 0.001)


def made(server: Server, outputs: Path, **more: Any) -> list[bytes]:
    """The files of a run, the same command given until it ends."""
    told = {
        "protocol": Protocol.self_instruct,
        "num_demonstrations": 8,
        "feedback": 2,
        "tasks_per_request": 16,
    }
    told |= {"tasks_per_request": 16, "num_examples": 30, "round_size": 3, "seed_tasks": SEEDS}
    out = stage_folder(outputs)
    generate(teacher_at(server, **(told | more)), runtime=RuntimeConfig(), out=out)
    return [(out / name).read_bytes() for name in FILES]


def test_batches_make_the_same_bytes_as_asking_directly_at_half_the_price(tmp_path: Path) -> None:
    with Server(stepwise) as server:
        direct = made(server, tmp_path / "direct")
        assert made(server, tmp_path / "batch", batch=True, batch_wait_s=60.0) == direct
        asked = [batch["request_counts"]["total"] for batch in server.batches.made.values()]
        assert len(asked) >= 5 and sum(asked) == server.count
    usd = [consumed(stage_folder(tmp_path / name)).usd for name in ("direct", "batch")]
    assert usd[1] == pytest.approx(usd[0] / 2)


def test_one_comes_back_round_after_round_and_nothing_is_handed_in_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Server(stepwise) as server:
        direct = made(server, tmp_path / "direct")
        rounds = []
        for _ in range(100):
            try:
                found = made(server, tmp_path / "batch", batch=True, batch_wait_s=0.0)
                break
            except Stopped as stopped:
                [told] = re.findall(r"^generate, round (\d+): the batch (\S+) is in progress", str(stopped))
                rounds.append(told)
        assert found == direct
        handed = [row["custom_id"] for row in server.batches.requests()]
    assert len(set(handed)) == len(handed) == server.count
    assert [round for round, _ in rounds] == [str(n + 1) for n in range(len(rounds))]
    assert len({number for _, number in rounds}) == len(rounds) >= 5
    assert consumed(stage_folder(tmp_path / "batch")).possibly_billed == 0
    assert "under way" not in capsys.readouterr().err
