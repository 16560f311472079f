"""A sweep's page, made anew whenever something has come of its jobs: `report page --name lora --watch`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from alpaca_exp.errors import InputError
from alpaca_exp.report.jobs import Standing, standing
from alpaca_exp.report.kept import kept
from alpaca_exp.report.page_asked import ALL, Asked
from alpaca_exp.report.page_writing import SETTINGS, contents_of, file_of, write
from alpaca_exp.report.studied import OVERVIEW
from alpaca_exp.sweep_folder import JOBS, SUBMISSIONS, SWEEP

if TYPE_CHECKING:
    from alpaca_exp.report.page_contents import Contents

LOOK_S = 2.0
"""Between two looks at the sweep's folder."""
SHARE = 4.0
"""So many times as long as a page kept the processor it is let be: a sweep has other work for that."""
TOLD = (JOBS, SWEEP, SUBMISSIONS, SETTINGS, OVERVIEW)
"""What a page of a sweep is made from, beside its jobs' `run.json`."""

State = tuple[object, ...]


def watch(asked: Asked, outputs: Path) -> None:
    """Make the page until the sweep is over, or somebody interrupts it; says so in a line.

    Raises InputError where `asked` names no sweep.
    """
    sweep, file = outputs / "sweeps" / asked.name, file_of(asked.name, outputs)
    if asked.name == ALL or not sweep.is_dir():
        there = sorted(folder.name for folder in (outputs / "sweeps").glob("*") if folder.is_dir())
        known = f"there are {', '.join(there)}" if there else "there is none yet"
        raise InputError(f"--watch follows a sweep; name it: --name factorial ({known})")
    last: Contents | None = None
    try:
        print(f"{file}: made anew as the sweep goes on; Ctrl-C ends that", flush=True)
        for of in _changes(sweep):
            last = _made(asked, outputs, file, live=of is not None and of.runs) or last
    except KeyboardInterrupt:
        if last is not None:
            write(last, file)
        told = "the page stays as it is" if file.exists() else "there is no page yet"
        print(f"\nNo longer watched; {told}: {file}", flush=True)
        return
    print(f"{asked.name} is over: {_counts(standing(sweep))}", flush=True)


def _changes(sweep: Path) -> Iterator[Standing | None]:
    """How the sweep stands, whenever that is another than before, to the moment when it is over."""
    before: State | None = None
    while True:
        # In this order: what changes between the two is seen at the next look.
        now, of = _state(sweep), standing(sweep)
        now = (*now, of)
        if now != before:
            begun = time.process_time()
            yield of
            time.sleep(SHARE * (time.process_time() - begun) if of is not None and of.runs else 0.0)
            before = now
        elif of is None or not of.runs:
            return
        time.sleep(LOOK_S)


def _made(asked: Asked, outputs: Path, file: Path, *, live: bool) -> Contents | None:
    """The page, written; None where it cannot be made of what is there so far, which is said."""
    _forget()
    try:
        made = contents_of(asked, outputs)
    except InputError as error:
        if not live:
            raise
        print(f"not yet: {error}", file=sys.stderr, flush=True)
        return None
    write(made, file, datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if live else "")
    kept(outputs).save()
    return made


def _state(sweep: Path) -> State:
    """What the files of the sweep were last written at."""
    files = [sweep / name for name in TOLD]
    return tuple(_stamps([*files, *sorted(sweep.glob("*/run.json"))]))


def _stamps(files: Iterable[Path]) -> Iterator[tuple[str, int, int]]:
    for file in files:
        try:
            found = os.stat(file)
        except OSError:
            continue
        yield str(file), found.st_size, found.st_mtime_ns


def _forget() -> None:
    """Let go of what this room has read: an artifact that was not there may be there now."""
    for name, module in list(sys.modules.items()):
        if name.startswith("alpaca_exp.report."):
            for held in vars(module).values():
                if hasattr(held, "cache_clear"):
                    held.cache_clear()


def _counts(of: Standing | None) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in of.counts.items()) if of else "no jobs"
