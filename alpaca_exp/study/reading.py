"""A search space as it is written: in YAML, in `params`, on the command line, which wins."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep, Sweep
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from alpaca_exp.config import SCHEMAS, nearest
from alpaca_exp.errors import ConfigError
from alpaca_exp.overrides import explain
from alpaca_exp.schemas import ExperimentConfig
from alpaca_exp.study.faults import parameter_problems
from alpaca_exp.study.space import Parameter, Space, Value, flow, nested, quoted, said

FIELDS = ("type", "low", "high", "step", "log", "choices", "key", "when", "times")
"""What a parameter in YAML may say."""
TYPES = ("float", "int", "categorical")
TAGS = ("log", "int")
"""What tag(...) may say of a range on the command line."""


def read_space(
    search_space: Mapping[str, Any],
    params: Mapping[str, object],
    arguments: Sequence[str],
    function: str | None,
    loader: ConfigLoader,
    master: DictConfig,
) -> Space:
    """The space of a sweep file's `search_space` and `params` and of the command line.

    A key that is set to one value there is varied no more. `function` names a Python function that suggests
    further parameters of a trial. Raises ConfigError with all that cannot be read.
    """
    problems: list[str] = []
    found: list[Parameter] = []
    fixed: dict[str, str] = {}
    for name, told in _flat(search_space).items():
        try:
            found += [_told(name, told, loader)]
        except ConfigError as error:
            problems += error.problems
    written = list(found)
    words = [*(f"{key}={value}" for key, value in params.items()), *arguments]
    for override in _parsed(words, loader):
        key = override.get_key_element()
        own = [one for one in found if _bare(one.key) == _bare(key)]
        found = [one for one in found if one not in own]
        fixed.pop(_bare(key), None)
        if not override.is_sweep_override():
            fixed[_bare(key)] = str(override.input_line)
            continue
        try:
            one = _swept(key, override)
            found.append(dataclasses.replace(one, when=own[0].when, name=own[0].name) if own else one)
        except ConfigError as error:
            problems += error.problems
    known = _known(fixed, master)
    problems += [problem for one in found for problem in parameter_problems(one, found, written, known)]
    called = _function(function, problems) if function else None
    if not found and not called and not problems:
        problems = [
            "this study varies nothing; name what to search: hydra.sweeper.search_space in a sweep's file, "
            "or on the command line 'trainer.learning_rate=tag(log,interval(1e-5,1e-3))'"
        ]
    if problems:
        raise ConfigError(problems)
    return Space(_in_order(found), tuple(fixed.values()), known, called)


def _flat(search_space: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Parameters by their names, dots and all: `search_space.trainer.epochs.high=9` means the file's."""
    found: dict[str, Any] = {}
    for key, told in search_space.items():
        name = f"{prefix}{key}"
        for inner, one in (_flat(told, f"{name}.") if _is_prefix(told) else {name: told}).items():
            both = isinstance(found.get(inner), Mapping) and isinstance(one, Mapping)
            found[inner] = {**found[inner], **one} if both else one
    return found


def _is_prefix(told: Any) -> bool:
    """Whether its keys are those of parameters, and not what is told of one."""
    if not isinstance(told, Mapping) or set(told) & set(FIELDS):
        return False
    return all(isinstance(one, Mapping) for one in told.values())


def _told(name: str, told: object, loader: ConfigLoader) -> Parameter:
    """A parameter as YAML has it: a dictionary, a list of choices, or words of the command line."""
    if isinstance(told, str):
        (override,) = _parsed([f"{name}={told}"], loader)
        if not override.is_sweep_override():
            raise ConfigError([f"search_space.{name} is {told}, one value; give a range or choices"])
        return _swept(name, override)
    if isinstance(told, Sequence):
        return Parameter(name, name, choices=_choices(told))
    if not isinstance(told, Mapping):
        raise ConfigError([f"search_space.{name} is {told}, one value; give a range or choices"])
    wrong = [key for key in map(str, told) if key not in FIELDS]
    if wrong:
        raise ConfigError([f"search_space.{name}.{key} is not a key{nearest(key, FIELDS)}" for key in wrong])
    return _spelt(name, told)


def _spelt(name: str, told: Mapping[Any, Any]) -> Parameter:
    key, when = str(told.get("key", name)), told.get("when") or {}
    shared: dict[str, Any] = {
        "when": {str(other): tuple(map(said, _listed(values))) for other, values in when.items()},
        "times": told.get("times"),
    }
    kind = told.get("type", "categorical" if "choices" in told else None)
    if kind not in (*TYPES, None):
        raise ConfigError([f"search_space.{name}.type is {kind}; it must be one of {', '.join(TYPES)}"])
    if kind == "categorical":
        return Parameter(name, key, choices=_choices(_listed(told.get("choices", ()))), **shared)
    try:
        low, high = float(told["low"]), float(told["high"])
        step = None if told.get("step") is None else float(told["step"])
    except (KeyError, TypeError, ValueError):
        raise ConfigError([f"search_space.{name} needs numbers as low and high, or choices"]) from None
    integers = all(isinstance(told[end], int) for end in ("low", "high"))
    log = told.get("log") or False
    if not isinstance(log, bool):
        raise ConfigError([f"search_space.{name}.log is {log}; it must be true or false"])
    whole = kind == "int" if kind else integers and _whole(key, default=True)
    return Parameter(name, key, low, high, step, log, whole, **shared)


def _swept(key: str, override: Override) -> Parameter:
    """What Hydra's own words for many values mean here: interval, range, choice, tag."""
    value = override.value()
    name = _bare(key)
    assert isinstance(value, Sweep)
    tags = value.tags
    if problems := _tag_problems(override.input_line, tags, choices=isinstance(value, ChoiceSweep)):
        raise ConfigError(problems)
    if isinstance(value, IntervalSweep):
        low, high = float(value.start or 0), float(value.end or 0)
        integers = isinstance(value.start, int) and isinstance(value.end, int)
        whole = "int" in tags or integers or (low == int(low) and high == int(high) and _whole(key))
        return Parameter(name, key, low, high, None, "log" in tags, whole)
    values = list(override.sweep_iterator())
    if isinstance(value, RangeSweep) and len(values) > 1:
        integers = all(isinstance(one, int) for one in values)
        step = None if "log" in tags else float(value.step or 1)
        return Parameter(
            name, key, float(str(values[0])), float(str(values[-1])), step, "log" in tags, integers
        )
    texts = list(override.sweep_string_iterator())
    if not texts:
        raise ConfigError([f"{override.input_line} has no values; give some: {key}=1,2,3"])
    return Parameter(name, key, choices=dict(zip(map(plain, values), texts, strict=True)))


def _tag_problems(line: str | None, tags: Collection[str], *, choices: bool) -> list[str]:
    """What is wrong with tag(...), of which Hydra takes any."""
    known = () if choices else TAGS
    unknown = [tag for tag in sorted(tags) if tag not in TAGS]
    return [f"{line}: the tag {tag} is unknown{nearest(tag, TAGS)}" for tag in unknown] or [
        f"{line}: the tag {tag} is for an interval or a range, and not for choices"
        for tag in sorted(tags)
        if tag not in known
    ]


def _choices(values: Sequence[object]) -> dict[Value, str]:
    return {plain(value): flow(value) if nested(value) else quoted(value) for value in values}


def plain(value: Any) -> Value:
    """A choice as Optuna keeps it: lists and dictionaries by their words."""
    value = getattr(value, "text", value)  # of a quoted one
    return value if value is None or isinstance(value, bool | int | float | str) else flow(value)


def _listed(values: Any) -> list[Any]:
    return list(values) if nested(values) else [values]


def _in_order(found: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """Each behind those that it depends on. Raises ConfigError for a circle."""
    left, placed = list(found), list[Parameter]()
    while left:
        names = {one.name for one in left}
        ready = [one for one in left if not (set(one.when) | {one.times}) & names - {one.name}]
        ready = [one for one in ready if one.name not in one.when]
        if not ready:
            raise ConfigError(
                [f"{', '.join(sorted(names))} count only when one another do; mend their `when`"]
            )
        placed += ready
        left = [one for one in left if one not in ready]
    return tuple(placed)


def _known(fixed: Mapping[str, str], master: DictConfig) -> Callable[[str], object]:
    """What keys are that no trial varies: set on the command line, chosen, or by default."""
    options = master.hydra.runtime.choices

    def known(key: str) -> object:
        if key in fixed:
            return OverridesParser.create().parse_override(fixed[key]).value()
        if key in options:
            return options[key]
        return OmegaConf.select(master, key, default=None)

    return known


def _whole(key: str, default: bool = False) -> bool:
    """Whether every schema that has the key takes whole numbers there; `default`: where none has it."""
    group, _, name = _bare(key).rpartition(".")
    schemas = [
        schema for path, schema in SCHEMAS.items() if path.split("/")[0] == group.split(".")[0] and group
    ]
    kinds = {
        str(field.type)
        for schema in schemas or [ExperimentConfig]
        for field in dataclasses.fields(schema)
        if field.name == name
    }
    return kinds <= {"int", "Optional[int]"} if kinds else default


def _function(name: str, problems: list[str]) -> Callable[..., Any] | None:
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        problems.append(f"hydra.sweeper.custom_search_space={name} cannot be had: {error}")
        return None
    assert callable(found)
    return found  # type: ignore[no-any-return]


def _parsed(words: Sequence[str], loader: ConfigLoader) -> list[Override]:
    try:
        return OverridesParser.create(config_loader=loader).parse_overrides(list(words))
    except HydraException as error:
        raise explain(error, words) from None


def _bare(key: str) -> str:
    return key.lstrip("+~")
