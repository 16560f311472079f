"""A key is used and never written: not in outputs, not in .hydra, not in errors."""

from __future__ import annotations

from pathlib import Path

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
