"""How jobs stand that SLURM has in its hands: what runs, what waits and for what, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from alpaca_exp.records import Row
from alpaca_exp.sweep_folder import Entry, entry, is_claimed, read
from alpaca_exp.sweeping import submissions
from alpaca_exp.sweeping.gathering import lost
from alpaca_exp.sweeping.slurm import State
from alpaca_exp.sweeping.submissions import Submission
from alpaca_exp.sweeping.table import LONG, line

OPEN = ("waiting", "running", "killed", "stopped")
"""What a job may be of which SLURM knows more."""
SILENT = "SLURM gives no answer here: of the jobs that it has, what is known is what they wrote themselves"
DEPENDENCY = "Dependency"
"""SLURM's word for a job that is to begin when others have ended."""


def standing(sweep: Path, entries: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    """`entries` with what SLURM says of those jobs that have not come to an end; and lines of what is beside.

    These are the stages that jobs share and that are not made: whether each runs or waits. Of jobs that wait,
    where they are too many to be listed, how many do so for what.
    """
    known, rows = submissions.last(sweep), read(sweep)
    open_ = [known[str(one.number)] for one in entries if str(one.number) in known and one.status in OPEN]
    shared = [one for one in known.values() if one.is_shared and submissions.outcome(sweep, one.unit) is None]
    answer = submissions.states([*open_, *shared] if open_ else [])
    states = answer or {}
    making = {one.fingerprint: one for one in shared if one.unit in states and not states[one.unit].ended}
    stages = sum(one.is_shared for one in known.values())
    wave = f"the wave of shared stages: {stages - len(shared)} of {stages} made"
    rows = read(sweep)  # a job that has ended meanwhile has said so
    told: list[Entry] = []
    waiting: Counter[str] = Counter()
    for one in entries:
        state = states.get(str(one.number)) if one.status in OPEN else None
        if state is None or state.ended:
            told.append(one if state is None else _ended(known[str(one.number)], state, rows, sweep))
            continue
        why, status = _why(state, rows[one.number], making, wave), "running" if state.runs else "queued"
        waiting[why] += status == "queued"
        label = f"{one.label} ({where(known[str(one.number)], why, sweep)})"
        told.append(replace(one, status=status, label=label, error=None))
    beside = [SILENT] if answer is None else []
    beside += [_shared(one, states[one.unit], rows, sweep) for one in making.values()]
    if len(entries) > LONG:
        beside += [
            line(None, f"{n:,} job{'s' * (n != 1)}: {why}", "queued", None) for why, n in waiting.items() if n
        ]
    return told, beside


def _ended(one: Submission, state: State, rows: Mapping[int, Row], sweep: Path) -> Entry:
    """A job that SLURM has ended, as whoever waits for it is told; unless it says itself what it came to."""
    found = entry(rows[int(one.unit)], sweep)
    if found.status not in OPEN or is_claimed(sweep, found.number):
        return found
    outcome = lost(one, state, rows[found.number], sweep)
    return replace(found, status=outcome.status, seconds=outcome.seconds, error=outcome.error)


def _why(state: State, row: Row, making: Mapping[str, Submission], wave: str) -> str:
    """What a job waits for, or where it runs. `wave`: how what its whole array waits for stands."""
    awaited = [
        f"the shared stage {name} of job {making[found].slurm}"
        for name, found in row.get("fingerprints", {}).items()
        if found in making
    ]
    if state.reason == DEPENDENCY and making:
        return f"waits for {' and '.join(awaited) or wave}"
    return state.reason if state.reason != "None" else ""


def where(submission: Submission, why: str, sweep: Path) -> str:
    """`job 12_3, Priority; started again 2 times`."""
    again = submission.restarts(sweep)
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
    title = f"{name}, shared by {len(needing):,} jobs ({where(one, state.reason, sweep)})"
    return line(None, title, "running" if state.runs else "queued", None)
