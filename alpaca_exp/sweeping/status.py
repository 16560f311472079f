"""How a sweep stands, read from its folder alone: from any process, while it runs or years later."""

from __future__ import annotations

from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.records import Row
from alpaca_exp.sweeping.history import JOBS, described, is_claimed, read
from alpaca_exp.sweeping.table import Entry, table


def status(sweep: Path) -> str:
    """The sweep's command and its table. Raises InputError where the folder is not a sweep's."""
    rows = read(sweep)
    if not rows:
        raise InputError(f"{sweep} is not a sweep's folder: it has no {JOBS}{_others(sweep)}")
    told = described(sweep)
    head = [f"{told['name']}, begun {told['created']}, last started {told['started']}"] if told else []
    head += [" ".join(told["command"]), ""] if told else []
    return "\n".join([*head, table([_entry(row, sweep) for row in rows.values()])])


def _entry(row: Row, sweep: Path) -> Entry:
    state, number, error = str(row["status"]), int(row["job"]), row.get("error")
    if state == "running" and not is_claimed(sweep, number):
        state, error = "killed", "its process ended without a word; starting the sweep again runs it again"
    label = str(row.get("label") or " ".join(row.get("overrides", [])))
    log = sweep / str(row["log"]) if row.get("log") else None
    return Entry(number, label, state, row.get("seconds"), error, log)


def _others(folder: Path) -> str:
    """The sweeps that are near."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    found = [file for pattern in (f"*/{JOBS}", f"sweeps/*/{JOBS}") for file in folder.glob(pattern)]
    near = ", ".join(sorted(str(file.parent) for file in found))
    return f"; there are {near}" if near else ""
