"""A real PostgreSQL for the tests that want one: raised where its programs are, and gone when they end."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PLACES = "/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin"
USER, PASSWORD = "alpaca", "correct horse & staple"
WAITS_S = 30


@dataclass(frozen=True)
class Database:
    """A server that asks for a password."""

    port: int

    @property
    def address(self) -> str:
        """Of its one database, without the password."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"


@contextmanager
def postgresql() -> Iterator[Database]:
    """A server on a free port. Skips, with the reason, where PostgreSQL is not installed."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="alpaca_exp-postgresql-"))
    owner = _owner()
    try:
        (folder / "password").write_text(f"{PASSWORD}\n")
        if owner:
            shutil.chown(folder, owner)
            shutil.chown(folder / "password", owner)
        _run(owner, programs / "initdb", "-D", folder / "data", "-U", USER, "-A", "scram-sha-256",
             f"--pwfile={folder / 'password'}", "--no-sync", "--locale=C", "--encoding=UTF8")  # fmt: skip
        port = _free_port()
        settings = ("-c", f"port={port}", "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off",
                    "-c", f"unix_socket_directories={folder}")  # fmt: skip
        server = subprocess.Popen(
            [*_as(owner), str(programs / "postgres"), "-D", str(folder / "data"), *settings],
            stdout=subprocess.DEVNULL,
            stderr=(folder / "log").open("w"),
            cwd=folder,
        )
        try:
            _await(port, server, folder / "log")
            yield Database(port)
        finally:
            _run(owner, programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")
            server.wait(WAITS_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    on_path = shutil.which("initdb")
    found = [Path(on_path).parent] if on_path and shutil.which("postgres") else []
    for pattern in PLACES:
        found += sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
    if not found:
        pytest.skip("PostgreSQL's initdb and postgres are not installed: studies in a database are not tried")
    return found[0]


def _owner() -> str | None:
    """Who runs the server: root may not."""
    if os.geteuid() != 0:
        return None
    if shutil.which("runuser") is None:
        pytest.skip("PostgreSQL does not run as root, and there is no runuser to be somebody else with")
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


def _as(owner: str | None) -> list[str]:
    return ["runuser", "-u", owner, "--"] if owner else []


def _run(owner: str | None, *words: object) -> None:
    told = [*_as(owner), *map(str, words)]
    done = subprocess.run(told, capture_output=True, text=True, cwd="/", timeout=120)
    assert done.returncode == 0, done.stderr


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def _await(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + WAITS_S
    while time.monotonic() < end and server.poll() is None:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0 and "ready to accept" in log.read_text():
                return
        time.sleep(0.05)
    raise AssertionError(f"PostgreSQL did not start: {log.read_text()[-2000:]}")
