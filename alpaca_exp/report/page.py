"""One page of a sweep, or of all runs: `python -m alpaca_exp.report page outputs --name factorial`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from alpaca_exp.commands import add_outputs
from alpaca_exp.report.choosing import add_where, names
from alpaca_exp.report.page_asked import ALL, Asked
from alpaca_exp.report.page_watch import watch
from alpaca_exp.report.page_writing import page


def main(words: Sequence[str]) -> None:
    """Write the page and say where it lies. Raises InputError for what is not there."""
    told = _parser().parse_args(words)
    asked = Asked(
        name=told.name,
        rows=told.rows,
        columns=told.columns,
        metrics=names(told.metrics),
        baseline=told.baseline,
        factors=names(told.factors),
        where=tuple(told.where),
        claims=told.claims,
    )
    if told.watch:
        watch(asked, told.outputs)
    else:
        print(page(asked, told.outputs).file)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m alpaca_exp.report page",
        allow_abbrev=False,
        description="One page of a sweep or of all runs: tables, figures, and where each number is from.",
    )
    add_outputs(parser, positional=True)
    parser.add_argument("--name", default=ALL, help="a sweep, or an experiment; default: all runs")
    parser.add_argument("--rows", help="the axis of the rows; default: as the sweep's file says")
    parser.add_argument("--columns", help="the axis of the columns")
    parser.add_argument("--metrics", default="", help="by comma")
    parser.add_argument("--baseline", help="the row that the others are compared with")
    parser.add_argument("--factors", default="", help="by comma: to what changes are attributed")
    text = "an option of conf/claims, or a YAML file; default: those that the runs were configured with"
    parser.add_argument("--claims", metavar="NAME|FILE", help=text)
    add_where(parser)
    watch = "make the page anew whenever something has come of a sweep's jobs, until the sweep is over"
    parser.add_argument("--watch", action="store_true", help=watch)
    return parser
