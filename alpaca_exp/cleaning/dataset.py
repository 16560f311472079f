"""A curated data set on disk, `dataset.jsonl` or `dataset.parquet`: all writing and reading of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from alpaca_exp.cleaning.files import OTHER_KEYS, OWN_LAYOUT, count_rows, records
from alpaca_exp.errors import InputError
from alpaca_exp.records import Row, read_jsonl, write_jsonl
from alpaca_exp.schemas import FileFormat

NAME = "dataset"
FIELDS = ("id", "instruction", "input", "output")
BATCH = 4096
"""Rows that are turned into columns at a time."""


def write_dataset(rows: Iterable[Row], folder: Path, file_format: FileFormat) -> Path:
    """Write `rows` into `folder`; the file appears whole or not at all, and alone. Returns its path."""
    file = folder / f"{NAME}.{file_format.name}"
    if file_format is FileFormat.parquet:
        _write_parquet(rows, file)
    else:
        write_jsonl(rows, file)
    for other in FileFormat:  # what an attempt in another format left
        if other is not file_format:
            (folder / f"{NAME}.{other.name}").unlink(missing_ok=True)
    return file


def read_dataset(folder: Path) -> Iterator[Row]:
    """The rows of the data set in `folder`, one at a time, whichever format it has.

    Each has `id`, `instruction`, `input` and `output`. Raises InputError where there is none.
    """
    file = dataset_file(folder)
    if file.suffix == ".jsonl":
        yield from read_jsonl(file, required=("instruction", "output"))
        return
    for record in records(file):
        if isinstance(record.value, Exception):
            raise InputError(f"{file}, {record.unit} {record.number}, {record.value}")
        yield record.value


def dataset_file(folder: Path) -> Path:
    """The data set's file in `folder`."""
    found = [folder / f"{NAME}.{one.name}" for one in FileFormat]
    file = next((one for one in found if one.is_file()), None)
    if file is None:
        raise InputError(f"{folder} holds no data set, neither {found[0].name} nor {found[1].name}")
    return file


def dataset_size(folder: Path) -> int:
    """How many rows the data set in `folder` has."""
    return count_rows(dataset_file(folder))


def _write_parquet(rows: Iterable[Row], file: Path) -> None:
    """The id and the three fields as columns; what else a row has as JSON, since it may be anything."""
    import pyarrow
    import pyarrow.parquet as parquet

    columns = [pyarrow.field(name, pyarrow.string()) for name in (*FIELDS, OTHER_KEYS)]
    schema = pyarrow.schema(columns, metadata={OWN_LAYOUT: b"1"})
    draft = file.with_name(f"{file.name}.draft")
    with parquet.ParquetWriter(draft, schema, compression="zstd") as writer:
        left = iter(rows)
        while some := [_packed(row) for row in islice(left, BATCH)]:
            writer.write_table(pyarrow.Table.from_pylist(some, schema))
    os.replace(draft, file)


def _packed(row: Row) -> Row:
    others = {key: value for key, value in row.items() if key not in FIELDS}
    packed = {name: row[name] for name in FIELDS}
    return packed | {OTHER_KEYS: json.dumps(others, ensure_ascii=False) if others else None}
