"""How a field is declared: what it means, and whether it decides what is made."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from omegaconf import MISSING


def identity(doc: str, default: Any = MISSING, *, came_later: bool = False) -> Any:
    """A field that decides what is made.

    `came_later`: at its default all is made as before there was such a field, and has the same fingerprint.
    """
    field = _documented(doc, default, "identity")
    if came_later:
        field.metadata = MappingProxyType({**field.metadata, "left_out_at": default})
    return field


def runtime(doc: str, default: Any = MISSING) -> Any:
    """A field that decides only where and how it is made."""
    return _documented(doc, default, "runtime")


def identity_by_content(doc: str, default: Any = MISSING) -> Any:
    """A field that names either something elsewhere or a local folder, which is known by its files."""
    return _documented(doc, default, "content")


def at_least(config: object, where: str, **bounds: float) -> Iterator[str]:
    """One sentence for each field below its bound."""
    for name, bound in bounds.items():
        value = getattr(config, name)
        if not value >= bound:  # no number (.nan) is not enough either
            yield f"{where}.{name} is {value}; it must be {bound} or more"


def shares(config: object, where: str, *names: str) -> Iterator[str]:
    """One sentence for each field that is no share of one."""
    for name in names:
        if not 0 <= getattr(config, name) <= 1:
            yield f"{where}.{name} is {getattr(config, name)}; it must be between 0 and 1"


def _documented(doc: str, default: Any, role: str) -> Any:
    metadata = {"doc": doc, "role": role}
    if isinstance(default, type):
        return dataclasses.field(default_factory=default, metadata=metadata)
    if isinstance(default, (list, dict)):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)
