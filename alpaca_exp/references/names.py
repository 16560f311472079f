"""What the names of models and sets in printed tables mean: models.yaml and sets.yaml."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
FILES = ("models.yaml", "sets.yaml")


@dataclass(frozen=True)
class Model:
    """One set of weights, or one system behind a server."""

    name: str
    title: str
    names: tuple[str, ...]
    family: str = ""
    size: str = ""
    recipe: str = ""
    note: str = ""


@dataclass(frozen=True)
class Set:
    """One set of documents or questions."""

    name: str
    title: str
    names: tuple[str, ...]
    n: int
    measures: tuple[str, ...]
    """The metrics that figures of it come in."""
    gold: str = ""
    """The one right answer of all documents, where it is one."""
    gap: Decimal | None = None
    """How many points acc_norm lies above acc."""


@functools.cache
def models() -> Mapping[str, Model]:
    """The known models by name."""
    return {row["name"]: Model(**_tuples(row)) for row in _rows(FILES[0])}


@functools.cache
def sets() -> Mapping[str, Set]:
    """The known sets by name."""
    found = (_tuples(row) for row in _rows(FILES[1]))
    return {row["name"]: Set(**row | {"gap": Decimal(row["gap"]) if "gap" in row else None}) for row in found}


@functools.cache
def models_named(name: str, size: str = "") -> tuple[Model, ...]:
    """The models that a printed name may mean: one of that name, or all of a family, of that size if told."""
    wanted = {spelling(name), spelling(name + size)}
    exact = [one for one in models().values() if wanted & {spelling(word) for word in (*one.names, one.name)}]
    if exact:
        return tuple(exact)
    family = [one for one in models().values() if one.family and spelling(one.family) == spelling(name)]
    return tuple(one for one in family if not size or spelling(one.size) == spelling(size))


@functools.cache
def set_named(name: str) -> Set | None:
    """The set that a printed name means; None where it is not known."""
    wanted = spelling(name)
    return next(
        (one for one in sets().values() if wanted in {spelling(word) for word in (*one.names, one.name)}),
        None,
    )


def recipe_of(text: str) -> dict[str, str]:
    """`learning_rate=2e-5; epochs=3` by key."""
    pairs = (part.partition("=") for part in text.split(";") if "=" in part)
    return {key.strip(): value.strip() for key, _, value in pairs}


def spelling(name: str) -> str:
    """A name without what printers write in one way or another: case, blanks, hyphens, dots."""
    return re.sub(r"[^\w]|_", "", name).casefold()


def content(file: str) -> tuple[str, list[dict[str, Any]]]:
    """When one of FILES was checked (`references.checked`), and its rows."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = yaml.load((HERE / file).read_bytes(), Loader=loader)
    return found["checked"], found["rows"]


def _rows(file: str) -> list[dict[str, Any]]:
    return content(file)[1]


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
