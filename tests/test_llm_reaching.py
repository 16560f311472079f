"""Finding the server: keys, addresses, and servers that are not there, or not there any more."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.errors import InputError, Stopped
from alpaca_exp.ledger import consumed
from alpaca_exp.llm import attempts, connections
from alpaca_exp.llm.ask import ask_all
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Completion
from alpaca_exp.schemas import OpenAITeacherConfig, RuntimeConfig
from tests.servers import Reply, Server, stage_folder

HELLO = Request("fake", "Say hello.", 16)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "FIRST_PAUSE_S", 0.01)


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port of this machine at which nobody listens, and nobody else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def ask(address: str, outputs: Path, *requests: Request, **more: Any) -> list[Completion]:
    told = {"timeout_s": 30.0, "max_retries": 3, "api_key_env": "ALPACA_EXP_TEST_KEY"}
    config = OpenAITeacherConfig(model="fake", base_url=address, **(told | more))
    out = stage_folder(outputs)
    return ask_all(config, requests or (HELLO,), runtime=RuntimeConfig(), out=out, title="test")


@pytest.mark.parametrize("concurrency", [1, 64])
def test_a_refused_connection_is_bad_input_at_once(nobody: int, concurrency: int, tmp_path: Path) -> None:
    many = [Request("fake", f"Question {n}", 16) for n in range(200)]
    said = (
        rf"^Nothing answers at http://127\.0\.0\.1:{nobody}/v1 \(connection refused\); start the server "
        r"there, or set teacher\.base_url to where it is and teacher\.model to a model that it serves$"
    )
    with pytest.raises(InputError, match=said):
        ask(f"http://127.0.0.1:{nobody}/v1", tmp_path, *many, concurrency=concurrency)
    used = consumed(stage_folder(tmp_path))
    assert used.usd == used.possibly_billed == used.requests == 0
    sent = (tmp_path / "journal" / "fake.jsonl").read_text().count('"state": "sent"')
    assert sent <= concurrency  # nothing was tried twice


def test_a_refused_connection_is_bad_input_for_a_batch_too(nobody: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Nothing answers at"):
        ask(f"http://127.0.0.1:{nobody}/v1", tmp_path, batch=True)


def test_a_local_server_without_a_model_is_said_with_both_settings(command: Any, nobody: int) -> None:
    words = ("+experiment=uncapped", "world=tiny", "teacher=local_server", "teacher.num_examples=5")
    done = command(*words, f"teacher.base_url=http://127.0.0.1:{nobody}/v1")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert f"http://127.0.0.1:{nobody}/v1" in last and "teacher.model" in last and "teacher.base_url" in last


def test_the_password_in_an_address_is_not_shown(nobody: int, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        ask(f"http://me:sk-canary@127.0.0.1:{nobody}/v1?token=sk-canary", tmp_path)
    assert "canary" not in str(caught.value) and f"127.0.0.1:{nobody}/v1" in str(caught.value)


def test_a_server_without_tls_is_named(tmp_path: Path) -> None:
    with Server() as server, pytest.raises(InputError, match=r"no TLS: .*teacher\.base_url"):
        ask(server.base_url.replace("http:", "https:"), tmp_path)


def test_a_host_that_does_not_exist_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setenv("ALPACA_EXP_TEST_KEY", "none")
    with pytest.raises(
        InputError, match=r"Nothing answers at http://modls\.example/v1 \(no host of that name\)"
    ):
        ask("http://modls.example/v1", tmp_path)


def test_a_server_that_went_away_may_come_back(nobody: int, tmp_path: Path) -> None:
    """The last answer closes the server; a refusal after that is repeated, then left to a later run."""
    with Server(lambda body, number: Reply("Hello.", headers={"Connection": "close"})) as server:
        address = server.base_url

        def last(body: dict[str, Any], number: int) -> Reply:
            server.close()
            return Reply("Hello.", headers={"Connection": "close"})

        server.answer = last
        requests = [Request("fake", f"Question {n}", 16) for n in range(3)]
        with pytest.raises(
            Stopped, match=r"after 3 attempts: no connection to http://127.*connection refused"
        ):
            ask(address, tmp_path, *requests, concurrency=1, max_retries=2)
    assert consumed(stage_folder(tmp_path)).requests == 1


def test_a_reset_connection_is_tried_again(tmp_path: Path) -> None:
    with Server(lambda body, number: Reply("Hello.", drop=number < 2)) as server:
        assert [got.text for got in ask(server.base_url, tmp_path)] == ["Hello."]
        assert server.count == 3


def test_a_connection_is_awaited_for_a_moment_and_an_answer_for_long() -> None:
    patience = connections.timeouts(600.0)
    assert patience.connect == connections.CONNECT_S and patience.read == 600.0
    assert connections.timeouts(2.0).connect == 2.0


def test_a_missing_key_is_said_before_any_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    config = OpenAITeacherConfig(model="m", base_url="https://models.example/v1", api_key_env="SOME_KEY")
    with pytest.raises(InputError, match="set the environment variable SOME_KEY"):
        ask_all(config, [HELLO], runtime=RuntimeConfig(), out=stage_folder(tmp_path), title="test")


def test_a_key_that_cannot_be_one_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "schlüssel-geheim")
    config = OpenAITeacherConfig(model="m", base_url="https://models.example/v1", api_key_env="SOME_KEY")
    with pytest.raises(InputError, match="SOME_KEY holds no key") as caught:
        ask_all(config, [HELLO], runtime=RuntimeConfig(), out=stage_folder(tmp_path), title="test")
    assert "geheim" not in str(caught.value)


def test_an_address_without_a_scheme_is_named(tmp_path: Path) -> None:
    config = OpenAITeacherConfig(model="m", base_url="localhost:8000/v1")
    with pytest.raises(InputError, match=r"teacher\.base_url is localhost:8000/v1; it must start with http"):
        ask_all(config, [HELLO], runtime=RuntimeConfig(), out=stage_folder(tmp_path), title="test")


def test_offline_means_no_server_elsewhere(tmp_path: Path) -> None:
    config = OpenAITeacherConfig(model="m", base_url="https://models.example/v1")
    with pytest.raises(InputError, match=r"runtime\.offline"):
        ask_all(
            config, [HELLO], runtime=RuntimeConfig(offline=True), out=stage_folder(tmp_path), title="test"
        )
