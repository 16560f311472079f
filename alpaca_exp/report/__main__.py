"""The command line of the report: python -m alpaca_exp.report [OUTPUTS] --rows dataset_variant."""

from __future__ import annotations

import argparse
import difflib
import gc
import shlex
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from alpaca_exp.commands import add_outputs, readers_may_leave, spelt
from alpaca_exp.errors import AlpacaExpError, InputError
from alpaca_exp.report.choosing import add_out, add_where, names, place, put
from alpaca_exp.report.formats import FORMATS
from alpaca_exp.report.kept import kept
from alpaca_exp.report.metrics import USUAL
from alpaca_exp.report.runs import collect
from alpaca_exp.report.tables import Layout, table

COMMANDS = {
    "page": "a page of a sweep or of all runs: tables, figures, and where each number is from",
    "reading": "RUN...: the answers of some runs side by side, on one page",
    "attribution": "which factor of a sweep did how much: effects, interactions, Shapley values",
    "claims": "what the runs say of claims: supported, contradicted, or what would decide",
    "power": "what differences these runs could show, and what more seeds or documents would",
    "references": "published numbers with their sources, and what is wrong with them",
}
"""What is not one table: each is a module of this room, whose `main` takes the words behind its name."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one table, or do what the command says. Exit codes: 0 done, 2 bad input."""
    words = spelt(arguments)
    with readers_may_leave():
        try:
            if words and words[0] in COMMANDS:
                import_module(f"alpaca_exp.report.{words[0]}").main(words[1:])
            else:
                _check_command(words)
                _report(_parser().parse_args(words))
        except AlpacaExpError as error:
            print(error, file=sys.stderr)
            raise SystemExit(error.exit_code) from None


def _check_command(words: Sequence[str]) -> None:
    """Raise InputError where the first word is neither a folder nor a command, naming the nearest one."""
    first = words[0] if words else "-"
    if first.startswith("-") or Path(first).name != first or Path(first).exists():
        return
    near = difflib.get_close_matches(first, COMMANDS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}" if near else f"the commands are {', '.join(COMMANDS)}"
    raise InputError(
        f"{first} is no command, and there is no folder of that name; {hint}, or name the folder that "
        "runtime.outputs named"
    )


def _report(asked: argparse.Namespace) -> None:
    where = tuple(map(place, asked.where))
    layout = Layout(
        asked.rows, asked.columns, names(asked.metrics) or USUAL, asked.baseline, where, asked.paper
    )
    made = table(collect(asked.outputs), layout, asked.outputs, _command(asked))
    put(FORMATS[asked.format](made), asked.out)
    kept(asked.outputs).save()
    if asked.format == "csv":  # a table for programs: what is for people goes beside it
        print("".join(f"{text}\n" for text in made.confounds), end="", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m alpaca_exp.report",
        allow_abbrev=False,
        description="Tabulate the runs under an outputs folder: means, 95 % intervals, differences.",
        epilog="; ".join(f"{name} {text} ({name} --help)" for name, text in COMMANDS.items()),
    )
    add_outputs(parser, positional=True)
    axis = (
        "experiment, preset, scale, seed, a config group (dataset_variant, base_model, trainer, ...), "
        "or a field (eval_suite.frame, trainer.learning_rate, ...)"
    )
    parser.add_argument("--rows", default="experiment", help=f"what tells the rows apart: {axis}")
    parser.add_argument("--columns", help="what tells the columns apart; left out: one column a metric")
    parser.add_argument("--metrics", default=",".join(USUAL), help="by comma; default: %(default)s")
    parser.add_argument("--baseline", help="the row that the others are compared with")
    add_where(parser)
    formats = "default: %(default)s; csv opens with the command as a comment (pandas: comment='#')"
    parser.add_argument("--format", choices=sorted(FORMATS), default="markdown", help=formats)
    paper = "also published figures of models that ours only stand for"
    parser.add_argument("--paper", action="store_true", help=paper)
    add_out(parser)
    return parser


def _command(asked: argparse.Namespace) -> str:
    """The command that makes this table, options that were left out included where they matter."""
    words = ["python", "-m", "alpaca_exp.report", str(asked.outputs), "--rows", asked.rows]
    for word in asked.where:
        words += ["--where", word]
    for option in ("columns", "metrics", "baseline", "format"):
        value = getattr(asked, option)
        words += [f"--{option}", value] if value else []
    words += ["--paper"] * asked.paper
    return shlex.join(words)


if __name__ == "__main__":
    gc.set_threshold(200_000, 50, 50)  # many small objects that all stay: no rings to look for
    main()
