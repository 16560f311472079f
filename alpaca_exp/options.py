"""Every option and field of a config group: `python -m alpaca_exp.options teacher`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from omegaconf import MISSING

from alpaca_exp.commands import obey
from alpaca_exp.config import OVERLAYS, SCHEMAS, groups, nearest
from alpaca_exp.errors import InputError
from alpaca_exp.schemas import ExperimentConfig
from alpaca_exp.usage import opening, option_file

INDEX = "README"
CHOOSING = """\
Choose a group's option by its name (`teacher=openai`), set a field by its key (`teacher.temperature=0.7`).
What is laid over the rest takes a plus (`+experiment=cleaned`). On a terminal the page of a group is
`python -m alpaca_exp.options teacher`."""
ROLES = """\
A field of role *identity* decides what is made: with another value it is another artifact. One of role
*runtime* decides only where and how. Files count by their content, never by their name. A field without a
default must be set, by the option or by you."""
IN_WORDS = {"identity": "identity", "runtime": "runtime", "content": "identity; a folder by its content"}
TYPES = {
    bool: "true, false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    Any: "anything",
}
OVERLAID = {
    "experiment": "whole experiments: a few choices each, laid over the rest",
    "sweep": "many experiments from one file: see [sweeps](../sweeps.md)",
}


@dataclasses.dataclass(frozen=True)
class Field:
    """A key as a page shows it; schemas that declare it alike share a row."""

    key: str
    takes: str
    default: str
    role: str
    doc: str


def page(group: str) -> str:
    """What is to be known of a group, in Markdown; of INDEX: which groups there are."""
    if group != INDEX and group not in groups():
        raise InputError(f"{group} is no config group{nearest(group, groups())}")
    return _index() if group == INDEX else _page(group)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m alpaca_exp.options", description=__doc__)
    parser.add_argument("group", nargs="?", default=INDEX, help="left out: which groups there are")
    parser.set_defaults(run=lambda chosen: print(page(chosen.group), end=""))
    return obey(parser, arguments)


def _index() -> str:
    listed = [[f"[`{_chosen(group)}`]({group}.md)", _about(group)] for group in groups()]
    own = [field for field in _fields(ExperimentConfig) if field.key not in groups()]
    return _text(
        "# Every option and field",
        CHOOSING,
        ROLES,
        "## Groups",
        _table(["group", "what it chooses"], listed),
        "## Fields of no group",
        _table(["field", "takes", "default", "role", "what it is"], [_cells(field) for field in own]),
    )


def _page(group: str) -> str:
    options = [_option(group, name) for name in groups()[group]]
    return _text(
        f"# {_chosen(group)}",
        f"What this group chooses: {_about(group)}. [All groups](README.md)",
        "## Options",
        _table(["option", "what it is", "built on", "what it sets"], options),
        *_built_on({path: schema for path, schema in SCHEMAS.items() if path.startswith(f"{group}/")}),
    )


def _option(group: str, name: str) -> list[str]:
    """The row of one file: what it opens with, what its defaults list names, what it sets."""
    file = option_file(group, name)
    told: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    entries = told.pop("defaults", [])
    bases = [entry for entry in entries if isinstance(entry, str) and entry != "_self_"]
    choices = [pair for entry in entries if isinstance(entry, dict) for pair in entry.items()]
    chosen = [f"{key.removeprefix('override ').lstrip('/')}={value}" for key, value in choices]
    sets = list(told) if group == "claims" else [*chosen, *_settings(told)]
    return [f"`{name}`", " ".join(map(_marked, opening(file))), _code(bases), _code(sets)]


def _settings(told: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in told.items():
        if isinstance(value, dict) and value:
            yield from _settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}={_said(value)}"


def _built_on(schemas: Mapping[str, type]) -> Iterator[str]:
    """The schemas of a group, and a row for each field, with the schemas that declare it so."""
    if not schemas:
        return
    yield "## What they are built on"
    told = ((_base(path), (schema.__doc__ or "").partition("\n")[0]) for path, schema in schemas.items())
    yield _table(["schema", "what it is"], ([f"`{name}`", summary] for name, summary in told))
    declared: dict[str, dict[Field, list[str]]] = {}
    for path, schema in schemas.items():
        for field in _fields(schema, f"{path.partition('/')[0]}."):
            declared.setdefault(field.key, {}).setdefault(field, []).append(_base(path))
    rows = [(field, having) for alike in declared.values() for field, having in alike.items()]
    yield "## Fields"
    yield ROLES
    yield _table(
        ["field", "takes", "default", "role", "what it is", "of"],
        [[*_cells(field), "all" if len(having) == len(schemas) else _code(having)] for field, having in rows],
    )


def _base(path: str) -> str:
    """A schema as a defaults list names it: schema/openai."""
    return path.partition("/")[2]


def _fields(schema: type, prefix: str = "") -> Iterator[Field]:
    """The fields of a schema, and those of the settings in it; what is a group has its own page."""
    kinds = typing.get_type_hints(schema)
    for field in dataclasses.fields(schema):
        made = field.default_factory
        default = field.default if made is dataclasses.MISSING else made()
        if dataclasses.is_dataclass(default):
            yield from _fields(type(default), f"{prefix}{field.name}.")
        elif not dataclasses.is_dataclass(kinds[field.name]):
            role, doc = IN_WORDS[field.metadata["role"]], field.metadata["doc"]
            said = "" if default == MISSING else _said(default) or '""'
            yield Field(prefix + field.name, _takes(kinds[field.name]), said, role, doc)


def _takes(kind: Any) -> str:
    """What a field of this type takes, in words."""
    of = [part for part in get_args(kind) if part is not type(None)]
    if get_origin(kind) is list:
        return f"list of {_takes(of[0])}"
    if get_origin(kind) is dict:
        return "names with values"
    if of:
        return f"{_takes(of[0])}, null"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(member.name for member in kind)
    return TYPES[kind]


def _said(value: Any) -> str:
    """A value as one writes it on the command line."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, list):
        return f"[{','.join(map(_said, value))}]"
    return str(value) if isinstance(value, (str, Path)) else json.dumps(value, ensure_ascii=False)


def _cells(field: Field) -> list[str]:
    default = f"`{field.default}`" if field.default else ""
    return [f"`{field.key}`", field.takes, default, field.role, field.doc]


def _chosen(group: str) -> str:
    return f"+{group}" if group in OVERLAYS else group


def _about(group: str) -> str:
    own = {field.name: str(field.metadata["doc"]) for field in dataclasses.fields(ExperimentConfig)}
    return OVERLAID.get(group) or own[group]


def _marked(line: str) -> str:
    """A comment's line with the command that it ends in as code."""
    return re.sub(r"((?:[A-Z_]+=\S+ )?python -m .*?)(\)?)$", r"`\1`\2.", line)


def _code(words: Iterable[str]) -> str:
    return " ".join(f"`{word}`" for word in words)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
