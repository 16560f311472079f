"""What a run was configured with, key by key: from the configuration noted beside it, else its overrides."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
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
        told = _read(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    own = {key: one for key, one in told.items() if key != CLAIMS} if isinstance(told, dict) else {}
    values = dict(_leaves(own))
    return {key: _text(_followed(value, values)) for key, value in values.items()}


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


def _read(text: str) -> Any:
    """A configuration, group by group: of many runs most groups are the same, and read once."""
    groups = _GROUP.split(text)
    try:
        found = [_parsed(group) for group in groups if group.strip()]
    except yaml.YAMLError:
        return _parsed(text)
    if not all(isinstance(group, dict) for group in found):
        return _parsed(text)
    return {key: value for group in found for key, value in group.items()}


@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> Any:
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _leaves(node: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
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
