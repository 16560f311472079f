"""How jobs stand that SLURM has in its hands: what runs, what waits and for what, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from alpaca_exp.records import Row
from alpaca_exp.sweep_folder import Entry, read
from alpaca_exp.sweeping import submissions
from alpaca_exp.sweeping.slurm import State
from alpaca_exp.sweeping.submissions import Submission
from alpaca_exp.sweeping.table import line

OPEN = ("waiting", "running", "killed", "stopped")
"""What a job may be of which SLURM knows more."""
DEPENDENCY = "Dependency"
"""SLURM's word for a job that is to begin when others have ended."""


def standing(sweep: Path, entries: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    """`entries` with what SLURM says of those jobs that have not come to an end; and the stages they share.

    A line for each of these that is not made: whether it runs or waits, and which jobs wait for it.
    """
    known, rows = submissions.last(sweep), read(sweep)
    open_ = [known[str(one.number)] for one in entries if str(one.number) in known and one.status in OPEN]
    shared = [one for one in known.values() if one.is_shared and submissions.outcome(sweep, one.unit) is None]
    states = submissions.states([*open_, *shared] if open_ else []) or {}
    making = {one.fingerprint: one for one in shared if one.unit in states and not states[one.unit].ended}
    told = [
        _told(one, known[str(one.number)], states[str(one.number)], rows[one.number], making, sweep)
        if one.status in OPEN and str(one.number) in states
        else one
        for one in entries
    ]
    return told, [_shared(one, states[one.unit], rows, sweep) for one in making.values()]


def _told(
    one: Entry, submission: Submission, state: State, row: Row, making: Mapping[str, Submission], sweep: Path
) -> Entry:
    if state.ended:
        return one
    awaited = [
        f"the shared stage {name} of job {making[found].slurm}"
        for name, found in row.get("fingerprints", {}).items()
        if found in making
    ]
    waits = f"waits for {' and '.join(awaited)}" if awaited and state.reason == DEPENDENCY else ""
    label = f"{one.label} ({where(submission, state, sweep, waits)})"
    return replace(one, status="running" if state.runs else "queued", label=label, error=None)


def where(submission: Submission, state: State, sweep: Path, why: str = "") -> str:
    """`job 12_3, Priority; started again 2 times`."""
    again = submission.restarts(sweep)
    why = why or (state.reason if state.reason not in ("", "None") else "")
    where = ", ".join(filter(None, (f"job {submission.slurm}", why)))
    return f"{where}; started again {again} time{'s' * (again != 1)}" if again else where


def _shared(one: Submission, state: State, rows: Mapping[int, Row], sweep: Path) -> str:
    needing = {
        number: name
        for number, row in rows.items()
        for name, found in row.get("fingerprints", {}).items()
        if found == one.fingerprint
    }
    name = next(iter(needing.values()), one.unit)
    title = f"{name}, shared by {len(needing):,} jobs ({where(one, state, sweep)})"
    return line(None, title, "running" if state.runs else "queued", None)
