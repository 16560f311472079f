"""What is wrong with a command line, said with the nearest right name."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import get_origin

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, Node, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from alpaca_exp import schemas
from alpaca_exp.config import ADDRESS, OVERLAYS, SCHEMAS, groups, nearest, password_in
from alpaca_exp.errors import ConfigError
from alpaca_exp.refusals import HYDRAS_GROUPS, PLUGINS, hydras_keys, refusal, unreadable

KINDS: dict[object, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    Path: "a path",
}
"""What a field of plain type takes, in words."""
FLAGS_WITH_VALUE = ("--cfg", "-c", "--info", "-i", "--package", "-p", "--experimental-rerun")


def check(arguments: Sequence[str]) -> None:
    """Raise ConfigError with all that is wrong with `arguments`, before anything is composed."""
    problems = list(problems_of(arguments))
    if problems:
        raise ConfigError(problems)


def explain(error: Exception, arguments: Sequence[str]) -> ConfigError:
    """All that is wrong with `arguments`, where Hydra could not compose them."""
    problems = list(problems_of(arguments))
    return ConfigError(problems or [refusal(error)])


def problems_of(arguments: Sequence[str]) -> Iterator[str]:
    """One sentence for each argument that names a key, a group or an option that is not there."""
    secret = list(_secret(arguments))
    if secret:  # other sentences might repeat it
        yield from secret
        return
    options, keys = groups(), known_keys()
    spaced = list(_spaced(arguments))
    if spaced:  # its pieces are no overrides, and would be complained of one by one
        yield from spaced
        return
    yield from _dashed(arguments, options)
    if not {"--multirun", "-m"} & set(arguments):
        yield from _unasked_sweeps(arguments)
    for argument in _overrides(arguments):
        name, equals, value = argument.partition("=")
        key = name.lstrip("+~").partition("@")[0]
        if not equals and not name.startswith("~"):
            yield f"{argument} is not of the form key=value{_maybe_choice(argument, options)}"
        elif key.startswith("hydra") and (misplaced := _misplaced(key, value)):
            yield misplaced
        elif key in options:
            yield from _option(key, name.startswith("+"), value, options[key])
        elif key.split(".")[0] in ("hydra", "claims") or key.startswith("hydra/"):  # names of one's own
            yield from _unread(argument)
        elif key not in keys:
            orelse = _nearest_key(key, keys | set(options))
            yield f"{key} is not a key{_maybe_choice(key, options, orelse)}"
        elif equals:
            yield from _value(key, argument)


def _secret(arguments: Sequence[str]) -> Iterator[str]:
    """Addresses with a password, before Hydra notes the arguments in a file."""
    for argument in arguments:
        key, _, address = argument.partition("=")
        if key.endswith(f".{ADDRESS}") and (problem := password_in(key.lstrip("+"), address)):
            yield problem


def _spaced(arguments: Sequence[str]) -> Iterator[str]:
    """`action = plan`: the shell has made three arguments of it; or one, where it was quoted."""
    text = "\0".join(arguments)
    for name, value in re.findall(r"(?:^|\0)([^\0=\s]+)(?:\0=\0?|=\0)([^\0=]+)(?=\0|$)", text):
        yield f"{name} = {value} has spaces around its equals sign; write {name}={value}"
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if equals and name != name.strip():
            yield f"{argument} has spaces around its equals sign; write {name.strip()}={value.strip()}"


def _dashed(arguments: Sequence[str], options: dict[str, list[str]]) -> Iterator[str]:
    """--experiment=cleaned: Hydra would take it for the beginning of a flag of its own."""
    for argument in arguments:
        name, equals, value = argument.lstrip("-").partition("=")
        if argument.startswith("--") and equals and name.split(".")[0] in {*options, *known_keys()}:
            yield f"{argument} is no flag: write {'+' if name in OVERLAYS else ''}{name}={value}"


def _unasked_sweeps(arguments: Sequence[str]) -> Iterator[str]:
    for argument in _overrides(arguments):
        if argument.startswith("+sweep=") and "action=plan" not in arguments:
            yield f"{argument} is many jobs: add --multirun"
        elif re.fullmatch(r"[\w.]+=[\w.-]+(,[\w.-]+)+", argument):
            name, _, value = argument.partition("=")
            yield f"{argument} is many jobs: add --multirun (a list is written {name}=[{value}])"


def _overrides(arguments: Sequence[str]) -> Iterator[str]:
    """The arguments that are no flags of Hydra's, nor values of such flags."""
    flag = ""
    for argument in arguments:
        if not argument.startswith("-") and flag not in FLAGS_WITH_VALUE:
            yield argument
        flag = argument


def known_keys() -> set[str]:
    """Every key that some option has, with dots: seed, trainer.learning_rate, judge.questions.limit."""
    keys = {field.name for field in dataclasses.fields(schemas.ExperimentConfig)}
    for path, schema in SCHEMAS.items():
        if "/" in path:
            keys |= set(_fields(schema, path.split("/")[0]))
    keys |= {f"report.{field.name}" for field in dataclasses.fields(schemas.ReportConfig)}
    return keys | set(_fields(schemas.WorldQuestionsConfig, "judge.questions"))


def _fields(schema: type, prefix: str) -> Iterator[str]:
    for field in dataclasses.fields(schema):
        yield f"{prefix}.{field.name}"
        if field.name == "columns":
            yield from _fields(schemas.ColumnsConfig, f"{prefix}.columns")
        if field.name == "world":
            yield from _fields(schemas.WorldConfig, f"{prefix}.world")
        if field.name == "questions" and prefix != "world":
            yield from _fields(schemas.FileQuestionsConfig, f"{prefix}.questions")


def _option(group: str, added: bool, value: str, options: Sequence[str]) -> Iterator[str]:
    for choice in re.split(r"\s*,\s*", value):
        if not re.fullmatch(r"[\w.-]+", choice):
            return  # a sweep over a function, or a dictionary: Hydra's own words are better
        if choice not in options:
            yield f"{group} has no option {choice}{nearest(choice, options)}"
        elif group in OVERLAYS and not added:
            yield f"{group} is laid over the rest: write +{group}={choice}"
        elif group not in OVERLAYS and added:
            yield f"{group} has a choice already: write {group}={choice}, without the plus"


def _unread(argument: str) -> Iterator[str]:
    """Words that Hydra's grammar cannot read."""
    try:
        OverridesParser.create().parse_override(argument)
    except HydraException as error:
        yield unreadable(argument, error)


def _value(key: str, argument: str) -> Iterator[str]:
    """A value that no schema with this key takes, and what would be one."""
    group, _, rest = key.partition(".")
    schemas_of = [schema for path, schema in SCHEMAS.items() if path.split("/")[0] == group]
    tried = [OmegaConf.structured(schema) for schema in schemas_of if rest]
    tried = tried or [OmegaConf.structured(schemas.ExperimentConfig)]
    try:
        override = OverridesParser.create().parse_override(argument)
        value = None if override.is_sweep_override() else override.value()
    except HydraException as error:
        yield unreadable(argument, error)
        return
    refused = []
    for schema in tried:
        try:
            OmegaConf.update(schema, rest or key, value, force_add=False)
            return
        except OmegaConfBaseException as error:
            if not str(error).startswith(("Key ", "Missing ")):
                refused.append(schema)
    if value is not None and refused:
        yield f"{key} is {_said(value)}; it must be {_wanted(refused[0], rest or key, value)}"


def _wanted(schema: DictConfig, key: str, value: object) -> str:
    """What the field takes, in words: a whole number; one of run, plan; a list, written key=[a,b]."""
    parent, _, name = key.rpartition(".")
    node = (OmegaConf.select(schema, parent) if parent else schema)._get_node(name)
    assert isinstance(node, Node), f"{key} was refused, so it is there"
    kind, orelse = node._metadata.ref_type, ", or null" if node._metadata.optional else ""
    if isinstance(kind, type) and issubclass(kind, Enum):
        names = [member.name for member in kind]
        close = difflib.get_close_matches(str(value), names, n=1, cutoff=0.6)
        return f"one of {', '.join(names)}{orelse}" + (f"; did you mean {close[0]}?" if close else "")
    if get_origin(kind) is list:
        return f"a list, written {name}=[{_said(value)}]{orelse}"
    return KINDS.get(kind, "a group of settings, each set by itself") + orelse


def _said(value: object) -> str:
    return str(value) if value != "" else "empty"


def _misplaced(key: str, value: str) -> str | None:
    """hydra.launcher=submitit_slurm, which would set a word where settings stand; or the slip's reverse."""
    group, _, field = key.partition(".") if "/" in key else (key.replace(".", "/"), "", "")
    if group not in HYDRAS_GROUPS:
        return None
    if field:
        return f"{key} is a key, and keys have dots: write {group.replace('/', '.')}.{field}={value}"
    is_word = re.fullmatch(r"[\w-]+(\s*,\s*[\w-]+)*", value)
    return f"{key} is a group; write {group}={value}" if key != group and is_word else None


def _nearest_key(key: str, ours: set[str]) -> str:
    """Among all keys, those of Hydra's plugins too; where only the beginning is missing, the whole."""
    known = ours | set(PLUGINS) | hydras_keys()
    whole = [name for name in known if name.endswith(f".{key}")]
    return f"; did you mean {whole[0]}?" if len(whole) == 1 else nearest(key, known)


def _maybe_choice(word: str, options: dict[str, list[str]], orelse: str = "; see --help") -> str:
    """An experiment's name alone; an option behind a dot or a slash: world.tiny."""
    group, _, option = word.replace("/", ".").lstrip("+").rpartition(".")
    for found, chosen in [*((overlay, word) for overlay in OVERLAYS), (group, option)]:
        if chosen in options.get(found, ()):
            return f"; did you mean {'+' if found in OVERLAYS else ''}{found}={chosen}?"
    return orelse
