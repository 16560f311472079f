"""How a sweep stands, read from its folder alone: from any process, while it runs or years later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from alpaca_exp.errors import InputError, JobsFailed, Stopped
from alpaca_exp.records import Row
from alpaca_exp.study.overview import write_overview
from alpaca_exp.study.results import read_results, summary
from alpaca_exp.sweep_folder import ENDED_WELL, JOBS, Entry, described, entries, entry, read
from alpaca_exp.sweeping import agents, reporting
from alpaca_exp.sweeping.attempt import Outcome
from alpaca_exp.sweeping.clustered import wait
from alpaca_exp.sweeping.standing import standing
from alpaca_exp.sweeping.submissions import last
from alpaca_exp.sweeping.table import table
from alpaca_exp.sweeping.watching import watch

AGAIN = "the same command runs only what has no result"


def status(sweep: Path) -> str:
    """The sweep's command and its table. Raises InputError where the folder is not a sweep's."""
    _rows(sweep)
    told = described(sweep)
    head = [f"{told['name']}, begun {told['created']}, last started {told['started']}"] if told else []
    head += [" ".join(told["command"]), ""] if told else []
    jobs, shared = standing(sweep, entries(sweep))
    beside = [*shared, *agents.lines(sweep)]
    return "\n".join([*head, *beside, table(jobs), *_study(sweep, jobs)])


def attach(sweep: Path) -> list[Entry]:
    """Wait for what SLURM, or a process elsewhere, has in its hands; then the table of all.

    Raises what the sweep's own command would: JobsFailed; Stopped, where some have no result and nobody is
    at them, too; KeyboardInterrupt where whoever waits goes.
    """
    rows = _rows(sweep)
    submitted = last(sweep)
    known = [entry(row, sweep) for row in rows.values()]
    open_ = [one for one in known if one.status not in ("done", "failed") and str(one.number) in submitted]
    by_agents = any(one.is_agent for one in submitted.values())
    outcomes: dict[int, Outcome] = {}
    labels = {one.number: str(rows[one.number].get("label") or "") for one in open_}
    error = agents.wait(sweep) if by_agents else wait(labels, sweep, outcomes)
    error = error or watch(sweep)
    told = standing(sweep, entries(sweep))[0]
    write_overview(sweep)
    print("\n".join(["", table(told), *_study(sweep, told)]), flush=True)
    print(f"This {'study' if described(sweep).get('kind') == 'study' else 'sweep'}: {sweep}", flush=True)
    if error is not None:
        raise error
    _tell_page(sweep)
    _raise_for_all(told, described(sweep))
    return told


def _study(sweep: Path, jobs: Sequence[Entry]) -> list[str]:
    """What a study has come to, as far as its processes, and its jobs since, have told."""
    found = read_results(sweep)
    return [summary(found, Counter(one.status for one in jobs))] if found else []


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
    failed = sum(entry.status == "failed" for entry in entries)
    stopped = sum(entry.status == "stopped" for entry in entries)
    every = f"{len(entries):,} job{'s' * (len(entries) > 1)}"
    if failed:
        raise JobsFailed(f"{failed:,} of {every} failed; once mended, {AGAIN}")
    if stopped:
        raise Stopped(f"{stopped:,} of {every} {'were' if stopped > 1 else 'was'} stopped; {AGAIN}")


def _raise_for_all(told: Sequence[Entry], asked: Row) -> None:
    """Raises what tells that something is missing of what was asked for, while nobody is at it."""
    numbers = asked.get("numbers", [one.number for one in told])
    counting = [one for one in told if one.status != "retried" and one.number in numbers]
    raise_for(counting)
    is_study = asked.get("kind") == "study"
    wanted = int(asked["jobs"]) if "numbers" not in asked and "jobs" in asked else len(counting)
    left = wanted - sum(one.status in (*ENDED_WELL, "failed") for one in counting)
    if left > 0:
        what = f"{'trial' if is_study else 'job'}{'s' * (wanted != 1)}"
        has = "has no result, and nobody is at it" if left == 1 else "have no result, and nobody is at them"
        raise Stopped(f"{left:,} of {wanted:,} {what} {has}; {AGAIN}")


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
