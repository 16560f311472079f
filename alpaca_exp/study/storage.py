"""Where a study is kept: a SQLite file, a journal file, or a database that several machines share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

JOURNAL, SQLITE = "journal://", "sqlite:///"
WAITS_S = 60
"""How long a process waits for another one that writes to the same SQLite file."""


def open_storage(address: str) -> BaseStorage:
    """The storage at `address`: sqlite:///study.db, journal://study.log, postgresql://user@host/name."""
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    if address.startswith(JOURNAL):
        path = Path(address.removeprefix(JOURNAL))
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))
    if address.startswith(SQLITE):
        Path(address.removeprefix(SQLITE)).parent.mkdir(parents=True, exist_ok=True)
        return RDBStorage(address, engine_kwargs={"connect_args": {"timeout": WAITS_S}})
    return RDBStorage(address, engine_kwargs={"pool_pre_ping": True})
