"""Whether a table is still the one that was compared with its source, cell by cell.

A sum catches a slip in a number; nothing in a table tells that a model, a set, a standard error or the sum
itself was typed over. So a table notes when it was compared, with the digest of what it was then:

    checked: 2026-11-23 0f3a5c1e9b7d2468
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from alpaca_exp.references.files import Table
from alpaca_exp.references.names import FILES, content
from alpaca_exp.references.rows import texts_of

DIGITS = 16


def changed_since(table: Table) -> str | None:
    """Why a table is not the one that was checked; None where it is, or nobody says that it ever was."""
    if not table.checked:
        return None
    cells = [table.name, str(table.total), [texts_of(row) for row in table.rows]]
    sources = dict.fromkeys(row.source for row in table.rows)
    return _unlike(table.checked, cells, f" against {' and '.join(sources)}")


def names_changed_since() -> Iterator[tuple[str, str]]:
    """Of what names of models and sets mean: the file that is not the one that was checked, and why."""
    for file in FILES:
        checked, rows = content(file)
        if why := _unlike(checked, rows, ""):
            yield file, why


def _unlike(checked: str, cells: object, against: str) -> str | None:
    day, _, digest = checked.partition(" ")
    now = _digest(day, cells)
    if digest == now:
        return None
    if not digest:
        return f"was checked{against} on {day}; note checked: {day} {now}, so that a later change shows"
    told = f"was changed since it was checked cell by cell{against} on {day}"
    return f"{told}: see what was changed, and if it is right, note checked: {day} {now}"


def _digest(day: str, cells: object) -> str:
    """Of what the cells say, however they are laid out in a file."""
    text = json.dumps([day, cells], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
