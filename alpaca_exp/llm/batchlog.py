"""Which batches were handed in, so that one is neither forgotten nor handed in twice.

A file beside the journal, `<outputs>/journal/<model>.batches.jsonl`. A line is `{t,account,token,state,
batch,keys}`: `submitting` before a batch goes out (with the keys of its requests), then `submitted` with
its number at the server, then `collected` (or `dropped`, where it never came to be). `token` is a mark
that the batch carries at the server, by which it is found again after a kill between the two.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alpaca_exp.errors import InputError, Stopped
from alpaca_exp.records import Row


@dataclass(frozen=True)
class Submitted:
    """A batch that is not collected yet; `batch` is None where its number was not learnt."""

    token: str
    keys: tuple[str, ...]
    batch: str | None = None


class BatchLog:
    """The batches of one account (a stage's fingerprint), the oldest first."""

    def __init__(self, journal: Path, account: str) -> None:
        self._path = journal.with_suffix(".batches.jsonl")
        self._account = account
        self._open: dict[str, Submitted] = {}
        for row in _rows(self._path):
            if row["account"] == account:
                self._take(row)

    def open(self) -> list[Submitted]:
        """The batches that are not collected yet."""
        return list(self._open.values())

    def submitting(self, token: str, keys: Sequence[str]) -> Submitted:
        """Note, safe on the disk, that a batch goes out now."""
        self._write({"token": token, "state": "submitting", "batch": None, "keys": list(keys)})
        return self._open[token]

    def submitted(self, token: str, batch: str) -> Submitted:
        """Note the batch's number at the server."""
        self._write({"token": token, "state": "submitted", "batch": batch, "keys": None})
        return self._open[token]

    def close(self, token: str, state: str) -> None:
        """Note that the batch is `collected`, or `dropped`."""
        self._write({"token": token, "state": state, "batch": None, "keys": None})

    def _write(self, row: Row) -> None:
        row = {"t": round(time.time(), 3), "account": self._account, **row}
        try:
            with self._path.open("ab+") as file:
                if file.tell() and _last_byte(file.fileno(), file.tell()) != b"\n":
                    file.write(b"\n")
                file.write(json.dumps(row).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Stopped(
                f"{self._path} cannot be written ({error.strerror}). Every answer so far is kept: make "
                "room and run the same command again to go on"
            ) from None
        self._take(row)

    def _take(self, row: Row) -> None:
        token = row["token"]
        if row["state"] == "submitting":
            self._open[token] = Submitted(token, tuple(row["keys"]))
        elif row["state"] == "submitted" and token in self._open:
            self._open[token] = replace(self._open[token], batch=row["batch"])
        else:
            self._open.pop(token, None)


def _last_byte(file: int, end: int) -> bytes:
    return os.pread(file, 1, end - 1)


def _rows(path: Path) -> list[Row]:
    """The whole lines; one that was cut short is left out, since nothing went out before it was written."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    rows = []
    for line in lines:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return [row for row in rows if isinstance(row, dict)]
