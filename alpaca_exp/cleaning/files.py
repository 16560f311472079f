"""Objects out of a data file, one at a time: a JSON array or JSON lines, gzipped or not, or Parquet."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from alpaca_exp.errors import InputError
from alpaca_exp.records import Row, json_fault

OTHER_KEYS = "other_keys"
"""The Parquet column that holds, as JSON, what a row has besides its id and the three fields."""
OWN_LAYOUT = b"alpaca_exp"
"""Key of the Parquet metadata that says that `OTHER_KEYS` is ours, not the user's."""
FORMATS = "a JSON array or JSON lines (both may be gzipped), or Parquet"
_BOM = b"\xef\xbb\xbf"


class Unusable(Exception):
    """Why a row cannot be used: `reason` is what is counted, the text goes on after the row's place."""

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        super().__init__(text)


class Record(NamedTuple):
    """One object of a file, or why there is none at its place."""

    unit: str
    """What is counted: "line" or "row"."""
    number: int
    """From 1."""
    value: Row | Unusable


def records(file: Path) -> Iterator[Record]:
    """What `file` holds, in order; told by its bytes, not by its name.

    JSON lines and Parquet are never in memory as a whole. Raises InputError for a file that cannot be read.
    """
    if file.is_dir():
        raise InputError(f"{file} is a folder; {folder_remedy(file)}")
    try:
        with file.open("rb") as opened:
            start = opened.read(4)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None
    if start == b"PAR1":
        yield from _parquet(file)
        return
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(f"{file} is UTF-16 text; save it as UTF-8")
    with _opened(file, start) as opened:
        yield from _array(_text(opened, file)) if _opening(opened, file) == b"[" else _lines(opened)


def folder_remedy(folder: Path) -> str:
    """What to give in place of a folder: a data file that it holds, if it holds one."""
    inside = sorted(
        p.name for p in folder.glob("*") if p.name.endswith((".json", ".jsonl", ".gz", ".parquet"))
    )
    named = f"name a file in it, such as {folder / inside[0]}" if inside else f"name a file: {FORMATS}"
    return f"{named}; or give a data set's folder as dataset_variant.hub"


def count_rows(file: Path) -> int:
    """How many rows `file` holds at most, found fast; 0 where it cannot be read."""
    try:
        with file.open("rb") as opened:
            start = opened.read(4)
        if start == b"PAR1":
            import pyarrow.parquet as parquet

            return int(parquet.read_metadata(file).num_rows)
        with _opened(file, start) as opened:
            if _opening(opened, file) != b"[":
                return sum(1 for line in opened if line.strip())
            return sum(1 for _ in _array(_text(opened, file)))
    except (OSError, EOFError, zlib.error, ValueError, InputError):
        return 0


def _opened(file: Path, start: bytes) -> BinaryIO:
    return gzip.open(file, "rb") if start[:2] == b"\x1f\x8b" else file.open("rb")  # type: ignore[return-value]


def _opening(opened: BinaryIO, file: Path) -> bytes:
    """The first byte that is not blank; the file is at its start again."""
    try:
        lines = (line.removeprefix(_BOM).lstrip()[:1] for line in opened)
        found = next(filter(None, lines), b"")
        opened.seek(0)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file} cannot be unpacked ({error}); it is damaged or cut short") from None
    return found


def _lines(opened: BinaryIO) -> Iterator[Record]:
    number = 0
    try:
        for number, line in enumerate(opened, start=1):
            if number == 1:
                line = line.removeprefix(_BOM)
            if not line.isspace():
                yield Record("line", number, _parsed(line))
    except (OSError, EOFError, zlib.error) as error:
        fault = Unusable("damaged archive", f"cannot be unpacked ({error}): the file is damaged or cut short")
        yield Record("line", number + 1, fault)


def _parsed(line: bytes) -> Row | Unusable:
    try:
        return _object(json.loads(line.rstrip(b"\r\n").decode("utf-8")))
    except UnicodeDecodeError as error:
        return Unusable("wrong encoding", f"is not UTF-8 (byte 0x{line[error.start]:02x})")
    except json.JSONDecodeError as error:
        return Unusable("broken JSON", f"is not valid JSON ({json_fault(error)})")
    except RecursionError:
        return Unusable("broken JSON", "is nested too deeply to be data")


def _object(value: Any) -> Row | Unusable:
    if isinstance(value, dict):
        return value
    return Unusable("no object", f"is no JSON object but a {type(value).__name__}")


def _text(opened: BinaryIO, file: Path) -> str:
    """The whole text. Bytes that are not UTF-8 are kept as lone surrogates, which no row may hold."""
    try:
        return opened.read().removeprefix(_BOM).decode("utf-8", "surrogateescape")
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file} cannot be unpacked ({error}); it is damaged or cut short") from None


def _array(text: str) -> Iterator[Record]:
    """The objects of one JSON array. Behind a fault it goes on with the next `{` that opens an object."""
    decode = json.JSONDecoder().raw_decode
    at, number = _behind_blanks(text, text.index("[") + 1), 0
    while at < len(text) and text[at] != "]":
        number += 1
        try:
            value, at = decode(text, at)
            yield Record("row", number, _object(value))
        except (json.JSONDecodeError, RecursionError) as error:
            place = getattr(error, "pos", at)
            found = _NEXT_OBJECT.search(text, place)
            yield _fault(text, place, error, torn=found is None)
            if found is None:
                return
            at = found.end() - 1
            continue
        at = _behind_blanks(text, at)
        if text[at : at + 1] == ",":
            at = _behind_blanks(text, at + 1)
        elif text[at : at + 1] not in ("]", ""):
            number += 1
            yield Record(*_line(text, at), Unusable("broken JSON", "lacks the comma between two rows"))
            if text[at] != "{":
                found = _NEXT_OBJECT.search(text, at)
                at = found.end() - 1 if found else len(text)
    if at >= len(text):
        torn = "is the file's end, but the array is not closed: the file was cut short"
        yield Record(*_line(text, len(text.rstrip())), Unusable("cut short", torn))
    elif text[at + 1 :].strip():
        begin = _behind_blanks(text, at + 1)
        yield Record(*_line(text, begin), Unusable("broken JSON", "goes on behind the array's end"))


_BLANKS = re.compile(r"[ \t\r\n]*")
_NEXT_OBJECT = re.compile(r"[\n,}\]][ \t\r\n]*\{")


def _behind_blanks(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return match.end() if match else at


def _line(text: str, at: int) -> tuple[str, int]:
    return "line", text.count("\n", 0, at) + 1


def _fault(text: str, at: int, error: Exception, *, torn: bool) -> Record:
    said = json_fault(error) if isinstance(error, json.JSONDecodeError) else "nested too deeply to be data"
    if torn:
        told = f"is not valid JSON ({said}), and no row follows: the file was cut short there"
        return Record(*_line(text, at), Unusable("cut short", told))
    return Record(*_line(text, at), Unusable("broken JSON", f"is not valid JSON ({said})"))


def _parquet(file: Path) -> Iterator[Record]:
    import pyarrow
    import pyarrow.parquet as parquet

    number = 0
    try:
        opened = parquet.ParquetFile(file, pre_buffer=False)  # else all of the file is read ahead
        own = OWN_LAYOUT in (opened.schema_arrow.metadata or {})
        for batch in opened.iter_batches(batch_size=2048, use_threads=False):
            for row in batch.to_pylist():
                number += 1
                yield Record("row", number, _unpacked(row) if own else plain(row))
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(
            f"{file} is not a Parquet file that can be read ({str(error).splitlines()[0]}); make it again"
        ) from None


def _unpacked(row: Row) -> Row:
    others = row.pop(OTHER_KEYS, None)
    return row | json.loads(others) if others else row


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: what Arrow knows besides (times, decimals, bytes) as text."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value.hex() if isinstance(value, bytes) else str(value)
