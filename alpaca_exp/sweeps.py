"""Look at sweeps, and wait for them: `python -m alpaca_exp.sweeps status|attach SWEEP_DIR`.

Exit codes of status: 0, however the jobs stand. Of attach: 0 all done; 3 some stopped, or whoever waited was,
or some have no result and nobody is at them; 4 some failed. Of both: 2 no such sweep.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from alpaca_exp.commands import obey
from alpaca_exp.errors import Stopped
from alpaca_exp.sweeping.status import attach, status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return obey(_parser(), arguments)


def _status(chosen: argparse.Namespace) -> None:
    print(status(chosen.folder))


def _attach(chosen: argparse.Namespace) -> None:
    try:
        attach(chosen.folder)
    except KeyboardInterrupt:
        raise Stopped("stopped waiting; the same command goes on with it") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m alpaca_exp.sweeps",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        (
            "status",
            _status,
            "every job of a sweep: done, running, queued, failed and why, killed, not started",
        ),
        (
            "attach",
            _attach,
            "wait for a sweep that SLURM or another process runs, and end as its own command would",
        ),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "folder", type=Path, metavar="SWEEP_DIR", help="the sweep's folder: outputs/sweeps/factorial"
        )
        command.set_defaults(run=run)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
