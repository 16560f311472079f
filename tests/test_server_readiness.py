"""Servers are tried before the first stage: one that is asked hours later must not end the run then."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpaca_exp.compose import compose
from alpaca_exp.llm.ask import ask_all
from alpaca_exp.llm.journal import servers_of
from alpaca_exp.llm.model import Request
from alpaca_exp.llm.openai import OpenAIModel
from alpaca_exp.plan import plan
from alpaca_exp.readiness import Here, obstacles
from alpaca_exp.schemas import OpenAITeacherConfig, RuntimeConfig
from alpaca_exp.server_readiness import server_obstacles
from tests.conftest import Command
from tests.servers import Server, stage_folder

WORDS = ("+experiment=uncapped", "world=tiny")


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address of this machine where nobody listens, and nobody else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def tried(outputs: Path, *words: str) -> tuple[list[str], list[str]]:
    config = compose([*WORDS, *words, f"runtime.outputs={outputs}"])
    return server_obstacles(plan(config), config.runtime)


def test_the_judges_server_that_is_not_there_is_said_before_anything_is_made(
    command: Command, nobody: str, tmp_path: Path
) -> None:
    done = command(*WORDS, "judge=local_server", f"judge.base_url={nobody}")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"Nothing answers at {nobody} (connection refused)" in done.stderr
    assert "judge.base_url" in done.stderr
    assert not [*tmp_path.glob("outputs/*/????????????????")] and not [*tmp_path.glob("outputs/runs/*/*")]


def test_every_server_is_tried_and_none_is_asked_for_an_answer(nobody: str, tmp_path: Path) -> None:
    with Server() as server:
        words = ["teacher=local_server", f"teacher.base_url={nobody}", "judge=local_server"]
        wrong, doubtful = tried(tmp_path, *words, f"judge.base_url={server.base_url}")
        assert server.count == 0
    assert len(wrong) == 1 and "teacher.base_url" in wrong[0] and not doubtful


def test_a_journal_that_may_answer_everything_makes_it_a_note(nobody: str, tmp_path: Path) -> None:
    with Server() as server:
        config = OpenAITeacherConfig(model="local", base_url=server.base_url)
        out, hello = stage_folder(tmp_path), Request("local", "Say hello.", 16)
        ask_all(config, [hello], runtime=RuntimeConfig(), out=out, title="test")
    wrong, doubtful = tried(tmp_path, "teacher=local_server", f"teacher.base_url={nobody}")
    assert not wrong and len(doubtful) == 1 and "Nothing answers at" in doubtful[0]


def test_a_budget_below_one_request_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with Server() as server:
        words = ("judge=local_server", f"judge.base_url={server.base_url}", "judge.usd_per_million_out=10")
        [sentence], _ = tried(tmp_path, *words, "judge.budget_usd=0.001")
        assert "One request could cost" in sentence and "judge.budget_usd=0.001" in sentence
        assert tried(tmp_path, *words, "judge.budget_usd=1") == ([], [])


def test_a_key_that_a_server_refuses_is_said_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "wrong")
    said = {"unauthorized": b'{"error": {"message": "Unauthorized"}}',
            "elsewhere": b'{"error": {"message": "Missing scopes: api.model.read"}}'}  # fmt: skip
    for name, told in said.items():
        with Server() as server:
            monkeypatch.setattr(server.batches, "get", lambda path, told=told: (401, told))
            address = f"teacher.base_url={server.base_url}"
            wrong, _ = tried(tmp_path, "teacher=local_server", address, "teacher.api_key_env=MY_KEY")
        refused = ["refused the key" in one and "MY_KEY" in one for one in wrong]
        assert refused == ([True] if name == "unauthorized" else [])


@pytest.mark.parametrize("group", ["teacher", "judge"])
def test_a_named_key_that_is_not_set_is_said_in_the_plan_also_of_a_server_here(
    group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    words = [f"{group}=local_server", f"{group}.api_key_env=MY_KEY", f"runtime.outputs={tmp_path}"]
    config = compose([*WORDS, *words])
    [told] = obstacles(plan(config), config)
    assert isinstance(told, Here) and "MY_KEY is not set" in told and f'{group}.api_key_env=""' in told
    monkeypatch.setenv("MY_KEY", "any")
    assert obstacles(plan(config), config) == []


def test_a_server_that_got_no_key_and_wants_one_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    model = OpenAIModel(
        OpenAITeacherConfig(model="m", base_url="http://127.0.0.1/v1", api_key_env=""), "teacher"
    )
    assert "wants a key and was sent none" in str(model.refusal(401, "", "", {}))


def test_answers_that_another_address_gave_are_named_in_the_plan_and_in_the_run(
    command: Command, nobody: str, tmp_path: Path
) -> None:
    base = ("+experiment=base", "world=tiny", "judge=none", "base_model=api_local_server")
    with Server(lambda body, number: "A") as server:
        done = command(*base, f"base_model.base_url={server.base_url}")
        assert done.returncode == 0, done.stderr
        assert "Note: evaluate is found" not in done.stdout
        again = command(*base, f"base_model.base_url={server.base_url}", "action=plan")
        assert "found" in again.stdout and "gave at" not in again.stdout
    [record] = [json.loads(file.read_text()) for file in tmp_path.glob("outputs/evaluate/*/record.json")]
    assert record["machine"]["servers"] == {"local": [server.base_url]}
    said = f"those that local gave at {server.base_url}, not at {nobody}"
    for more in ([], ["action=plan"]):
        done = command(*base, f"base_model.base_url={nobody}", *more)
        assert done.returncode == 0 and f"Note: evaluate is found, and its answers are {said}" in done.stdout
        assert "set base_model.model to that name" in done.stdout
    done = command(*base, f"base_model.base_url={nobody}", "eval_suite.limit=3", "action=plan")
    assert (
        f"Note: the journal holds answers, which are taken where they are wanted again; they are {said}"
        in (done.stdout)
    )


def test_a_secret_in_an_address_is_not_written_down(tmp_path: Path) -> None:
    with Server() as server:
        address = server.base_url.replace("http://", "http://me:sk-canary@")
        config, out = OpenAITeacherConfig(model="m", base_url=address), stage_folder(tmp_path)
        ask_all(config, [Request("m", "Hello", 4)], runtime=RuntimeConfig(), out=out, title="test")
    assert servers_of(tmp_path / "journal", "m") == {server.base_url}
    assert "canary" not in "".join(file.read_text() for file in tmp_path.rglob("*.json*"))
