"""Keys go to the server that they are for, and nowhere else."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path

import pytest

from alpaca_exp.compose import compose
from alpaca_exp.errors import AlpacaExpError
from alpaca_exp.llm import attempts
from alpaca_exp.llm.ask import ask_all
from alpaca_exp.llm.model import Request
from alpaca_exp.schemas import RuntimeConfig
from tests.asking import ask, then
from tests.servers import Reply, Server, stage_folder

CANARY = "sk-canary-7b1e0c55d2f94a"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "FIRST_PAUSE_S", 0.01)


def test_no_other_services_key_is_sent_to_a_server_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-service")
    with Server(then(Reply("Hello."))) as server:
        for group in ("teacher", "critic", "rater", "judge"):
            config = getattr(compose([f"{group}=local_server", f"{group}.base_url={server.base_url}"]), group)
            out = stage_folder(tmp_path, group)
            ask_all(config, [Request("m", "Hello?", 16)], runtime=RuntimeConfig(), out=out, title=group)
            assert config.api_key_env == "" and config.usd_per_million_out == 0
    assert not any("another" in key for key in server.keys)


ECHOES = {
    "wrong key": Reply(status=401, error=f"Incorrect API key provided: {CANARY}"),
    "server error": Reply(status=500, error=f"request was {CANARY}"),
    "bad request": Reply(status=400, error=f"Authorization: Bearer {CANARY}"),
    "error inside a 200": Reply(error=f"Bearer {CANARY}"),
    "answer": Reply(f"You sent {CANARY}, did you not?"),
    "page": Reply(raw=f"<html>{CANARY}</html>".encode(), content_type="text/html"),
}


@pytest.mark.parametrize("echo", ECHOES)
def test_a_key_is_found_nowhere_whatever_the_server_echoes(
    echo: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("ALPACA_EXP_TEST_KEY", CANARY)
    caplog.set_level(logging.DEBUG)
    with Server(then(ECHOES[echo])) as server:
        try:
            seen = [repr(answer) for answer in ask(server, tmp_path)]
        except AlpacaExpError as error:
            seen = [str(error), repr(error), repr(pickle.dumps(error))]
    assert server.keys[0] == f"Bearer {CANARY}"
    ours = [record.getMessage() for record in caplog.records]
    texts = [*seen, *capfd.readouterr(), *ours]
    texts += [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert seen and not [text for text in texts if CANARY in text]
