"""A mirror's documents as lm-eval's tasks take them, ready at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import datasets
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from alpaca_exp.errors import InputError
from alpaca_exp.harness.layouts import card_features
from alpaca_exp.harness.mirror import Mirrored
from alpaca_exp.records import Row, read_jsonl


def reader(
    name: str, mirrored: Mirrored, config: str | None, required: Iterable[str] = ()
) -> Callable[..., datasets.DatasetDict]:
    """lm-eval's `custom_dataset` of the task `name`: whatever it is called with, the mirror's documents.

    Calling it raises InputError for a file that cannot be read, a line without one of the `required`
    columns, and a split without documents.
    """

    def read(**_: object) -> datasets.DatasetDict:
        types = _types(mirrored.types, config)
        made = {split: _split(name, files, types, required) for split, files in mirrored.splits.items()}
        return datasets.DatasetDict(made)

    return read


class Documents(datasets.Dataset):  # type: ignore[misc]
    """A data set in memory whose rows are changed and chosen there.

    `datasets` writes each row that it maps to a file in the making, and gives the result a fingerprint that
    nobody asks for here: of HellaSwag's 10,042 documents that takes longer than all else in loading a suite.
    """

    def map(
        self, function: Callable[..., Any] | None = None, *given: Any, **options: Any
    ) -> datasets.Dataset:
        """As `datasets` has it; at once where `function` takes one row and nothing else is wanted."""
        rows = None if function is None or given or options or _decoded(self) else self.to_list()
        made = [function(row) for row in rows] if function and rows else []
        if not made or not all(isinstance(row, dict) and row.keys() == made[0].keys() for row in made):
            return super().map(function, *given, **options)
        new = datasets.Dataset.from_list(made)
        kept = [column for column in self.column_names if column not in new.column_names]
        columns = {column: self.data.column(column) for column in kept}
        columns |= {column: new.data.column(column) for column in new.column_names}
        order = [
            *self.column_names,
            *(column for column in new.column_names if column not in self.column_names),
        ]
        types = {**self.features, **new.features}
        return _documents(pa.table({c: columns[c] for c in order}), {c: types[c] for c in order})

    def filter(
        self, function: Callable[..., Any] | None = None, *given: Any, **options: Any
    ) -> datasets.Dataset:
        """As `datasets` has it; at once where `function` takes one row and nothing else is wanted."""
        if function is None or given or options or _decoded(self):
            return super().filter(function, *given, **options)
        wanted = pa.array([bool(function(row)) for row in self.to_list()], pa.bool_())
        return _documents(self.data.table.filter(wanted), self.features)


def _documents(table: pa.Table, types: Mapping[str, Any]) -> Documents:
    info = datasets.DatasetInfo(features=datasets.Features(types))
    # A fingerprint is the key of results that are kept on disk: nothing of these is, and hashing takes time.
    return Documents(datasets.table.InMemoryTable(table), info=info, fingerprint=uuid4().hex[:16])


def _decoded(documents: datasets.Dataset) -> bool:
    """Whether rows are more than what is stored (pictures), or are seen through a choice or a format."""
    decodes = any(documents.features._column_requires_decoding.values())
    return bool(decodes or documents._indices is not None or documents.format["type"] is not None)


def _split(
    name: str, files: Sequence[Path], types: datasets.Features | None, required: Iterable[str]
) -> Documents:
    tables = [_table(file, types, required) for file in files]
    try:
        table = pa.concat_tables([_in_order(each, tables[0].column_names) for each in tables])
    except (pa.ArrowInvalid, KeyError) as error:
        raise InputError(f"the files of the task {name} have not all the same columns ({error})") from None
    if not table.num_rows:
        where = f"{files[0]} holds" if len(files) == 1 else f"{files[0]} and those beside it hold"
        raise InputError(f"{where} no documents; the task {name} needs at least one")
    told = types if types and set(types) == set(table.column_names) else None
    known = told or datasets.Features.from_arrow_schema(table.schema)
    return _documents(table.replace_schema_metadata(None), {c: known[c] for c in table.column_names})


def _in_order(table: pa.Table, columns: list[str]) -> pa.Table:
    return table.select(columns)


def _table(file: Path, types: datasets.Features | None, required: Iterable[str]) -> pa.Table:
    """One file's rows, with the columns' types where they are told."""
    try:
        match file.suffix:
            case ".jsonl":
                return _of_rows(list(read_jsonl(file, required)), types)
            case ".json":
                return _of_rows(_json_rows(file, required), types)
            case ".parquet":
                return pa.parquet.read_table(file)
            case ".arrow":
                with pa.memory_map(str(file)) as source:
                    return pa.ipc.open_stream(source).read_all()
            case _:
                divided = pa.csv.ParseOptions(
                    delimiter="\t" if file.suffix == ".tsv" else ",", newlines_in_values=True
                )
                return _cast(pa.csv.read_csv(file, parse_options=divided), types)
    except (pa.ArrowException, OSError, TypeError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{file} cannot be read ({reason}); mend it, or fetch it again") from None


def _of_rows(rows: list[Row], types: datasets.Features | None) -> pa.Table:
    known = types if types and rows and set(types) == set(rows[0]) else None
    try:
        return datasets.Dataset.from_list(rows, features=known).data.table
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise ValueError(f"{_mixed(rows)}{error}") from None


def _mixed(rows: Sequence[Row]) -> str:
    """The column whose values are of several kinds, which Arrow's own message does not name."""
    for column in rows[0] if rows else ():
        try:
            pa.array([row.get(column) for row in rows])
        except (pa.ArrowException, TypeError, ValueError):
            return f"the values of {column} are of several types: "
    return ""


def _json_rows(file: Path, required: Iterable[str]) -> list[Row]:
    """The rows of a .json file: a list, JSON lines, or the list of a field."""
    text = file.read_text(encoding="utf-8")
    if not text.lstrip().startswith("["):
        return list(read_jsonl(file, required))
    rows: list[Row] = json.loads(text)
    return rows


def _cast(table: pa.Table, types: datasets.Features | None) -> pa.Table:
    known = types if types and set(types) == set(table.column_names) else None
    return table.cast(known.arrow_schema) if known else table


def _types(described: Path | None, config: str | None) -> datasets.Features | None:
    """What `features.json` or a card says of the columns."""
    if described is None:
        return None
    try:
        if described.suffix == ".json":
            return datasets.Features.from_dict(json.loads(described.read_text(encoding="utf-8")))
        return datasets.Features._from_yaml_list(card_features(described, config))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{described} does not describe the columns' types ({error}); mend or remove it"
        ) from None
