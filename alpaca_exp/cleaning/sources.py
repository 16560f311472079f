"""Where a variant's rows come from: the teacher's examples, or a local file in one of the usual formats."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from alpaca_exp import paths
from alpaca_exp.errors import InputError
from alpaca_exp.records import Row, read_jsonl

COLUMNS = {
    "instruction": ("instruction", "prompt", "question"),
    "input": ("input", "context"),
    "output": ("output", "response", "completion", "answer"),
}
"""The three fields, each by the names it usually has."""

PUBLISHED = {
    "3779ddbc040543ab1834ef216c983d6fcc06cc9a": "alpaca_data (Stanford, original)",
    "fce7512c5733979e61db8c25e5138deead700650": "alpaca_data_cleaned (AlpacaDataCleaned, final)",
    "862cc5fac6f7bad3f16948117f5985c20349f481": "alpaca_data_cleaned_archive (alpaca-lora's copy)",
    "25508714b7879a1e5a6764ba7f979a980f549f1a": "alpaca_gpt4_data (GPT-4-LLM)",
}
"""Published files by their git blob id."""


def read_rows(file: Path) -> list[Row]:
    """The rows of a local file: `id`, `instruction`, `input`, `output` and every key that it has besides.

    Reads a JSON array (Alpaca's own format), JSON lines, and seed tasks (one row an instance). A row
    without an id of its own is `row-<index>`. Raises InputError, naming file and row, for what is neither.
    """
    rows = [_row(raw, index, file) for index, raw in enumerate(_flat(_objects(paths.find(file)), file))]
    if not rows:
        raise InputError(f"{file} holds no rows; give a file with at least one example")
    _check_ids(rows, file)
    return rows


def source_name(file: Path) -> str:
    """What the file is: its published name if its bytes are known, else its content hash. Never its path."""
    content = paths.find(file).read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    return PUBLISHED.get(blob) or f"file sha256:{hashlib.sha256(content).hexdigest()[:16]}"


def _objects(file: Path) -> Iterable[Row]:
    """The JSON objects of `file`, whether one array or one a line."""
    try:
        with file.open(encoding="utf-8") as opened:
            opening = next((line.lstrip()[:1] for line in opened if line.strip()), "")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{file} is not UTF-8 text; save it as a JSON array or as JSON lines") from None
    return _array(file) if opening == "[" else read_jsonl(file)


def _array(file: Path) -> Iterator[Row]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(
            f"{file}, line {error.lineno}, is not valid JSON ({error.msg}); mend that line"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text ({error.reason}); save it as UTF-8") from None
    for number, value in enumerate(values, start=1):
        if not isinstance(value, dict):
            raise InputError(f"{file}, row {number}, is no JSON object but a {type(value).__name__}")
        yield value


def _flat(objects: Iterable[Row], file: Path) -> Iterator[Row]:
    """One row an instance, where rows are seed tasks; other rows as they are."""
    for number, value in enumerate(objects, start=1):
        instances = value.get("instances")
        if instances is None:
            yield value
            continue
        if not isinstance(instances, list) or not all(isinstance(one, dict) for one in instances):
            raise InputError(f"{file}, row {number}: `instances` must be a list of input/output objects")
        task = {key: part for key, part in value.items() if key != "instances"}
        for place, instance in enumerate(instances):
            own = {"id": f"{task['id']}.{place}"} if "id" in task and len(instances) > 1 else {}
            yield {**task, **instance, **own}


def _row(raw: Row, index: int, file: Path) -> Row:
    names = {field: _column(raw, field) for field in COLUMNS}
    missing = [field for field in ("instruction", "output") if names[field] is None]
    if missing:
        found = ", ".join(sorted(raw)) or "nothing"
        raise InputError(f"{file}, row {index + 1}, lacks {' and '.join(missing)}; it has {found}")
    fields = {field: _text(raw.get(name or field), field, index, file) for field, name in names.items()}
    rest = {key: value for key, value in raw.items() if key not in names.values() and key != "id"}
    name = raw.get("id")
    identifier = str(name) if isinstance(name, (str, int)) and name != "" else f"row-{index}"
    return {"id": identifier, **fields, **rest}


def _column(raw: Row, field: str) -> str | None:
    return next((name for name in COLUMNS[field] if name in raw), None)


def _text(value: Any, field: str, index: int, file: Path) -> str:
    if value is None and field == "input":
        return ""
    where = f"{file}, row {index + 1}: `{field}`"
    if not isinstance(value, str):
        kind = "null" if value is None else type(value).__name__
        raise InputError(f"{where} must be text, not {kind}; mend or remove that row")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise InputError(f"{where} holds half a character (a lone surrogate); mend that row")
    return value


def _check_ids(rows: list[Row], file: Path) -> None:
    first: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        if (earlier := first.setdefault(row["id"], number)) != number:
            raise InputError(
                f"{file}, row {number}, has the id of row {earlier} ({row['id']}); "
                "make the ids unique, or leave them out"
            )
