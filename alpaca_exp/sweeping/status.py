"""How a sweep stands, read from its folder alone: from any process, while it runs or years later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alpaca_exp.errors import InputError, JobsFailed, Stopped
from alpaca_exp.records import Row
from alpaca_exp.study.overview import write_overview
from alpaca_exp.study.results import read_results, read_trials, summary
from alpaca_exp.sweep_folder import JOBS, Entry, described, entry, read
from alpaca_exp.sweeping import agents, reporting
from alpaca_exp.sweeping.attempt import Outcome
from alpaca_exp.sweeping.clustered import wait
from alpaca_exp.sweeping.standing import standing
from alpaca_exp.sweeping.submissions import last
from alpaca_exp.sweeping.table import table

AGAIN = "the same command runs only what has no result"


def status(sweep: Path) -> str:
    """The sweep's command and its table. Raises InputError where the folder is not a sweep's."""
    rows = _rows(sweep)
    told = described(sweep)
    head = [f"{told['name']}, begun {told['created']}, last started {told['started']}"] if told else []
    head += [" ".join(told["command"]), ""] if told else []
    entries, shared = standing(sweep, [entry(row, sweep) for row in rows.values()])
    found = read_results(sweep)
    beside = [*shared, *agents.lines(sweep)]
    return "\n".join([*head, *beside, table(entries), *([summary(found)] if found else [])])


def attach(sweep: Path) -> list[Entry]:
    """Wait for what is in SLURM's hands, as the command that submitted it would have; then the table of all.

    Raises what such a command raises: JobsFailed, Stopped, KeyboardInterrupt where whoever waits goes.
    """
    rows = _rows(sweep)
    entries = [entry(row, sweep) for row in rows.values()]
    submitted = last(sweep)
    open_ = [one for one in entries if one.status not in ("done", "failed") and str(one.number) in submitted]
    by_agents = any(one.is_agent for one in submitted.values())
    outcomes: dict[int, Outcome] = {}
    labels = {one.number: str(rows[one.number].get("label") or "") for one in open_}
    error = agents.wait(sweep) if by_agents else wait(labels, sweep, outcomes)
    told = [entry(row, sweep) for row in _rows(sweep).values()]
    write_overview(sweep)
    found = read_results(sweep)
    print(f"\n{table(standing(sweep, told)[0])}\n{summary(found) if found else ''}", flush=True)
    print(f"This {'study' if found else 'sweep'}: {sweep}", flush=True)
    if error is not None:
        raise error
    _tell_page(sweep)
    again = {row["retry_of"] for row in read_trials(sweep)} if found else set()
    ended = [one for one in told if one.number not in again]
    raise_for(ended)
    if by_agents and len(ended) < (wanted := int(described(sweep)["jobs"])):
        raise Stopped(f"{len(ended):,} of {wanted:,} trials were made, and no agent is left; {AGAIN}")
    return told


def _tell_page(sweep: Path) -> None:
    """End with the page that the sweep's own command would have ended with."""
    from alpaca_exp.report.page_writing import SETTINGS

    folder = sweep.resolve()
    if folder.parent.name == "sweeps" and ((folder / SETTINGS).exists() or read_results(sweep)):
        reporting.tell_page(folder, folder.parent.parent)


def left_to_itself(sweep: Path) -> str:
    """What to do with a sweep that nobody waits for."""
    return (
        f"The sweep goes on by itself. How it stands: python -m alpaca_exp.sweeps status {sweep}\n"
        f"To wait for it, and collect it:           python -m alpaca_exp.sweeps attach {sweep}"
    )


def raise_for(entries: Sequence[Entry]) -> None:
    """Raises JobsFailed where some jobs failed, Stopped where some were stopped."""
    failed = sum(entry.status in ("failed", "killed") for entry in entries)
    stopped = sum(entry.status == "stopped" for entry in entries)
    every = f"{len(entries):,} job{'s' * (len(entries) > 1)}"
    if failed:
        raise JobsFailed(f"{failed:,} of {every} failed; once mended, {AGAIN}")
    if stopped:
        raise Stopped(f"{stopped:,} of {every} {'were' if stopped > 1 else 'was'} stopped; {AGAIN}")


def _rows(sweep: Path) -> dict[int, Row]:
    found = read(sweep)
    if not found and not described(sweep):
        raise InputError(f"{sweep} is not a sweep's folder: it has no {JOBS}{_others(sweep)}")
    return found


def _others(asked: Path) -> str:
    """The sweep of that name, or those that are near."""
    folder = asked
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    patterns = (f"*/{JOBS}", f"sweeps/*/{JOBS}", f"*/sweeps/*/{JOBS}")
    found = sorted({file.parent for pattern in patterns for file in folder.glob(pattern)})
    same = [one for one in found if one.name == asked.name]
    if len(same) == 1:
        return f"; did you mean {same[0]}?"
    return f"; there are {', '.join(map(str, found))}" if found else ""
