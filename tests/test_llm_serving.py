"""A server that others wrote: `transformers serve` with a tiny model, for the plain path."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpaca_exp.errors import AlpacaExpError
from alpaca_exp.ledger import consumed
from alpaca_exp.llm.ask import ask_all
from alpaca_exp.llm.local import load
from alpaca_exp.llm.model import Request
from alpaca_exp.llm.writing import Task, write
from alpaca_exp.schemas import Endpoint, OpenAITeacherConfig, RuntimeConfig
from tests.models import tiny_llama
from tests.servers import stage_folder

MISSING = [name for name in ("fastapi", "uvicorn") if importlib.util.find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason="the extra `serving` is not installed: no transformers serve"
)
TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_llama(tmp_path_factory.mktemp("served"))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


@pytest.fixture(scope="module")
def address(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own process on 127.0.0.1."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("home")
    (home / "hub").mkdir()
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(model), "--device", "cpu"]
    log = (home / "log").open("w")
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        env={**os.environ, "HF_HOME": str(home)},
        stdout=log,
        stderr=log,
    )
    try:
        _wait(f"http://127.0.0.1:{port}/health", process, home / "log")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"the server did not start: {log.read_text()}")


def teacher(model: Path, address: str, endpoint: Endpoint) -> OpenAITeacherConfig:
    return OpenAITeacherConfig(
        model=str(model),
        base_url=address,
        endpoint=endpoint,
        api_key_env="ALPACA_EXP_TEST_KEY",
        concurrency=4,
    )


@pytest.mark.parametrize("endpoint", Endpoint)
def test_greedy_answers_of_the_server_are_those_of_the_same_weights_here(
    endpoint: Endpoint, model: Path, address: str, tmp_path: Path
) -> None:
    prompts = [
        "Name the capital of France.",
        "Q: What is two and two?",
        "Question: How do I keep bread fresh?",
    ]
    requests = [Request("m", prompt, 8) for prompt in prompts]
    out = stage_folder(tmp_path)
    found = ask_all(
        teacher(model, address, endpoint), requests, runtime=RuntimeConfig(), out=out, title="test"
    )
    local = load(model, runtime=RuntimeConfig(accelerator="cpu"))
    wanted = write(local, [Task(local.encode(prompt), 8) for prompt in prompts], slots=3)
    assert [got.text.strip() for got in found] == [got.text.strip() for got in wanted]
    used = consumed(out)
    assert used.requests == 3 and used.tokens_in >= sum(got.tokens_in for got in wanted)


def test_a_model_that_it_does_not_serve_is_said_in_a_sentence(
    model: Path, address: str, tmp_path: Path
) -> None:
    config = teacher(model / "other", address, Endpoint.chat)
    with pytest.raises(AlpacaExpError) as caught:
        ask_all(
            config,
            [Request("m", "Hello", 4)],
            runtime=RuntimeConfig(),
            out=stage_folder(tmp_path),
            title="test",
        )
    assert "\n" not in str(caught.value)
