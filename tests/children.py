"""Commands as processes of their own that need no seconds for imports: forks of one that has made them.

A fork is a process like any other: with its own folder, environment and output, to be signalled, killed and
waited for. What forks of one server share is what Python draws when it starts, the seed of its hashes above
all; so wherever the same bytes are asked for, one side is to come from an interpreter started afresh.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAZY = (
    "alembic.command", "alembic.context", "matplotlib.pyplot", "optuna.storages._rdb.models",
    "sqlalchemy.dialects.sqlite", "torch.distributed.checkpoint", "transformers.models.llama.modeling_llama",
)  # fmt: skip
"""What a whole experiment imports beside this project's own modules and what these name."""
READ_ON_IMPORT = ("HF_", "PYTHON", "TRANSFORMERS_")
"""Environment variables of which libraries take notice once."""
OURS = {"PYTHONPATH": str(ROOT)}
MESSAGE = 1 << 17


class Child:
    """`python -m MODULE ...` in `folder`; to be handled like a `subprocess.Popen[str]`."""

    def __init__(self, words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.returncode: int | None = None
        self._said = [tempfile.TemporaryFile("w+", encoding="utf-8") for _ in range(2)]  # noqa: SIM115
        self._end, end = os.pipe()
        told = json.dumps([list(words), str(folder), dict(environment)]).encode()
        server = _server()
        socket.send_fds(server, [told], [*(file.fileno() for file in self._said), end])
        os.close(end)
        pid = server.recv(MESSAGE)
        assert pid, "what forks has ended; what it said is above"
        self.pid = int(pid)

    def poll(self) -> int | None:
        """The exit code, minus the signal's number where one ended it; None while it runs."""
        return self._ended(0.0)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises `subprocess.TimeoutExpired`."""
        code = self._ended(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """All that it printed, and all that it complained of, once it has ended."""
        self.wait(timeout)
        for file in self._said:
            file.seek(0)
        printed, complained = (file.read() for file in self._said)
        return printed, complained

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._end], [], [], timeout)[0]:
            self.returncode = int(os.read(self._end, 16))
            os.close(self._end)
        return self.returncode


def can_fork(environment: Mapping[str, str]) -> bool:
    """Whether a fork will do: where forks are safe, and no library must read other settings."""
    return _can_watch() and _read_on_import(environment) == told_at_first() | OURS


@functools.cache
def told_at_first() -> dict[str, str]:
    """What libraries read on import when this was first asked: what they are told in forks."""
    return _read_on_import(os.environ)


def tell_as_at_first() -> None:
    """Take back what libraries were told meanwhile in this process's environment, which commands inherit."""
    for name in _read_on_import(os.environ):
        del os.environ[name]
    os.environ.update(told_at_first())


@functools.cache
def _can_watch() -> bool:
    """Whether the system tells when a process ends: Linux does, from 5.3 on."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def _read_on_import(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(READ_ON_IMPORT)}


@functools.cache
def _server() -> socket.socket:
    """Where a process listens that has imported all; one for each process that runs tests."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.children", str(theirs.fileno())],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith(READ_ON_IMPORT)}
        | told_at_first()
        | OURS,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()
    atexit.register(lambda: (ours.close(), process.wait()))
    return ours


def serve(requests: socket.socket) -> None:
    """Fork for each request; report of each fork how it ended. Ends with who asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of Ctrl-C who asks is told as well
    atexit.register(_leave)  # the first to be registered is the last to be called
    _import_all()
    running: dict[int, tuple[int, int]] = {}
    while True:
        for ready in select.select([requests, *running], [], [])[0]:
            if ready is not requests:
                _report(ready, *running.pop(ready))
                continue
            told, fds, *_ = socket.recv_fds(requests, MESSAGE, 3)
            if not told:
                return
            pid = os.fork()
            if not pid:
                requests.close()
                _become(*json.loads(told), fds)
                return
            for fd in fds[:2]:
                os.close(fd)
            running[os.pidfd_open(pid)] = pid, fds[2]
            requests.send(str(pid).encode())


def _import_all() -> None:
    """And compose once: Hydra's grammar, too, is read by the first who needs it; so is a page's template."""
    import alpaca_exp
    from alpaca_exp.compose import compose
    from alpaca_exp.errors import InputError

    gc.disable()
    share_schemas()
    for module in pkgutil.walk_packages(alpaca_exp.__path__, "alpaca_exp."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(InputError):  # it wants a package that is not installed, and says so
                importlib.import_module(module.name)
    for name in LAZY:
        importlib.import_module(name)
    from alpaca_exp.report.page_html import templates

    templates().get_template("page.html.j2")
    compose()
    gc.enable()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)  # as pytest's own process has it, for what is made in a few seconds


def share_schemas() -> None:
    """Hydra copies its store for each configuration, and never writes to the copy: a tenth of the time."""
    from hydra.core.config_store import ConfigStore

    ConfigStore.__deepcopy__ = lambda store, memo: store  # type: ignore[attr-defined]


def _report(process: int, pid: int, end: int) -> None:
    _, status = os.waitpid(pid, 0)
    os.close(process)
    os.write(end, str(os.waitstatus_to_exitcode(status)).encode())
    os.close(end)


def _become(words: list[str], folder: str, environment: dict[str, str], fds: Sequence[int]) -> None:
    """What `python -m` does with `words`."""
    for fd, place in zip([os.open(os.devnull, os.O_RDONLY), *fds[:2]], range(3), strict=True):
        os.dup2(fd, place)
    os.closerange(3, max(fds) + 1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv = list(words)
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        _codes.append(0)
    except SystemExit as error:
        _codes.append(error.code if isinstance(error.code, int) else 0 if error.code is None else 1)
        raise


_codes: list[int] = []
"""How this fork ends, once that is known."""


def _leave() -> None:
    """End a fork without taking down, module by module, what was imported: that takes half a second."""
    if _codes:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_codes[0])


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
