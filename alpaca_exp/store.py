"""Keep house under outputs/: `python -m alpaca_exp.store list | why [overrides] | gc | export RUN...`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from alpaca_exp.commands import add_outputs, obey
from alpaca_exp.errors import InputError
from alpaca_exp.inventory import Entry, entries, remove, unused
from alpaca_exp.report.metrics import USD
from alpaca_exp.report.runs import read


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return obey(_parser(), arguments)


def _list(chosen: argparse.Namespace) -> None:
    outputs = _folder(chosen)
    runs, unreadable = read(outputs)
    for problem in unreadable:
        print(f"left out: {problem}", file=sys.stderr)
    found = entries(outputs, runs)
    _table(found)
    if found:
        print(f"\n{USD}\npaid: of that, what was paid for it here, so far where it is not done yet.")


def _folder(chosen: argparse.Namespace) -> Path:
    outputs: Path = chosen.outputs
    if not outputs.is_dir():
        raise InputError(
            f"there is no folder {outputs}; name the one that runtime.outputs named, or leave it out"
        )
    return outputs


def _gc(chosen: argparse.Namespace) -> None:
    found = unused(_folder(chosen))
    if not found:
        print("nothing to delete: a run needs it, or it is less than a day old")
        return
    _table(found)
    size = _size(sum(entry.bytes for entry in found))
    if not chosen.yes:
        print(f"{_folders(len(found))}, {size}, that no run needs; nothing was deleted: add --yes")
        return
    for entry in found:
        remove(entry)
    print(f"deleted {_folders(len(found))}, {size}")


def _folders(count: int) -> str:
    return f"{count:,} folder" + "s" * (count != 1)


def _why(chosen: argparse.Namespace) -> None:
    from alpaca_exp.compose import compose
    from alpaca_exp.plan import plan
    from alpaca_exp.reasons import why

    folder = str(chosen.outputs or "").replace("'", "\\'")
    config = compose([*chosen.overrides, *([f"runtime.outputs='{folder}'"] if folder else [])])
    for name, reason, against in why(config, plan(config), config.runtime.outputs):
        print(f"{name:10} {reason}" + (f" (against {against})" if against else ""))


def _export(chosen: argparse.Namespace) -> None:
    from alpaca_exp.exporting import export

    outputs = _folder(chosen)
    name = "-".join(Path(word).name for word in chosen.runs) or "outputs"
    file = chosen.out or Path(f"{name}.tar.gz")
    if not file.name.endswith(".tar.gz"):
        raise InputError(f"--out {file} must end in .tar.gz, which is what it will be")
    print(export(chosen.runs, outputs, file, weights=chosen.weights, journal=chosen.journal).summary())


def _table(found: Sequence[Entry]) -> None:
    if not found:
        print("nothing")
        return
    print(f"{'artifact':28} {'state':10} {'size':>8} {'age':>6} {'usd':>9} {'paid':>9} {'runs':>5}")
    for entry in found:
        state = "finished" if entry.finished else "unfinished"
        row = f"{entry.name:28} {state:10} {_size(entry.bytes):>8} {_age(entry.age_s):>6}"
        print(f"{row} {entry.usd:9.4f} {entry.paid:9.4f} {entry.runs:5}")


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.0f} TB"


def _age(seconds: float) -> str:
    for limit, unit, size in ((60, "s", 1), (3600, "m", 60), (86400, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds / 86400:.0f}d"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m alpaca_exp.store", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, text in (
        ("list", _list, "every artifact: size, age, dollars, and how many runs need it"),
        ("gc", _gc, "what no run needs and a day has not touched; --yes deletes it"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        add_outputs(command, positional=True)
        command.set_defaults(run=function)
        if name == "gc":
            command.add_argument("--yes", action="store_true", help="delete them")
    text = "why each stage of an experiment is found, or what is new about it"
    command = commands.add_parser("why", help=text, description=text)
    command.add_argument(
        "overrides", nargs="*", help="as for `python -m alpaca_exp`: +experiment=cleaned ..."
    )
    add_outputs(command, positional=False)
    command.set_defaults(run=_why, outputs=None)
    text = "one archive from which the table of some runs is made again elsewhere, for 0 dollars"
    command = commands.add_parser("export", help=text, description=text)
    what = "an experiment, a sweep, or a run's folder or name; none: all runs"
    command.add_argument("runs", nargs="*", metavar="RUN", help=what)
    command.add_argument("--out", type=Path, metavar="FILE", help="default: RUN.tar.gz, here")
    command.add_argument("--no-weights", dest="weights", action="store_false", help="leave models behind")
    command.add_argument(
        "--no-journal", dest="journal", action="store_false", help="leave the servers' answers behind"
    )
    add_outputs(command, positional=False)
    command.set_defaults(run=_export)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
