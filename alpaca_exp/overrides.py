"""What is wrong with a command line, said with the nearest right name."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from alpaca_exp import schemas
from alpaca_exp.config import OVERLAYS, SCHEMAS, groups, nearest
from alpaca_exp.errors import ConfigError

FLAGS_WITH_VALUE = ("--cfg", "-c", "--info", "-i", "--package", "-p", "--experimental-rerun")


def check(arguments: Sequence[str]) -> None:
    """Raise ConfigError with all that is wrong with `arguments`, before anything is composed."""
    problems = list(problems_of(arguments))
    if problems:
        raise ConfigError(problems)


def explain(error: Exception, arguments: Sequence[str]) -> ConfigError:
    """All that is wrong with `arguments`, where Hydra could not compose them."""
    problems = list(problems_of(arguments))
    return ConfigError(problems or [_short(str(error.__cause__ or error))])


def problems_of(arguments: Sequence[str]) -> Iterator[str]:
    """One sentence for each argument that names a key, a group or an option that is not there."""
    options, keys = groups(), known_keys()
    yield from _dashed(arguments, options)
    if not {"--multirun", "-m"} & set(arguments):
        yield from _unasked_sweeps(arguments)
    for argument in _overrides(arguments):
        name, equals, value = argument.partition("=")
        key = name.lstrip("+~").partition("@")[0]
        if not equals and not name.startswith("~"):
            yield f"{argument} is not of the form key=value{_maybe_experiment(argument, options)}"
        elif key in options:
            yield from _option(key, name.startswith("+"), value, options[key])
        elif key.split(".")[0] == "hydra" or key.startswith("hydra/"):
            continue
        elif key not in keys:
            yield f"{key} is not a key{nearest(key, keys | set(options))}"
        elif equals:
            yield from _value(key, argument)


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
    return keys | set(_fields(schemas.WorldQuestionsConfig, "judge.questions"))


def _fields(schema: type, prefix: str) -> Iterator[str]:
    for field in dataclasses.fields(schema):
        yield f"{prefix}.{field.name}"
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


def _value(key: str, argument: str) -> Iterator[str]:
    """A value that no schema with this key takes."""
    group, _, rest = key.partition(".")
    schemas_of = [schema for path, schema in SCHEMAS.items() if path.split("/")[0] == group]
    tried = [OmegaConf.structured(schema) for schema in schemas_of if rest]
    tried = tried or [OmegaConf.structured(schemas.ExperimentConfig)]
    try:
        override = OverridesParser.create().parse_override(argument)
        value = None if override.is_sweep_override() else override.value()
    except HydraException as error:
        yield f"{argument} cannot be read: {_short(str(error))}"
        return
    refusals = []
    for schema in tried:
        try:
            OmegaConf.update(schema, rest or key, value, force_add=False)
            return
        except OmegaConfBaseException as error:
            refusals.append(str(error).splitlines()[0])
    told = [refusal for refusal in refusals if not refusal.startswith(("Key ", "Missing "))]
    if value is not None and told:
        yield f"{key}: {told[0]}"


def _maybe_experiment(argument: str, options: dict[str, list[str]]) -> str:
    for overlay in OVERLAYS:
        if argument in options[overlay]:
            return f"; did you mean +{overlay}={argument}?"
    return "; see --help"


def _short(text: str) -> str:
    """Hydra's and OmegaConf's messages without their lines of internals."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    kept = [
        line for line in lines if not line.startswith(("full_key:", "object_type", "reference_type", "See "))
    ]
    key = next((line.removeprefix("full_key:").strip() for line in lines if line.startswith("full_key:")), "")
    return f"{key}: {kept[0]}" if key and kept else " ".join(kept[:2])
