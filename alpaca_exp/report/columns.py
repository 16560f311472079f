"""The `documents.jsonl` of an evaluation by column, quick where many evaluations asked the same.

What stands in a row before its value (task, document, prompt, metric) is the same, byte for byte, in every
evaluation that asked the same. It is read as JSON once, and of the next such file only the values are.
"""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alpaca_exp.records import Row
from alpaca_exp.report.kept import NAME, Kept, kept
from alpaca_exp.report.measured import Array, Asked, Document, Measured, asked
from alpaca_exp.report.rows import rows as rows_of

Columns = Mapping[tuple[str, str], Measured]
"""By task and metric ("acc"; "exact_match,strict" where a filter was applied)."""
_Places = Mapping[tuple[str, str], tuple[Asked, npt.NDArray[np.intp]]]
"""By task and metric, its documents and the rows that they stand in."""
VALUE, CLUSTER = b'"value": ', b', "cluster": '
RIGHT_OR_WRONG = {b"1.0,": 1.0, b"0.0,": 0.0}
KEYS = ("task", "doc_id", "doc_hash", "prompt_hash", "metric", "cluster")
"""What tells a document apart."""
MOST_SHAPES = 16
"""So many ways of asking are kept in mind."""


@functools.cache
def columns(file: Path) -> Columns:
    """What `file` holds, without the documents that have no value; nothing where there is no file.

    Raises ArtifactError, naming the line, where one cannot be read.
    """
    before = kept(file.parents[2])
    found = _of_before(before, file)
    if found is not None:
        return found
    try:
        text = file.read_bytes()
    except OSError:
        return {}
    lines, clustered = text.split(b"\n"), CLUSTER in text
    if lines[-1] == b"":
        lines.pop()
    shape, values = _values(lines, clustered)
    if values is None:
        rows = rows_of(file, ("task", "doc_id", "metric", "value"))
        shape = _learnt(lines, rows)
        values = shape.read(lines, clustered) if shape else None
        if shape is None or values is None:
            return _of_rows(rows)
        _SHAPES.insert(0, shape)
        del _SHAPES[MOST_SHAPES:]
    if shape is None:
        return {}
    before.keep(file, before.share(shape.told).encode() + values.astype("<f8").tobytes())
    return _arranged(shape.places, values)


def _values(lines: Sequence[bytes], clustered: bool) -> tuple[_Shape | None, Array | None]:
    """By one of the known shapes; None where it is of another."""
    for shape in _SHAPES:
        values = shape.read(lines, clustered)
        if values is not None:
            return shape, values
    return None, None


def _of_before(before: Kept, file: Path) -> Columns | None:
    """What an earlier report kept of it."""
    entry = before.of(file)
    told = before.shared(entry[:NAME].decode("ascii", "replace")) if entry else None
    if entry is None or told is None:
        return None
    places, count = _told_places(told)
    values = np.frombuffer(entry[NAME:], "<f8") if len(entry) == NAME + 8 * count else None
    return None if values is None else _arranged(places, values)


@functools.lru_cache(maxsize=64)
def _told_places(told: bytes) -> tuple[_Places, int]:
    rows = json.loads(told)
    return _places(rows), len(rows)


def _arranged(places: _Places, values: Array) -> Columns:
    return {name: Measured(of, values[rows]) for name, (of, rows) in places.items()}


@dataclass(frozen=True, eq=False)
class _Shape:
    """What the rows of a file begin and end with, around what differs from model to model."""

    heads: Sequence[bytes]
    """Up to the value."""
    tails: Sequence[bytes]
    """From the cluster on, where there is one."""
    values: Sequence[slice]
    """Where a value begins, and as much of it as tells 1.0 and 0.0."""
    places: _Places
    told: bytes
    """What tells the documents apart, a row a row, as JSON."""
    clustered: bool

    def read(self, lines: Sequence[bytes], clustered: bool) -> Array | None:
        """A value a row; None where these are rows of another shape. `clustered`: whether any has one."""
        if len(lines) != len(self.heads) or clustered != self.clustered:
            return None
        if not all(map(bytes.startswith, lines, self.heads)):
            return None
        if not all(map(bytes.endswith, lines, self.tails)):
            return None
        values = self._right_or_wrong(lines)
        values = self._numbers(lines) if values is None else values
        return None if values is None or np.isnan(values).any() else values

    def _right_or_wrong(self, lines: Sequence[bytes]) -> Array | None:
        """The values where all are 1 or 0, as they mostly are; None where they are not."""
        starts: Iterable[bytes] = map(operator.getitem, lines, self.values)  # type: ignore[arg-type]
        try:
            return np.fromiter(map(RIGHT_OR_WRONG.__getitem__, starts), np.float64, len(lines))
        except KeyError:
            return None

    def _numbers(self, lines: Sequence[bytes]) -> Array | None:
        """Up to the next comma; where there is none, to the brace that the row ends with."""
        begins = (of.start for of in self.values)
        texts = [line[n : line.find(b",", n)] for line, n in zip(lines, begins, strict=True)]
        try:
            return np.fromiter(map(float, texts), np.float64, len(texts))
        except ValueError:
            return None


_SHAPES: list[_Shape] = []


def _of_rows(rows: Sequence[Row]) -> Columns:
    return {
        name: Measured(of, np.array([float(rows[place]["value"]) for place in places]))
        for name, (of, places) in _places(rows).items()
    }


def _places(rows: Sequence[Row]) -> _Places:
    """Where the documents of each metric stand; of a document that is there twice the last."""
    found: dict[tuple[str, str], dict[Document, int]] = {}
    for place, row in enumerate(rows):
        if _valued(row):
            found.setdefault((str(row["task"]), str(row["metric"])), {})[_document(row)] = place
    return {
        name: (asked(tuple(places)), np.fromiter(places.values(), np.intp, len(places)))
        for name, places in found.items()
    }


def _valued(row: Row) -> bool:
    """Whether there is a number; one that is not a number (NaN) is none."""
    value = row["value"]
    return isinstance(value, (int, float)) and value == value


def _document(row: Row) -> Document:
    return Document(
        str(row["doc_id"]),
        row.get("doc_hash") or str(row["task"]),
        row.get("prompt_hash") or "",
        row.get("cluster"),
    )


def _learnt(lines: Sequence[bytes], rows: Sequence[Row]) -> _Shape | None:
    """The shape of a file whose rows are `rows`; None where it is not written as our own are."""
    if len(lines) != len(rows) or not all(map(_valued, rows)):
        return None
    heads, tails = [], []
    for line, row in zip(lines, rows, strict=True):
        head = line[: line.find(VALUE) + len(VALUE)]
        tail = line[line.rfind(CLUSTER) :] if "cluster" in row else b"}"
        if not _agrees(head, tail, row):
            return None
        heads.append(head)
        tails.append(tail)
    clustered = any("cluster" in row for row in rows)
    values = [slice(len(head), len(head) + len(b"1.0,")) for head in heads]
    told = [{key: row[key] for key in KEYS if key in row} | {"value": 0} for row in rows]
    return _Shape(heads, tails, values, _places(rows), json.dumps(told).encode(), clustered)


def _agrees(head: bytes, tail: bytes, row: Row) -> bool:
    """Whether all that tells a document apart stands in the two."""
    try:
        told = json.loads(head + b"0}") | (json.loads(b"{" + tail[2:]) if tail != b"}" else {})
    except ValueError:
        return False
    return all(told.get(key) == row.get(key) for key in KEYS) and "value" in told
