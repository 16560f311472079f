"""Where a study is kept: a SQLite file, a journal file, or a database that several machines share."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from alpaca_exp.errors import InputError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.storages.journal import JournalFileOpenLock
    from sqlalchemy import URL, Connection

JOURNAL, SQLITE = "journal://", "sqlite:///"
PASSWORD = "ALPACA_EXP_STORAGE_PASSWORD"
"""The environment variable in which a storage's password reaches a sweep's jobs: no file has it."""
WAITS_S = 60
"""How long a process waits for another one that writes to the same SQLite file."""
CONNECTS_S = 15
"""How long a database may take to answer at all."""
SHARED = (
    "nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "beegfs", "beegfs_nodev", "ceph", "cephfs", "afs",
    "orangefs", "panfs", "wekafs", "glusterfs", "sshfs",
)  # fmt: skip
"""File systems of several machines, as the system calls them."""
LOCKED_S = 365 * 24 * 3600
"""How long one may wait for one's turn; MariaDB refuses to wait for ever."""
DATABASES = ("postgresql", "mysql", "mariadb")
"""Those whose locks we know how to take."""
ADDRESSES = (
    "write sqlite:///FILE, FILE.log, or postgresql://USER@HOST/DATABASE (the password in PGPASSWORD or "
    "~/.pgpass)"
)
LONGEST = 200
"""Characters of what a database's driver says."""


def address_of(given: str | None, folder: Path) -> str:
    """The storage's address as it may be written down; null is a SQLite file in the sweep's `folder`.

    Where that lies on a network file system it is a journal: SQLite's locks are not to be trusted there.
    A path is a SQLite file, or a journal where it ends in .log. A password stays in this process and its
    children. Raises InputError for what is no address, and for a file in a folder that is not there, unless
    that lies among the sweeps' own outputs.
    """
    if not given:
        kept = folder / "study.db"
        return (
            f"{SQLITE}{kept}" if kept.exists() or not on_network(folder) else f"{JOURNAL}{folder}/study.log"
        )
    if "://" not in given:
        given = f"{JOURNAL if given.endswith(('.log', '.journal')) else SQLITE}{given}"
    if given.removeprefix(JOURNAL).removeprefix(SQLITE) in ("", ":memory:", "sqlite://"):
        raise InputError(
            f"hydra.sweeper.storage={given} is lost with its process; name a file: {SQLITE}study.db"
        )
    if given.startswith((JOURNAL, SQLITE)):
        _check_folder(given, folder)
        return given
    url = _url(given)
    if url.get_backend_name() not in DATABASES:
        raise InputError(
            f"hydra.sweeper.storage={url.drivername}://... is no storage of a study; {ADDRESSES}"
        )
    if password := url.password or url.query.get("password"):
        os.environ[PASSWORD] = str(password)
    return without_password(given)


def _check_folder(address: str, sweep: Path) -> None:
    """Raises InputError where a file's folder is not there: mistyped, it would begin another study."""
    file = file_of(address)
    assert file is not None, "asked of files alone"
    above, own = file.parent.resolve(), sweep.resolve()
    own = own.parents[1] if own.parent.name == "sweeps" else own
    if not (above.exists() or above.is_relative_to(own)):
        raise InputError(
            f"hydra.sweeper.storage={file}: there is no folder {file.parent}; make it, or mend the path"
        )


def on_network(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> bool:
    """Whether a folder lies on a file system that machines share, as far as the system says."""
    try:
        told = [line.split() for line in mounts.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return False
    here = folder.expanduser().resolve()
    above = {str(one) for one in (here, *here.parents)}
    found = [(words[1], words[2]) for words in told if len(words) > 2 and words[1] in above]
    return max(found, key=lambda one: len(one[0]))[1].removeprefix("fuse.") in SHARED if found else False


def without_password(address: str) -> str:
    """A database's address as it may be written down."""
    from sqlalchemy import URL

    url = _url(address)
    query = {name: value for name, value in url.query.items() if name != "password"}
    made = URL.create(url.drivername, url.username, None, url.host, url.port, url.database, query)
    return made.render_as_string(hide_password=False)


def masked(word: str) -> str:
    """A word of the command line without a password that an address in it has, however it is spelt."""
    without = re.sub(r"([?&]password=)[^&'\"]*", r"\1", word)
    return re.sub(r"(://[^:/@\s]*):.*@", r"\1@", without) if "hydra.sweeper" in word else without


def open_storage(address: str) -> BaseStorage:
    """The storage at `address`: sqlite:///study.db, journal://study.log, postgresql://user@host/name.

    Raises InputError, in one sentence, where it cannot be reached.
    """
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    file = file_of(address)
    try:
        if file is not None:
            _make_ready(file)
        if file is not None and address.startswith(JOURNAL):
            _check_journal(file)
            return JournalStorage(JournalFileBackend(str(file), lock_obj=_lock(f"{file}.lock")))
        if file is not None:
            return RDBStorage(address, engine_kwargs={"connect_args": {"timeout": WAITS_S}})
        told = {"pool_pre_ping": True, "connect_args": _patience(_url(address))}
        return RDBStorage(_entered(address).render_as_string(hide_password=False), engine_kwargs=told)
    except Exception as error:
        raise unreachable(address, error) from None


def _make_ready(file: Path) -> None:
    """Make the folder of a study's file. Raises OSError where no file can be made in it.

    The lock, waiting, could not tell: that there is nothing at its place yet is no fault to it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{file}.turn", "ab"):
        pass


def _check_journal(file: Path) -> None:
    """Raises InputError for a file that is something else."""
    try:
        with file.open(encoding="utf-8") as lines:
            first = next(lines, '{"op_code": 0}\n')
        if not first.endswith("\n") or "op_code" in json.loads(first):
            return  # or being written, for the first time
    except FileNotFoundError:
        return
    except ValueError:
        pass
    raise InputError(f"{file} is not the journal of a study; name another file")


def file_of(address: str) -> Path | None:
    """The file that a study is kept in; None where a database has it."""
    for scheme in (JOURNAL, SQLITE):
        if address.startswith(scheme):
            return Path(address.removeprefix(scheme)).expanduser()
    return None


class Turns:
    """Waiting for one's turn at a study: inside, no other process asks it for trials, or tells it of any.

    A process that is killed loses its turn at once: the lock is the system's, or the database's own.
    """

    def __init__(self, address: str, study_name: str) -> None:
        self._address, self._name = address, study_name
        self._connection: Connection | None = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Wait for it, and give it back. Raises InputError where the storage cannot be reached."""
        file = file_of(self._address)
        lock = FileLock(f"{file}.turn") if file else None
        try:
            if file is not None and lock is not None:
                _make_ready(file)
                lock.acquire()
            else:
                self._take()
        except Exception as error:
            self.close()
            raise unreachable(self._address, error) from None
        try:
            yield
        finally:
            if lock is not None:
                lock.release()
            else:
                self._give_back()

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
        self._connection = None

    def _take(self) -> None:
        if self._connection is None or self._connection.invalidated:
            self._connection = _connect(self._address)
        self._say("SELECT pg_advisory_lock(:key)", f"SELECT GET_LOCK(:key, {LOCKED_S})")

    def _give_back(self) -> None:
        try:
            self._say("SELECT pg_advisory_unlock(:key)", "SELECT RELEASE_LOCK(:key)")
        except Exception:  # whatever a driver raises: without the connection there is no lock either
            self.close()

    def _say(self, postgresql: str, mysql: str) -> None:
        from sqlalchemy import text

        assert self._connection is not None
        digest = hashlib.sha256(f"alpaca_exp {self._name}".encode()).digest()
        if self._connection.dialect.name == "postgresql":
            key = int.from_bytes(digest[:8], "big", signed=True)
            self._connection.execute(text(postgresql), {"key": key})
        elif self._connection.execute(text(mysql), {"key": digest.hex()[:60]}).scalar() != 1:
            raise InputError(f"{self._address} gives no lock to its study; is another process stuck in it?")


def _connect(address: str) -> Connection:
    from sqlalchemy import NullPool, create_engine

    url = _entered(address)
    engine = create_engine(url, poolclass=NullPool, connect_args=_patience(url), isolation_level="AUTOCOMMIT")
    return engine.connect()


def _entered(address: str) -> URL:
    """The address with its password, and with a driver that is here."""
    url = _url(address)
    if url.password is None and url.username and PASSWORD in os.environ:
        url = url.set(password=os.environ[PASSWORD])
    if url.drivername == "postgresql" and importlib.util.find_spec("psycopg2") is None:
        url = url.set(drivername="postgresql+psycopg")
    return url


def _url(address: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise InputError(f"hydra.sweeper.storage cannot be read as an address; {ADDRESSES}") from None
    return url.set(drivername="postgresql") if url.drivername == "postgres" else url


def _patience(url: URL) -> dict[str, int]:
    return {"connect_timeout": CONNECTS_S} if url.get_backend_name() in DATABASES else {}


def of_the_storage(error: Exception) -> bool:
    """Whether a database, or Optuna for it, raised it."""
    return type(error).__module__.partition(".")[0] in ("sqlalchemy", "psycopg", "sqlite3", "pymysql") or (
        type(error).__name__ == "StorageInternalError"
    )


def unreachable(address: str, error: Exception) -> InputError:
    """That a storage cannot be reached, in one sentence without its password."""
    if isinstance(error, InputError):
        return error
    if isinstance(error, ModuleNotFoundError):
        return InputError(f"The study's storage {address} needs the package {error.name}: pip install it")
    said = " ".join(str(getattr(error, "orig", None) or error).split())[:LONGEST]
    said = said.replace(os.environ.get(PASSWORD) or "\0", "***")
    return InputError(f"The study's storage {address} cannot be reached: {said or type(error).__name__}")


def _lock(path: str) -> JournalFileOpenLock:
    """A lock as Optuna's journal wants it, which the system takes back from a process that is killed."""
    from optuna.storages.journal import JournalFileOpenLock

    class Lock(JournalFileOpenLock):
        def __init__(self) -> None:
            self._lock = FileLock(path)

        def acquire(self) -> bool:
            self._lock.acquire()
            return True

        def release(self) -> None:
            self._lock.release()

    return Lock()
