"""What is wrong with a command line, said with the nearest right name."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence

from alpaca_exp import schemas
from alpaca_exp.config import OVERLAYS, SCHEMAS, groups, nearest
from alpaca_exp.errors import ConfigError


def explain(error: Exception, arguments: Sequence[str]) -> ConfigError:
    """All that is wrong with `arguments`, where Hydra could not compose them."""
    problems = list(problems_of(arguments))
    return ConfigError(problems or [_short(str(error))])


def problems_of(arguments: Sequence[str]) -> Iterator[str]:
    """One sentence for each argument that names a key, a group or an option that is not there."""
    options, keys = groups(), known_keys()
    for argument in (a for a in arguments if not a.startswith("-")):
        name, equals, value = argument.partition("=")
        key = name.lstrip("+~").partition("@")[0]
        if not equals and not name.startswith("~"):
            yield f"{argument} is not of the form key=value{_maybe_experiment(argument, options)}"
        elif key in options:
            yield from _option(key, name.startswith("+"), value, options[key])
        elif key.split(".")[0] != "hydra" and not key.startswith("hydra/") and key not in keys:
            yield f"{key} is not a key{nearest(key, keys | set(options))}"


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


def _maybe_experiment(argument: str, options: dict[str, list[str]]) -> str:
    for overlay in OVERLAYS:
        if argument in options[overlay]:
            return f"; did you mean +{overlay}={argument}?"
    return "; see --help"


def _short(text: str) -> str:
    """Hydra's and OmegaConf's messages without their lines of internals."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("full_key:", "object_type", "reference_type", "See "))]
    key = next((line.removeprefix("full_key:").strip() for line in lines if line.startswith("full_key:")), "")
    return f"{key}: {kept[0]}" if key and kept else " ".join(kept[:2])
