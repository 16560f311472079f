"""Files of artifacts: JSON lines read at once, and each file once where many metrics and cells ask for it."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path

from alpaca_exp.errors import ArtifactError, InputError
from alpaca_exp.records import Row, read_jsonl


@functools.cache
def jsonl(path: Path) -> tuple[Row, ...]:
    """The rows of a file; none where there is no file."""
    return tuple(rows(path))


def rows(path: Path, required: Sequence[str] = ()) -> list[Row]:
    """The same, kept by nobody.

    Raises ArtifactError, naming the line, where one cannot be read, or lacks a `required` key.
    """
    try:
        text = path.read_bytes()
    except OSError:
        return []
    needed = frozenset(required)
    try:  # within a JSON text no line ends: one list, read in one go, several times as quick as line by line
        found = json.loads(b"[" + text.rstrip().replace(b"\n", b",") + b"]")
        if all(isinstance(row, dict) and row.keys() >= needed for row in found):
            return list(found)
    except ValueError:
        pass
    try:
        return list(read_jsonl(path, required))
    except InputError as error:
        raise torn(path, error) from None


def torn(path: Path, error: InputError) -> ArtifactError:
    """What an artifact's file cannot be read as, with the remedy: a line less would be another result."""
    fault = str(error).partition("; ")[0]
    return ArtifactError(f"{fault}; delete {path.parent} and run again to remake it")
