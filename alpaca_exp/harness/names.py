"""lm-eval's collection of tasks, groups and tags, read without importing lm-eval."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from alpaca_exp.errors import ConfigError, InputError

NAME = rb"^[\"']?(task|group|class)[\"']?:[ \t]*[\"']?([^\s\"'#\[\]{},]+)"
TAG = rb"^[\"']?tag[\"']?:([^\n]*(?:\n[ \t]*- [^\n]*)*)"
INCLUDE = rb"^[\"']?include[\"']?:[ \t]*[\"']?([^\s\"'#]+)"
KEYS = re.compile(b"|".join((NAME, TAG, INCLUDE)), re.MULTILINE)
WORD = re.compile(rb"[^\s\"'#\[\]{},]+")
MOST_PROBLEMS = 12
GROUP_KEYS = frozenset({"group", "group_alias", "task", "aggregate_metric_list", "metadata"})
"""What a group says of itself; all else it says of its tasks."""


@dataclass(frozen=True)
class Function:
    """A function that a task's file names: `utils.process_docs` of the module beside it."""

    folder: Path
    name: str


@dataclass(frozen=True)
class StockTask:
    """One task as lm-eval's files define it."""

    name: str
    config: Mapping[str, Any]
    """Its definition with its includes, and what a group changes in it."""
    file: Path | None
    """None where a group defines it within itself."""
    changed: Mapping[str, Any] = field(default_factory=dict)
    """What a group changes in it."""
    within: tuple[str, ...] = ()
    """The groups and tags that it was named by, the outermost first."""


@dataclass(frozen=True)
class StockGroup:
    """A group with a score of its own, over all tasks in it and in the groups in it."""

    name: str
    config: Mapping[str, Any]
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class Resolved:
    """What a suite's names stand for."""

    tasks: Mapping[str, StockTask]
    groups: tuple[StockGroup, ...]


def resolve(names: Sequence[str]) -> Resolved:
    """The tasks that `names` stand for, in their order, groups and tags taken apart as lm-eval does.

    Raises ConfigError with a sentence for each name that is unknown, with the nearest one, and for each
    task that two groups want in two different ways.
    """
    found: list[StockTask] = []
    groups: list[StockGroup] = []
    problems: list[str] = []
    for name in dict.fromkeys(names):
        try:
            found += _expanded(name, {}, (), groups)
        except InputError as error:
            problems.append(str(error))
    tasks: dict[str, StockTask] = {}
    for task in found:
        if tasks.setdefault(task.name, task).config != task.config:
            problems.append(
                f"eval_suite.tasks names {task.name} twice, and {' in '.join(reversed(task.within))} changes "
                "it; leave one of the two out"
            )
    if problems:
        raise ConfigError(fewer(problems))
    return Resolved(tasks, tuple({group.name: group for group in groups}.values()))


def fewer(problems: Iterable[str]) -> list[str]:
    """Each problem once, and of the many that a large group can have alike only the first."""
    each = list(dict.fromkeys(problems))
    more = len(each) - MOST_PROBLEMS
    return [*each[:MOST_PROBLEMS], f"and {more} more problems like these"] if more > 1 else each


def _expanded(
    name: str, changed: Mapping[str, Any], within: tuple[str, ...], groups: list[StockGroup]
) -> list[StockTask]:
    """The tasks of one name; the groups among them that have a score are added to `groups`."""
    if name in within:
        raise InputError(f"lm-eval's group {name} holds itself, by way of {', '.join(within)}")
    file = _file(name)
    if file is None:
        members = sorted(_index().tags[name])
        return [task for member in members for task in _expanded(member, changed, (*within, name), groups)]
    config = _definition(file)
    if "class" in config or "group" not in config:
        return [StockTask(name, {**config, **changed}, file, dict(changed), within)]
    return _of_group(name, config, changed, within, groups)


def _of_group(
    name: str,
    config: Mapping[str, Any],
    changed: Mapping[str, Any],
    within: tuple[str, ...],
    groups: list[StockGroup],
) -> list[StockTask]:
    place = len(groups)
    changed = {key: value for key, value in config.items() if key not in GROUP_KEYS} | dict(changed)
    members = config.get("task")
    inside = (*within, name)
    tasks = [
        task
        for member in (members if isinstance(members, list) else [])
        for task in _member(name, member, changed, inside, groups)
    ]
    if config.get("aggregate_metric_list"):
        groups.insert(place, StockGroup(name, config, tuple(task.name for task in tasks)))
    return tasks


def _member(
    group: str, member: Any, changed: Mapping[str, Any], inside: tuple[str, ...], groups: list[StockGroup]
) -> Iterable[StockTask]:
    """A group's member: a name, or a mapping that changes what is named or defines it on the spot."""
    if isinstance(member, str):
        return _expanded(member, changed, inside, groups)
    of_group = "group" in member
    name = str(member["group" if of_group else "task"])
    if of_group and not known(name):
        return _of_group(f"{group}::{name}", member, changed, inside, groups)
    own = {**changed, **{key: value for key, value in member.items() if key not in ("task", "group")}}
    if known(name):
        return _expanded(name, own, inside, groups)
    if "include" in own:
        raise InputError(
            f"lm-eval's group {group} defines the task {name} by including another file, which lm-eval "
            "itself cannot load; name other tasks in eval_suite.tasks"
        )
    inline = f"{group}::{name}"
    return [StockTask(inline, {**own, "task": inline}, None, own, inside)]


def check_name(name: str) -> None:
    """Raise InputError, with the nearest name, where lm-eval has no task, group or tag of this one."""
    if not known(name):
        _file(name)


def known(name: str) -> bool:
    """Whether lm-eval has a task, a group or a tag of this name."""
    return _near(name) is not None or name in _index().files or name in _index().tags


def _file(name: str) -> Path | None:
    """The file that defines a task or a group; None for a tag. Raises InputError for an unknown name."""
    file = _near(name) or _index().files.get(name)
    if file is None and name not in _index().tags:
        everything = [*_index().files, *_index().tags]
        near = difflib.get_close_matches(name, everything, n=1, cutoff=0.0)
        raise InputError(f"lm-eval has no task {name}; did you mean {near[0]}?")
    return file


def _near(name: str) -> Path | None:
    """The file, if it lies where the name points: most tasks' folders begin like their names."""
    parts = name.split("_")
    stock = task_collection()
    roots = [stock / "_".join(parts[:end]) for end in range(len(parts), 0, -1)]
    for root in [*roots, stock / "super_glue" / name]:
        if (file := _scanned(root).files.get(name)) is not None:
            return file
    return None


@dataclass(frozen=True)
class _Index:
    files: Mapping[str, Path]
    tags: Mapping[str, frozenset[str]]


def _index() -> _Index:
    return _scanned(task_collection())


@cache
def _scanned(root: Path) -> _Index:
    """The names in all files below `root`, by text: parsing all 14,000 would take a hundred times as long."""
    files: dict[str, Path] = {}
    tags: dict[str, set[str]] = {}
    for file in sorted(_yaml_files(root)):
        name, tagged = _keys(file)
        if name and name not in files:
            files[name] = Path(file)
            for tag in tagged:
                tags.setdefault(tag, set()).add(name)
    return _Index(files, {tag: frozenset(members) for tag, members in tags.items() if tag not in files})


def _yaml_files(root: Path) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        yield from (os.path.join(folder, name) for name in names if name.endswith(".yaml"))


@cache
def _keys(file: str) -> tuple[str, tuple[str, ...]]:
    """The name that a file defines ("" for a template), and its tags: its own, or else those it includes.

    A group has none: lm-eval lists tasks alone under a tag.
    """
    names: dict[bytes, str] = {}
    included = ""
    tags: tuple[str, ...] | None = None
    with open(file, "rb") as opened:
        for key, of_name, of_tag, of_include in KEYS.findall(opened.read()):
            names.setdefault(key, of_name.decode())
            included = of_include.decode() or included
            if of_tag:
                listed = [line.lstrip(b" \t-") for line in of_tag.split(b"\n")]
                tags = tuple(word.decode() for line in listed for word in WORD.findall(line.split(b" #")[0]))
    if tags is None and included:
        base = os.path.normpath(os.path.join(os.path.dirname(file), included))
        tags = _keys(base)[1] if os.path.isfile(base) else ()
    of_group = names.get(b"group") if b"class" not in names else None
    return of_group or names.get(b"task", ""), () if of_group else tags or ()


@cache
def _definition(file: Path) -> Mapping[str, Any]:
    """A file's YAML over that of the files it includes; functions are named, not imported."""
    config = yaml.load(file.read_bytes(), Loader=type("Loader", (_Loader,), {"folder": file.parent})) or {}
    included = config.pop("include", [])
    merged: dict[str, Any] = {}
    for name in included if isinstance(included, list) else [included]:
        merged |= {k: v for k, v in _definition((file.parent / name).resolve()).items() if k != "task_list"}
    return merged | config


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as lm-eval writes it."""


_Loader.add_constructor(
    "!function", lambda loader, node: Function(loader.folder, loader.construct_scalar(node))
)


@cache
def task_collection() -> Path:
    """The folder of lm-eval's own task files."""
    spec = find_spec("lm_eval")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("lm-eval is not installed; install it with pip install lm_eval")
    return Path(spec.submodule_search_locations[0]) / "tasks"
