"""Which factor did how much: `python -m alpaca_exp.report attribution --factors scale,dataset_variant`."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence

from alpaca_exp.commands import add_outputs
from alpaca_exp.errors import InputError
from alpaca_exp.report.attributed import METRICS, Asked
from alpaca_exp.report.attributed import attribution as attribution
from alpaca_exp.report.attribution_text import FORMATS
from alpaca_exp.report.choosing import add_out, add_where, chosen, names, put
from alpaca_exp.report.design import varied
from alpaca_exp.report.kept import kept
from alpaca_exp.report.runs import collect


def main(words: Sequence[str]) -> None:
    """Print the tables. Raises InputError for what is not there, and where nothing varies."""
    asked = _parser().parse_args(words)
    runs = chosen(collect(asked.outputs), asked.where)
    what = Asked(
        factors=names(asked.factors) or tuple(varied(runs)),
        metrics=names(asked.metrics),
        baseline=_pairs("--baseline", asked.baseline),
        to=_pairs("--to", asked.to),
    )
    if not what.factors:
        raise InputError("nothing is varied among these runs; run a sweep over a factor")
    made = attribution(runs, what, asked.outputs, _command(asked, what))
    put(FORMATS[asked.format](made), asked.out)
    kept(asked.outputs).save()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m alpaca_exp.report attribution",
        allow_abbrev=False,
        description="What each factor of a sweep did to a metric: effects, interactions, Shapley values.",
    )
    add_outputs(parser, positional=True)
    parser.add_argument(
        "--factors", default="", help="axes by comma; default: those on which the runs differ"
    )
    parser.add_argument("--metrics", default=",".join(METRICS), help="by comma; default: %(default)s")
    levels = "FACTOR=LEVEL,..."
    baseline = "what a factor's other levels are compared with; default: none, small, original, or the first"
    parser.add_argument("--baseline", default="", metavar=levels, help=baseline)
    end = "where the change that is shared out leads to; default: wherever all factors differ"
    parser.add_argument("--to", default="", metavar=levels, help=end)
    add_where(parser)
    parser.add_argument("--format", choices=sorted(FORMATS), default="markdown")
    add_out(parser)
    return parser


def _pairs(option: str, words: str) -> dict[str, str]:
    """`scale=small,dataset_variant=original`."""
    found = {}
    for word in names(words):
        name, equals, value = word.partition("=")
        if not equals:
            raise InputError(f"{option} {word} names no value; write it as {option} dataset_variant=original")
        found[name] = value
    return found


def _command(asked: argparse.Namespace, what: Asked) -> str:
    """The command that makes these tables, options that were left out included where they matter."""
    words = ["python", "-m", "alpaca_exp.report", "attribution", str(asked.outputs)]
    words += ["--factors", ",".join(what.factors), "--metrics", ",".join(what.metrics)]
    for option in ("baseline", "to"):
        words += [f"--{option}", getattr(asked, option)] if getattr(asked, option) else []
    for word in asked.where:
        words += ["--where", word]
    return shlex.join([*words, "--format", asked.format])
