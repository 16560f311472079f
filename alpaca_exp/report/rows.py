"""Files of artifacts, each read once however many metrics and cells ask for it."""

from __future__ import annotations

import functools
from pathlib import Path

from alpaca_exp.records import Row, read_jsonl


@functools.cache
def jsonl(path: Path) -> tuple[Row, ...]:
    """The rows of a file; none where there is no file."""
    return tuple(read_jsonl(path)) if path.exists() else ()
