"""Words that the report's commands share: `--where AXIS=VALUE`, and names by comma."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from alpaca_exp.errors import InputError
from alpaca_exp.report.runs import Run, standing


def add_where(parser: argparse.ArgumentParser) -> None:
    """Let a command be told to take fewer runs."""
    parser.add_argument("--where", action="append", default=[], metavar="AXIS=VALUE", help="only these runs")


def place(word: str) -> tuple[str, str]:
    """Axis and value of `dataset_variant=cleaned`. Raises InputError where there is no value."""
    axis, equals, value = word.partition("=")
    if not equals:
        raise InputError(f"--where {word} names no value; write it as --where dataset_variant=cleaned")
    return axis, value


def chosen(runs: Sequence[Run], where: Iterable[str]) -> Sequence[Run]:
    """The runs that stand at all of these places. Raises InputError, naming the nearest, where none does."""
    for word in where:
        runs = standing(runs, *place(word))
    return runs


def names(words: str) -> tuple[str, ...]:
    """`understanding, words` as names."""
    return tuple(name.strip() for name in words.split(",") if name.strip())
