"""A data file as plain text: what its rows say, for a tokenizer or for pre-training."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from alpaca_exp.cleaning.columns import Columns
from alpaca_exp.cleaning.files import Unusable, records
from alpaca_exp.cleaning.reading import instances
from alpaca_exp.errors import InputError
from alpaca_exp.records import Row


def corpus_texts(file: Path) -> Iterator[str]:
    """One text a row: the three fields, or all that is text in it where its columns are others.

    What cannot be read is left out, and one line says how much: of a corpus nothing is missed by it.
    Raises InputError where nothing is left.
    """
    columns = Columns({})
    read = left_out = 0
    for record in records(file):
        for raw in instances(record.value):
            text = None if isinstance(raw, Unusable) else _text(raw, columns)
            read, left_out = read + bool(text), left_out + (text is None)
            if text:
                yield text
    if not read:
        raise InputError(f"{file} holds no text; give a data file with at least one row, or a plain text")
    if left_out:
        _say_once(f"corpus {file}: {left_out:,} of {read + left_out:,} rows left out, which cannot be read")


def _text(raw: Row, columns: Columns) -> str | None:
    try:
        row = columns.fields(raw)
        parts = [row["instruction"], row["input"], row["output"]]
    except Unusable:
        parts = [value for key, value in raw.items() if isinstance(value, str) and key != "id"]
    text = "\n".join(filter(None, parts))
    try:
        text.encode()
    except UnicodeEncodeError:
        return None
    return text or None


@cache
def _say_once(line: str) -> None:
    """A corpus is read more than once."""
    print(line, file=sys.stderr)
