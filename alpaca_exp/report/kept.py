"""What was read of large files, kept small: a second report reads a fiftieth of the bytes.

It lies in `<outputs>/.cache/report`, one file that may be deleted at any time. An entry is of one state of
one file: where the file changes, by size or time, it is read again. A folder that cannot be written to keeps
nothing.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
from pathlib import Path

FILE = Path(".cache", "report")
VERSION = 1
"""Raised where an entry's form changes."""
NAME = 32
"""Letters in the name of a text that entries share."""


class Kept:
    """The entries of one outputs folder, by file, and the texts that many of them share."""

    def __init__(self, outputs: Path) -> None:
        self._outputs = outputs
        self._head = f"{outputs}{os.sep}"
        self._entries = _load(outputs / FILE)
        self._changed = False

    def of(self, file: Path, what: str = "") -> bytes | None:
        """What was kept of `file`, if it is still the file that it was kept of; `what`: of several things."""
        found = self._entries.get(self._key(file, what))
        return found[1] if found and found[0] == _state(file) else None

    def keep(self, file: Path, entry: bytes, what: str = "") -> None:
        """Keep `entry` as what this state of `file` says."""
        self._entries[self._key(file, what)] = (_state(file), entry)
        self._changed = True

    def share(self, text: bytes) -> str:
        """Keep a text that many entries have in common; returns its name."""
        name = _name(text)
        self._entries.setdefault(name, ("", text))
        return name

    def shared(self, name: str) -> bytes | None:
        """The text of this name; None where it is gone, or another."""
        _, text = self._entries.get(name, ("", b""))
        return text if text and _name(text) == name else None

    def save(self) -> None:
        """Write what is new, all or nothing."""
        if not self._changed:
            return
        target = self._outputs / FILE
        draft = target.with_name(f"{target.name}.{os.getpid()}")
        index = {key: [state, len(entry)] for key, (state, entry) in self._entries.items()}
        with contextlib.suppress(OSError):
            target.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as out:
                out.write(json.dumps({"version": VERSION, "entries": index}).encode() + b"\n")
                out.writelines(entry for _, entry in self._entries.values())
            os.replace(draft, target)
            self._changed = False

    def _key(self, file: Path, what: str) -> str:
        return f"{str(file).removeprefix(self._head)}{what and f' {what}'}"


@functools.cache
def kept(outputs: Path) -> Kept:
    """The one object for an outputs folder."""
    return Kept(outputs)


def _load(file: Path) -> dict[str, tuple[str, bytes]]:
    """Nothing where there is no file, or one that is not whole."""
    try:
        head, _, entries = file.read_bytes().partition(b"\n")
        told = json.loads(head)
        found, at = {}, 0
        for key, (state, size) in told["entries"].items() if told["version"] == VERSION else ():
            found[key] = (str(state), entries[at : at + size])
            at += size
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
    return found if at == len(entries) else {}


@functools.lru_cache(maxsize=64)
def _name(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:NAME]


def _state(file: Path) -> str:
    """Size and time of a file; empty where there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"
