"""What all command lines share: how the outputs folder is named, and readers that leave early."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

from alpaca_exp.errors import AlpacaExpError

OUTPUTS = Path("outputs")
KEY = "runtime.outputs="
OPTION = "--outputs"


def add_outputs(parser: argparse.ArgumentParser, *, positional: bool) -> None:
    """The outputs folder: `--outputs DIR`, and where it was so before, also a word of its own."""
    text = f"the folder that runtime.outputs named; default: {OUTPUTS}"
    if positional:
        parser.add_argument("folder", nargs="?", type=Path, metavar="OUTPUTS", help=text, action=_Outputs)
    parser.add_argument(
        OPTION, type=Path, default=OUTPUTS, metavar="DIR", help=f"{text}; also {KEY}DIR", action=_Outputs
    )


class _Outputs(argparse.Action):
    """The folder as an option or as a word of its own, which is nothing where it is left out."""

    def __call__(
        self, parser: argparse.ArgumentParser, space: argparse.Namespace, values: object,
        option: str | None = None,
    ) -> None:  # fmt: skip
        if values is None:
            return
        before = getattr(space, "named_outputs", None)
        if before not in (None, values):
            parser.error(f"two outputs folders are named, {before} and {values}; leave one out")
        space.named_outputs = space.outputs = values


def spelt(arguments: Sequence[str] | None) -> list[str]:
    """The words of a command line with `runtime.outputs=DIR` as `--outputs DIR`, which comes last."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    kept: list[str] = []
    named: list[str] = []
    while words:
        word = words.pop(0)
        if word == OPTION and words:
            named = [words.pop(0)]
        elif word.startswith((KEY, f"{OPTION}=")):
            named = [word.partition("=")[2].strip("'\"")]
        else:
            kept.append(word)
    return [*kept, *(f"{OPTION}={folder}" for folder in named)]


def obey(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> int:
    """Run what the words ask for, by the function that their command set as `run`; returns the exit code.

    What cannot be done is said in its sentence.
    """
    asked = parser.parse_args(spelt(arguments))
    with readers_may_leave():
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
        try:
            asked.run(asked)
        except AlpacaExpError as error:
            print(error, file=sys.stderr)
            return error.exit_code
    return 0


def count(word: str) -> int:
    """For argparse: a whole number of 0 or more."""
    if not word.isdecimal():
        raise argparse.ArgumentTypeError(f"{word} is no number of 0 or more")
    return int(word)


@contextmanager
def readers_may_leave() -> Iterator[None]:
    """Within it, what nobody reads any more (`| head`) is dropped without a word, and the work goes on."""
    before = sys.stdout, sys.stderr
    ours = tuple(_Stream(stream) for stream in before)
    sys.stdout, sys.stderr = (cast(TextIO, stream) for stream in ours)
    try:
        yield
    finally:
        for stream in ours:
            stream.flush()
        sys.stdout, sys.stderr = before


class _Stream:
    """A stream whose reader may leave."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            return self._drop(len(text))

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._drop(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _drop(self, written: int) -> int:
        """From here on, of child processes too, all goes nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        return written
