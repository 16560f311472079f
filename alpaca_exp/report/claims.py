"""What the runs say of claims: python -m alpaca_exp.report claims [OUTPUTS] --claims paper."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence

from alpaca_exp.commands import add_outputs
from alpaca_exp.report.choosing import add_out, add_where, chosen, put
from alpaca_exp.report.claim_files import check_claims, claims_in, claims_of_runs
from alpaca_exp.report.claims_shown import FORMATS
from alpaca_exp.report.kept import kept
from alpaca_exp.report.runs import collect
from alpaca_exp.report.verdicts import Verdict, judged

__all__ = ["Verdict", "judged", "main"]


def main(words: Sequence[str]) -> None:
    """Print the verdicts on a file's claims. Raises InputError with all that is wrong with the claims."""
    asked = _parser().parse_args(words)
    every = collect(asked.outputs)
    runs = chosen(every, asked.where)
    claims, where = claims_in(asked.claims) if asked.claims else claims_of_runs(runs)
    check_claims(claims, runs, asked.outputs, where)
    verdicts = judged(claims, runs, asked.outputs)
    put(FORMATS[asked.format](verdicts, _command(asked), every.left_out), asked.out)
    kept(asked.outputs).save()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m alpaca_exp.report claims",
        allow_abbrev=False,
        description="Say of each claim whether the runs support it, contradict it, or leave it undecided.",
        epilog="conf/claims/paper.yaml shows how a claim is written.",
    )
    add_outputs(parser, positional=True)
    text = "an option of conf/claims, or a YAML file; default: those that the newest run was configured with"
    parser.add_argument("--claims", metavar="NAME|FILE", help=text)
    add_where(parser)
    parser.add_argument("--format", choices=sorted(FORMATS), default="markdown", help="default: %(default)s")
    add_out(parser)
    return parser


def _command(asked: argparse.Namespace) -> str:
    words = ["python", "-m", "alpaca_exp.report", "claims", str(asked.outputs)]
    words += ["--claims", asked.claims] if asked.claims else []
    words += [word for place in asked.where for word in ("--where", place)]
    return shlex.join([*words, "--format", asked.format])
