"""Look at sweeps: `python -m alpaca_exp.sweeps status SWEEP_DIR`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from alpaca_exp.commands import readers_may_leave
from alpaca_exp.errors import AlpacaExpError
from alpaca_exp.sweeping.status import status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    with readers_may_leave():
        try:
            print(status(chosen.folder))
        except AlpacaExpError as error:
            print(error, file=sys.stderr)
            return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m alpaca_exp.sweeps", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    text = "every job of a sweep: done, running, failed and why, killed, not started"
    command = commands.add_parser("status", help=text, description=text)
    command.add_argument(
        "folder", type=Path, metavar="SWEEP_DIR", help="the sweep's folder: outputs/sweeps/factorial"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
