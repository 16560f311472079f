"""Files of published numbers: YAML, JSON lines or CSV, each row known by its file and line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import yaml

from alpaca_exp.errors import InputError
from alpaca_exp.records import json_fault
from alpaca_exp.references.rows import Reference, made, nearest

TOP = ("table", "total", "checked", "shared", "rows")
"""What a YAML document may hold: a name, the sum of all printed numbers, when it was last compared with its
source (`references.checked`), what all rows have, the rows."""
FORMATS = ".yaml, .yml, .jsonl, .csv"
MOST = 20
"""More problems than these are counted, not printed."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Table:
    """Rows that were printed together."""

    name: str
    rows: tuple[Reference, ...]
    total: Decimal | None = None
    """What the printed numbers add up to, noted when they were typed in: a slip in one of them shows."""
    checked: str = ""
    """When each cell was compared with its source, and the digest of what it then was (`checked.py`)."""


@dataclass(frozen=True)
class _Read:
    """A row as it stands in a file, or a table's other fields."""

    line: int
    texts: Mapping[str, str]


def read_tables(file: Path) -> list[Table]:
    """The tables of a file.

    Raises InputError, a sentence for each problem with file and line, where it cannot be read: torn, of no
    known kind, with misspelt or missing fields, with an id twice.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text ({error.reason}); save it as UTF-8") from None
    kinds = {".yaml": _yaml, ".yml": _yaml, ".jsonl": _json_lines, ".csv": _csv}
    if file.suffix not in kinds:
        raise InputError(f"{file} ends with none of {FORMATS}; rows of published numbers are read from these")
    found, problems, seen = [], [], {}  # type: ignore[var-annotated]
    for head, rows in kinds[file.suffix](text, file):
        kept = []
        for one in rows:
            row, wrong = made(one.texts)
            if row and row.id in seen:
                wrong = [f"has the id {row.id}, which line {seen[row.id]} has already"]
            problems += [f"{file}, line {one.line}, {phrase}" for phrase in wrong]
            if row:
                seen.setdefault(row.id, one.line)
                kept.append(row)
        name, checked = head.texts.get("table", file.stem), head.texts.get("checked", "")
        found.append(Table(name, tuple(kept), _total(head, file), checked))
    if problems:
        more = [f"and {len(problems) - MOST} more"] * (len(problems) > MOST)
        raise InputError("\n".join([*problems[:MOST], *more]))
    if not any(table.rows for table in found):
        raise InputError(f"{file} holds no rows")
    return found


def _total(head: _Read, file: Path) -> Decimal | None:
    text = head.texts.get("total")
    try:
        return Decimal(text) if text else None
    except ArithmeticError:
        raise InputError(f"{file}, line {head.line}, has {text!r} as total, which is no number") from None


def _csv(text: str, file: Path) -> Iterator[tuple[_Read, list[_Read]]]:
    """One table; lines that begin with # are comments."""
    lines = ["\n" if line.startswith("#") else line for line in text.splitlines(keepends=True)]
    reader = csv.reader(lines)
    head: list[str] = []
    rows = []
    for cells in reader:
        if not cells:
            continue
        if not head:
            head = [cell.strip() for cell in cells]
            continue
        if len(cells) != len(head):
            told = f"has {len(cells)} cells where the head has {len(head)}"
            raise InputError(f"{file}, line {reader.line_num}, {told}")
        rows.append(_Read(reader.line_num, dict(zip(head, map(str.strip, cells), strict=True))))
    yield _Read(1, {}), rows


def _json_lines(text: str, file: Path) -> Iterator[tuple[_Read, list[_Read]]]:
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_float=str, parse_int=str)
        except json.JSONDecodeError as error:
            raise InputError(
                f"{file}, line {number}, is not valid JSON ({json_fault(error)}); mend or remove that line"
            ) from None
        if not isinstance(row, dict):
            raise InputError(f"{file}, line {number}, is no JSON object but a {type(row).__name__}")
        rows.append(_Read(number, {key: _text(value, key, file, number) for key, value in row.items()}))
    yield _Read(1, {}), rows


def _text(value: object, key: str, file: Path, line: int) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return "; ".join(value)
    raise InputError(f"{file}, line {line}, has {json.dumps(value)} as {key}; it is text or a number")


def _yaml(text: str, file: Path) -> Iterator[tuple[_Read, list[_Read]]]:
    """A table a document: a list of rows, or a mapping of TOP."""
    try:
        for document in yaml.compose_all(text, Loader=_LOADER):
            if document is not None:
                yield _document(document, file)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise InputError(
            f"{file}, line {line}, is not valid YAML ({error.problem}); mend that line"
        ) from None
    except yaml.YAMLError as error:
        raise InputError(f"{file} is not valid YAML ({error}); mend it") from None


def _document(document: yaml.Node, file: Path) -> tuple[_Read, list[_Read]]:
    if isinstance(document, yaml.SequenceNode):
        return _Read(_line(document), {}), _rows(document.value, {}, file)
    parts = {key: (line, node) for key, line, node in _entries(document, file)}
    for key, (line, _) in parts.items():
        if key not in TOP:
            raise InputError(
                f"{file}, line {line}, has {key} beside the rows, which is nothing{nearest(key, TOP)}"
            )
    line, rows = parts.get("rows", (_line(document), None))
    if not isinstance(rows, yaml.SequenceNode):
        raise InputError(f"{file}, line {line}, has no list of rows; write rows: and below it one - a row")
    shared = _texts(parts["shared"][1], file) if "shared" in parts else {}
    head = {key: _scalar(parts[key][1], key, file) for key in TOP[:3] if key in parts}
    return _Read(parts.get("total", (line, None))[0], head), _rows(rows.value, shared, file)


def _rows(nodes: Sequence[yaml.Node], shared: Mapping[str, str], file: Path) -> list[_Read]:
    return [_Read(_line(node), {**shared, **_texts(node, file)}) for node in nodes]


def _texts(node: yaml.Node, file: Path) -> dict[str, str]:
    return {key: _scalar(value, key, file) for key, _, value in _entries(node, file)}


def _entries(node: yaml.Node, file: Path) -> Iterator[tuple[str, int, yaml.Node]]:
    """Keys with their lines and values. Raises InputError where a key stands twice, or there are none."""
    if not isinstance(node, yaml.MappingNode):
        raise InputError(f"{file}, line {_line(node)}, is no row; write its fields as name: value")
    seen: set[str] = set()
    for key, value in node.value:
        name = str(key.value)
        if name in seen:
            raise InputError(f"{file}, line {_line(key)}, has {name} a second time")
        seen.add(name)
        yield name, _line(key), value


def _scalar(node: yaml.Node, key: str, file: Path) -> str:
    """The text of a value with its digits as they stand, of a list its parts."""
    if isinstance(node, yaml.SequenceNode) and all(isinstance(one, yaml.ScalarNode) for one in node.value):
        return "; ".join(str(one.value) for one in node.value)
    if not isinstance(node, yaml.ScalarNode):
        raise InputError(f"{file}, line {_line(node)}, has fields below {key}; it is text or a number")
    return "" if node.tag == "tag:yaml.org,2002:null" else str(node.value).strip()


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
