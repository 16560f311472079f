"""A number that its own printer printed otherwise, as far as that is shipped here."""

from __future__ import annotations

from collections.abc import Iterable

from alpaca_exp.references.library import Known, load
from alpaca_exp.references.names import spelling
from alpaca_exp.references.rows import KINDS, Reference

MEASURED = (
    "unit", "split", "n", "num_fewshot", "frame", "harness", "reference", "pivot", "parts", "stderr", "low",
    "high",
)  # fmt: skip
"""Cells that whoever types a number in again does not word anew."""
FREE = ("flags", "note")
"""Cells that whoever copies a row with its id may write anew."""


def other_than_shipped(row: Reference) -> str | None:
    """The number, or a cell beside it, that the same row has otherwise here; a cell left empty is none."""
    same_id = next((one for one in load() if one.id == row.id and one.own), None)
    one = same_id or _same_cell(row)
    if one is None:
        return None
    if one.printed != row.printed:
        return f"has {row.printed}, where {one.source} prints {one.printed}"
    unlike = _unlike(row, one, [name for name in KINDS if name not in FREE] if same_id else MEASURED)
    return f"is a copy of {one.id} with another {', '.join(unlike)}" if unlike else None


def _same_cell(row: Reference) -> Reference | None:
    """The shipped row of that source, model, set and metric."""
    own = Known({}).really(row)
    key = (spelling(own.source), own.checkpoint, own.dataset, own.measure)
    if "" in key[1:3]:
        return None
    found = {
        (spelling(one.source), one.checkpoint, one.dataset, one.measure): one for one in load() if one.own
    }
    return found.get(key)


def _unlike(row: Reference, one: Reference, fields: Iterable[str]) -> list[str]:
    pairs = [(field, getattr(row, field), getattr(one, field)) for field in fields]
    return [
        f"{field} {ours} (not {theirs})"
        for field, ours, theirs in pairs
        if not {"", None} & {ours, theirs} and spelling(f"{ours}") != spelling(f"{theirs}")
    ]
