"""Optuna's samplers and pruners by the names that they have here: which there are, and what each takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import ModuleType

from alpaca_exp.config import nearest


def options_of(kind: str, classes: Mapping[str, str], module: ModuleType) -> set[str]:
    """The options of one; none where there is no such kind."""
    if kind not in classes:
        return set()
    return {*inspect.signature(getattr(module, classes[kind])).parameters} - {"self"}


def part_problems(
    name: str, options: Mapping[str, object], classes: Mapping[str, str], module: ModuleType
) -> list[str]:
    """What is wrong with `hydra.sweeper.<name>`: an unknown kind, options that it does not take."""
    key, kind = f"hydra.sweeper.{name}", str(options["kind"])
    if kind not in classes:
        return [f"{key}.kind is {kind}, and there is no such {name}{nearest(kind, classes)}"]
    known = options_of(kind, classes, module)
    return [
        f"{key}.{option} is no option of Optuna's {classes[kind]}{nearest(option, known)}"
        for option in options
        if option not in known | {"kind", "seed"}
    ]
