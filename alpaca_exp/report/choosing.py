"""Words that the report's commands share: `--where AXIS=VALUE`, `--out FILE`, and names by comma."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.report.runs import Run, standing
from alpaca_exp.report.settings import same


def add_where(parser: argparse.ArgumentParser) -> None:
    """Let a command be told to take fewer runs."""
    text = "only these runs; several values by comma; given several times, all must hold"
    parser.add_argument("--where", action="append", default=[], metavar="AXIS=VALUE", help=text)


def add_out(parser: argparse.ArgumentParser) -> None:
    """Let a command write into a file what it would print."""
    text = "write it into this file; default: print it"
    parser.add_argument("--out", type=Path, metavar="FILE", help=text)


def put(text: str, out: Path | None) -> None:
    """To a file, which appears whole or not at all, or to the screen."""
    if out is None:
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
        print(text, end="")
        return
    draft = out.with_name(f"{out.name}.draft")
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        os.replace(draft, out)
    except OSError as error:
        raise InputError(
            f"{out} cannot be written: {error.strerror}; name a file in a folder that exists"
        ) from None


def place(word: str) -> tuple[str, str]:
    """Axis and value of `dataset_variant=cleaned`. Raises InputError where there is no value."""
    axis, equals, value = word.partition("=")
    if not equals:
        raise InputError(f"--where {word} names no value; write it as --where {word}=VALUE")
    return axis, value


def chosen(runs: Sequence[Run], where: Iterable[str]) -> Sequence[Run]:
    """The runs that stand at all of these places. Raises InputError, naming the nearest, where none does."""
    return at_all(runs, [place(word) for word in where])


def at_all(runs: Sequence[Run], places: Iterable[tuple[str, str]]) -> Sequence[Run]:
    """The same of axes with their values; a value may be several, by comma."""
    before: list[tuple[str, str]] = []
    for axis, value in places:
        try:
            runs = _at(runs, axis, value)
        except InputError as error:
            raise InputError(f"{error}{_left(before, axis, value)}") from None
        before.append((axis, value))
    return runs


def names(words: str) -> tuple[str, ...]:
    """`understanding, words` as names."""
    return tuple(name.strip() for name in words.split(",") if name.strip())


def _at(runs: Sequence[Run], axis: str, value: str) -> list[Run]:
    """A value that has a comma of its own, as a list has, comes before several values."""
    several = names(value)
    if len(several) < 2 or any(same(run.label(axis), value) for run in runs):
        return standing(runs, axis, value)
    found = {run.name for one in several for run in standing(runs, axis, one)}
    return [run for run in runs if run.name in found]


def _left(before: Sequence[tuple[str, str]], axis: str, value: str) -> str:
    """What the conditions before have left of the runs, where that may be why none is there."""
    if not before:
        return ""
    told = f" (only the runs at {' and '.join(f'{key}={one}' for key, one in before)} are left)"
    same_axis = [one for key, one in before if key == axis]
    return told + (f"; of several write --where {axis}={','.join([*same_axis, value])}" if same_axis else "")
