"""A few of many rows, to be looked at: always the same ones, whatever their order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from alpaca_exp.records import Row


def few(rows: Iterable[Row], count: int) -> list[Row]:
    """At most `count` of `rows`: those whose ids have the smallest hashes."""
    return sorted(rows, key=_place)[:count]


def _place(row: Row) -> tuple[bytes, str]:
    name = str(row["id"])
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest(), name
