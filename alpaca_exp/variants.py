"""Data sets side by side: `python -m alpaca_exp.variants diff A B | list [OUTPUTS]`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from alpaca_exp.cleaning.difference_text import as_json, as_text, markdown, table
from alpaca_exp.cleaning.differences import difference
from alpaca_exp.cleaning.matching import By
from alpaca_exp.commands import add_outputs, count, obey
from alpaca_exp.report.metrics import USD
from alpaca_exp.sides import pair, variants

MOST_STEPS = 3
"""Of a variant's cleaning, named in the list; more are counted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 2 bad input."""
    return obey(_parser(), arguments)


def _diff(asked: argparse.Namespace) -> None:
    a, b = pair(asked.a, asked.b, asked.outputs)
    found = difference(a, b, By[asked.match], asked.examples)
    if asked.format == "json":
        print(json.dumps(as_json(found), indent=2, ensure_ascii=False))
    else:
        print(markdown(found, coloured=sys.stdout.isatty() and "NO_COLOR" not in os.environ), end="")


def _list(asked: argparse.Namespace) -> None:
    found = variants(asked.outputs)
    if not found:
        print("no data sets yet; make one: python -m alpaca_exp +experiment=original")
        return
    head = ["variant", "artifact", "made", "source", "cleaning", "teacher", "length", "rows", "usd"]
    lines = [
        [
            ", ".join(one.labels) or "\u2013",
            one.artifact.path.name,
            one.made,
            *as_text(one.lineage, MOST_STEPS).values(),
            f"{one.rows:,}",
            f"{one.usd:.2f}",
        ]
        for one in found
    ]
    print(f"{table([head, *lines])}\n\n{USD}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m alpaca_exp.variants", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    text = "in what two data sets differ: lineage, rows, fields, lengths, with examples"
    command = commands.add_parser("diff", help=text, description=text)
    for name in ("a", "b"):
        command.add_argument(
            name,
            metavar=name.upper(),
            help="a variant's label, a fingerprint, a folder, a run or a data file",
        )
    command.add_argument("--examples", type=count, default=3, help="of each kind; default: 3")
    command.add_argument("--format", choices=("markdown", "json"), default="markdown")
    command.add_argument("--match", choices=[by.name for by in By], default="auto", help=_MATCH)
    add_outputs(command, positional=False)
    command.set_defaults(run=_diff)
    text = "the data sets that were made: lineage, rows, dollars"
    command = commands.add_parser("list", help=text, description=text)
    add_outputs(command, positional=True)
    command.set_defaults(run=_list)
    return parser


_MATCH = (
    "how rows find each other; auto: by id where ids are names or both come from one source, else by "
    "content; position: by content, then by place in the file"
)


if __name__ == "__main__":
    raise SystemExit(main())
