"""What a run was configured with, key by key: from the configuration noted beside it, else its overrides."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

COMPOSED = Path(".hydra", "config.yaml")
"""Beside each run.json, what Hydra composed for the run."""
CLAIMS = "claims"
"""What a configuration states of the runs, and is no setting of theirs."""
_FOLLOWS = re.compile(r"\$\{([\w.]+)\}")
"""A field that takes the value of another one."""
_GROUP = re.compile(r"^(?=[^\s#\-])", re.MULTILINE)
"""Where a line that is not indented begins another group."""


@functools.cache
def settings(folder: Path) -> Mapping[str, str]:
    """Each field of the run in `folder` as text, by its key with dots; none where nothing was noted."""
    file = folder / COMPOSED
    try:
        groups = _read(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    own = [group for name, group in groups.items() if name != CLAIMS]
    found = {key: text for group in own for key, text in group.texts.items()}
    if any(group.refers for group in own):
        values = {key: value for group in own for key, value in group.values.items()}
        found |= {key: _text(_followed(values[key], values)) for group in own for key in group.refers}
    return found


def of_overrides(overrides: Iterable[str]) -> Mapping[str, str]:
    """The fields that overrides set: `eval_suite.limit=30`."""
    pairs = (override.lstrip("+").partition("=") for override in overrides)
    return {key: value for key, equals, value in pairs if equals and "." in key}


def same(one: str, other: str) -> bool:
    """Whether two values are one: the same words, or the same number however it is written."""
    try:
        return one == other or float(one) == float(other)
    except ValueError:
        return False


@dataclass(frozen=True)
class _Group:
    """The fields below one key of a configuration, by their keys with dots."""

    values: Mapping[str, Any]
    texts: Mapping[str, str]
    refers: tuple[str, ...]
    """Those that may take the value of another field."""


def _read(text: str) -> Mapping[str, _Group]:
    """A configuration, group by group: of many runs most groups are the same, and read once."""
    try:
        found = [_parsed(group) for group in _GROUP.split(text) if group.strip()]
    except yaml.YAMLError:
        found = [None]
    if None in found:
        found = [_parsed(text)]
    return {name: group for groups in found if groups is not None for name, group in groups.items()}


@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> Mapping[str, _Group] | None:
    """None where the text is no mapping."""
    told = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return {str(name): _group(name, one) for name, one in told.items()} if isinstance(told, dict) else None


def _group(name: object, told: Any) -> _Group:
    values = dict(_leaves({name: told}))
    refers = tuple(key for key, value in values.items() if isinstance(value, str) and "${" in value)
    return _Group(values, {key: _text(value) for key, value in values.items()}, refers)


def _leaves(node: Mapping[Any, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in node.items():
        key = f"{above}{name}"
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{key}.")
        else:
            yield key, value


def _followed(value: Any, values: Mapping[str, Any]) -> Any:
    """What a field is in the end that refers to another one."""
    for _ in values:
        match = _FOLLOWS.fullmatch(value) if isinstance(value, str) else None
        if match is None or match[1] not in values:
            return value
        value = values[match[1]]
    return value


def _text(value: Any) -> str:
    """As it would stand on the command line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    return str(value)
