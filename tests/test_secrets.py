"""A key is used and never written: not in outputs, not in .hydra, not in errors."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from alpaca_exp.config import load, password_in, register_schemas
from alpaca_exp.errors import ConfigError
from tests.conftest import Command
from tests.servers import Reply, Server
from tests.stories import TINIEST

CANARY = "sk-canary-5f1c2e9a77"
SMALL = (
    "teacher.num_examples=6",
    "teacher.tasks_per_request=4",
    "teacher.max_requests=8",
    "teacher.round_size=2",
)


def files_that_hold(text: str, folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_a_key_is_sent_to_the_server_and_found_nowhere_else(command: Command, tmp_path: Path) -> None:
    with Server() as server:
        where = ("teacher=openai", f"teacher.base_url={server.base_url}", "teacher.api_key_env=MY_KEY")
        done = command(*TINIEST, *where, *SMALL, "judge=none", MY_KEY=CANARY)
        assert done.returncode == 0, done.stderr
        assert any(CANARY in key for key in server.keys)
    assert CANARY not in done.stdout + done.stderr
    assert files_that_hold(CANARY, tmp_path) == []


def test_a_refused_key_is_named_by_its_variable_and_not_by_its_value(
    command: Command, tmp_path: Path
) -> None:
    with Server(
        lambda body, number: Reply(status=401, error=f"Incorrect API key provided: {CANARY}")
    ) as server:
        where = ("teacher=openai", f"teacher.base_url={server.base_url}", "teacher.api_key_env=MY_KEY")
        done = command(*TINIEST, *where, *SMALL, "judge=none", MY_KEY=CANARY)
    assert done.returncode == 2 and "MY_KEY" in done.stderr and "Traceback" not in done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert files_that_hold(CANARY, tmp_path) == []


@pytest.mark.parametrize("secret", ["me:{}@127.0.0.1:9/v1", "{}@127.0.0.1:9/v1", "127.0.0.1:9/v1?api_key={}"])
def test_an_address_with_a_password_is_refused_before_anything_is_written(
    command: Command, tmp_path: Path, secret: str
) -> None:
    address = f"http://{secret.format(CANARY)}"
    done = command(*TINIEST, "judge=local_server", "judge.model=m", f"judge.base_url={address}")
    assert done.returncode == 2 and "judge.base_url holds a password or a key" in done.stderr
    assert "judge.api_key_env=NAME" in done.stderr and CANARY not in done.stdout + done.stderr
    assert files_that_hold(CANARY, tmp_path) == []


def test_a_password_in_an_option_of_ones_own_is_refused_too() -> None:
    register_schemas()
    with pytest.raises(ConfigError, match=r"teacher\.base_url holds a password") as caught:
        load(OmegaConf.create({"teacher": {"base_url": f"https://me:{CANARY}@host/v1"}}))
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["http://me:${oc.env:MY_PASSWORD}@host/v1", "${oc.env:MY_SERVER}", "http://host:8000/v1?v=2"]
)
def test_a_password_that_stays_in_the_environment_is_no_problem(address: str) -> None:
    assert password_in("judge.base_url", address) is None


@pytest.mark.parametrize("jobs", [(), ("seed=1", "--multirun")], ids=["a run", "a sweep"])
def test_an_address_from_the_environment_is_used_and_found_nowhere_else(
    command: Command, tmp_path: Path, jobs: tuple[str, ...]
) -> None:
    with Server() as server:
        address = server.base_url.replace("http://", f"http://me:{CANARY}@")
        where = ("teacher=openai", "teacher.base_url=${oc.env:MY_SERVER}", "teacher.api_key_env=''")
        done = command(*TINIEST, *where, *SMALL, "judge=none", *jobs, MY_SERVER=address)
        assert done.returncode == 0 and server.count, done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert files_that_hold(CANARY, tmp_path) == []
