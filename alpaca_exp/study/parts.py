"""Samplers and pruners by the names that they have here: which there are, and what options each takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from alpaca_exp.config import nearest


def options_of(kind: str, classes: Mapping[str, type]) -> set[str]:
    """The options of one; none where there is no such kind."""
    return {*inspect.signature(classes[kind]).parameters} if kind in classes else set()


def part_problems(name: str, options: Mapping[str, object], classes: Mapping[str, type]) -> list[str]:
    """What is wrong with `hydra.sweeper.<name>`: an unknown kind, options that it does not take."""
    key, kind = f"hydra.sweeper.{name}", str(options["kind"])
    if kind not in classes:
        return [f"{key}.kind is {kind}, and there is no such {name}{nearest(kind, classes)}"]
    known = options_of(kind, classes)
    return [
        f"{key}.{option} is no option of {classes[kind].__name__}{nearest(option, known)}"
        for option in options
        if option not in known | {"kind", "seed"}
    ]
