"""Whether a mirror's file can serve a task: every row is looked at, once for each content that a file has."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from alpaca_exp.content import sha256
from alpaca_exp.errors import InputError
from alpaca_exp.harness import rows
from alpaca_exp.harness.names import StockTask
from alpaca_exp.harness.remembered import is_known, remember
from alpaca_exp.harness.rows import read_columns, row_fault
from alpaca_exp.records import Row, read_row

POINTER = b"version https://git-lfs"
Numbered = Iterator[tuple[int, Row]]


def file_problems(task: StockTask, file: Path, *, typed: bool = False) -> list[str]:
    """One sentence for what keeps `file` from being scored as the task's documents; none where nothing does.

    Of tasks whose columns are known, each row's columns, their kinds and the label are looked at, but in
    tables of text, and where another file says the columns' types (`typed`): only loading restores those.
    A file that was found good is remembered by its content.
    """
    key = f"{sha256(file)} {task.name} {typed} {sha256(Path(rows.__file__))} {sha256(Path(__file__))}"
    if is_known(key):
        return []
    try:
        found = list(_problems(task, file, None if typed else row_fault(task)))
    except InputError as error:
        return [str(error)]
    if not found:
        remember(key)
    return found


def looks_at_rows(task: StockTask, file: Path, *, typed: bool) -> bool:
    """Whether `file_problems` looks at the file's rows, not at its beginning alone."""
    return row_fault(task) is not None and not typed and file.suffix not in (".csv", ".tsv")


def num_rows(file: Path) -> int:
    """How many rows the file has."""
    match file.suffix:
        case ".jsonl":
            with file.open("rb") as lines:
                return sum(1 for line in lines if line.strip())
        case ".csv" | ".tsv":
            with file.open(encoding="utf-8", newline="") as opened:
                return sum(1 for _ in csv.reader(opened)) - 1
        case ".parquet":
            import pyarrow.parquet

            return int(pyarrow.parquet.read_metadata(file).num_rows)
    return sum(1 for _ in _rows(file))


def _problems(task: StockTask, file: Path, fault: Callable[[Row], str | None] | None) -> Iterator[str]:
    with file.open("rb") as opened:
        if opened.read(len(POINTER)) == POINTER:
            yield f"{file} is a pointer of Git LFS, not the data; run git lfs pull in {file.parent}"
            return
    columns = _columns(file)
    missing = [column for column in read_columns(task) if columns and column not in columns]
    if columns == ():
        yield f"{file} holds no documents; the task {task.name} needs at least one"
    elif missing:
        yield (
            f"{file} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}, which the task "
            f"{task.name} reads; it has {', '.join(columns or ())}"
        )
    elif fault:
        yield from _faulty(task, file, fault)


def _faulty(task: StockTask, file: Path, fault: Callable[[Row], str | None]) -> Iterator[str]:
    """The first row that cannot be scored, and how many more there are."""
    found = [(number, said) for number, row in _rows(file) if (said := fault(row))]
    if not found:
        return
    word = "line" if file.suffix == ".jsonl" else "row"
    number, said = found[0]
    more = f" ({len(found) - 1:,} more {word}s will not do either)" if len(found) > 1 else ""
    yield (
        f"{file}, {word} {number}, cannot be scored as a document of the task {task.name}: {said}{more}; "
        f"mend or remove {'them' if more else 'it'}"
    )


def _columns(file: Path) -> tuple[str, ...] | None:
    """The first row's columns; none where the file has no rows, null where only loading it tells."""
    match file.suffix:
        case ".jsonl":
            _whole_lines(file)
            return tuple(next((row for _, row in _rows(file)), ()))
        case ".csv" | ".tsv":
            with file.open(encoding="utf-8", newline="") as opened:
                lines = csv.reader(opened, delimiter="\t" if file.suffix == ".tsv" else ",")
                header, first = next(lines, []), next(lines, None)
            return tuple(header) if first else ()
        case ".parquet":
            return _parquet_columns(file)
    return None


def _rows(file: Path) -> Numbered:
    """The rows with their numbers, from 1; none of a kind of file that only loading reads."""
    match file.suffix:
        case ".jsonl":
            try:
                with file.open(encoding="utf-8") as lines:
                    for number, line in enumerate(lines, start=1):
                        if line.strip():
                            yield number, read_row(line, file, number)
            except UnicodeDecodeError as error:
                raise InputError(f"{file} is not UTF-8 text ({error.reason}); save it as UTF-8") from None
        case ".json":
            yield from enumerate(_listed(file), start=1)
        case ".parquet" | ".arrow":
            yield from enumerate(_stored(file), start=1)


def _whole_lines(file: Path) -> None:
    """Raises InputError for a line that is cut off: one that does not end as it must."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            text = line.strip()
            if text.startswith(b"["):
                raise InputError(
                    f"{file}, line {number}, begins a JSON array, and a .jsonl file holds one JSON object on "
                    "each line; write each element on a line of its own"
                )
            if text and not (text.startswith(b"{") and text.endswith(b"}")):
                raise InputError(f"{file}, line {number}, is not a whole JSON object; mend or fetch it again")


def _listed(file: Path) -> list[Row]:
    """The rows of a .json file that is a list of objects; of any other only loading tells."""
    try:
        told: Any = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return []
    return told if isinstance(told, list) and all(isinstance(row, dict) for row in told) else []


def _stored(file: Path) -> list[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        if file.suffix == ".parquet":
            table = pyarrow.parquet.read_table(file)
        else:
            with pyarrow.memory_map(str(file)) as source:
                table = pyarrow.ipc.open_stream(source).read_all()
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read ({error}); mend it, or fetch it again") from None
    found: list[Row] = table.to_pylist()
    return found


def _parquet_columns(file: Path) -> tuple[str, ...]:
    import pyarrow.parquet

    try:
        footer = pyarrow.parquet.read_metadata(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{file} is not a whole Parquet file ({error}); fetch it again") from None
    return tuple(footer.schema.to_arrow_schema().names) if footer.num_rows else ()
