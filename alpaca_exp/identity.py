"""What decides what is made, as plain JSON: identity fields by value, files by content."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from alpaca_exp.content import sha256


def identity(value: Any) -> Any:
    """`value` without its runtime fields, as JSON holds it.

    A dataclass keeps its type's name, since the type is part of the recipe. A Path becomes its
    content's sha256, so that renaming a file changes nothing and editing it does. A field that came later
    is left out at its default, so that what was made before it came is still found.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {"type": type(value).__name__} | {
            field.name: _field(getattr(value, field.name), field.metadata.get("role", "identity"))
            for field in fields
            if field.metadata.get("role") != "runtime" and not _as_before(field, getattr(value, field.name))
        }
    if isinstance(value, Path):
        return {"sha256": sha256(value)}
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Mapping):
        return {str(key): identity(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [identity(item) for item in value]
    return value


def fingerprint(recipe: Any) -> str:
    """16 hex digits that name a recipe."""
    canonical = json.dumps(recipe, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def differences(old: Any, new: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each field in which two recipes differ: its name with dots, what it was and what it is (None: absent).

    Of two dataclasses of different types the type is the one difference: their fields mean different things.
    """
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if old != new:
            yield where, old, new
    elif old.get("type") != new.get("type"):
        yield where, old.get("type"), new.get("type")
    else:
        for key in [*new, *(key for key in old if key not in new)]:
            yield from differences(old.get(key), new.get(key), f"{where}.{key}" if where else str(key))


def _as_before(field: dataclasses.Field[Any], value: Any) -> bool:
    """Whether a field that came later is where it changes nothing."""
    return "left_out_at" in field.metadata and bool(value == field.metadata["left_out_at"])


def _field(value: Any, role: str) -> Any:
    if role == "content" and isinstance(value, str) and Path(value).expanduser().exists():
        return identity(Path(value).expanduser())
    return identity(value)
