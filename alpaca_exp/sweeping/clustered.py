"""A grid on SLURM: what has no result and is in nobody's hands is submitted, and all of it is waited for.

Shared stages are jobs of their own, in waves before the grid's jobs: an allocation that waits for another
job's lock would be paid for, and its time limit would run. Whoever waits here may go: the jobs go on, and the
same command, or `python -m alpaca_exp.sweeps attach`, finds them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.sweep_folder import Entry
from alpaca_exp.sweeping import history, submissions
from alpaca_exp.sweeping.agenda import Unit, shared_parts
from alpaca_exp.sweeping.attempt import Outcome
from alpaca_exp.sweeping.board import Board
from alpaca_exp.sweeping.gathering import Watched, pauses
from alpaca_exp.sweeping.jobs import Job, Part
from alpaca_exp.sweeping.sent import Sent
from alpaca_exp.sweeping.slurm import State
from alpaca_exp.sweeping.submissions import Submission
from alpaca_exp.sweeping.submitting import Slurm, send


def submit(todo: Sequence[Job], sweep: Path, outputs: Path, asked: Slurm) -> int:
    """Submit those of `todo` that no SLURM job is at. Returns how many.

    Raises InputError where SLURM refuses them, or cannot be asked whether it has some of them.
    """
    with submissions.submitting(sweep):
        live = _live(sweep)
        free = [job for job in todo if str(job.number) not in live]
        parts = shared_parts(todo, outputs)
        waves = _waves({name: part for name, part in parts.items() if part.title not in live})
        first = {name: next(job for job in todo if name in job.needs) for name in parts}
        sent = [
            [Sent(Unit(first[part.fingerprint], part), sweep.absolute()) for part in wave] for wave in waves
        ]
        for part in (part for wave in waves for part in wave):
            submissions.outcome_file(sweep, part.title).unlink(missing_ok=True)
        sent += [[_sent(job, parts, first, sweep) for job in free]]
        history.append(sweep, [history.row(job, "waiting") for job in free])
        awaited = [live[part.title].slurm for part in parts.values() if part.title in live]
        send([wave for wave in sent if wave], sweep, asked, after=awaited)
    return len(free)


def wait(labels: Mapping[int, str], sweep: Path, outcomes: dict[int, Outcome]) -> BaseException | None:
    """Wait for the jobs of these numbers, shown as they go; what became of each goes into `outcomes`.

    Returns what interrupted it. The jobs go on then.
    """
    board = Board(len(labels))
    watched = Watched(sweep, {str(number) for number in labels})
    try:
        for pause in pauses():
            for name, outcome in watched.look():
                outcomes[int(name)] = outcome
                board.ended(int(name), labels[int(name)], outcome)
            _show(watched, labels, board)
            if not watched.left:
                break
            time.sleep(pause)
    except (KeyboardInterrupt, Exception) as error:
        known = submissions.last(sweep)
        slurm = sorted({known[name].slurm.partition("_")[0] for name in watched.left if name in known})
        board.say(f"The jobs go on in SLURM; to end them: scancel {' '.join(slurm)}")
        return error
    finally:
        board.close()
    return None


def _show(watched: Watched, labels: Mapping[int, str], board: Board) -> None:
    """What runs now; what waits, and why."""
    running = {name for name in watched.left if name in watched.states and watched.states[name].runs}
    for name in labels:
        if str(name) in running:
            board.begun(name, labels[name])
    board.meanwhile = _queue(watched)


def standing(sweep: Path, entries: Sequence[Entry]) -> list[Entry]:
    """`entries` with what SLURM says of those jobs that have not come to an end."""
    known = submissions.last(sweep)
    asked = [known[str(one.number)] for one in entries if str(one.number) in known and one.status in OPEN]
    states = submissions.states(asked) or {}
    return [_standing(one, known, states, sweep) if one.status in OPEN else one for one in entries]


OPEN = ("waiting", "running", "killed", "stopped")
"""What a job may be of which SLURM knows more."""


def _standing(one: Entry, known: Mapping[str, Submission], states: Mapping[str, State], sweep: Path) -> Entry:
    name = str(one.number)
    state, submission = states.get(name), known.get(name)
    if state is None or submission is None or state.ended:
        return one
    again = submission.restarts(sweep)
    times = f"started again {again} time{'s' * (again != 1)}" if again else ""
    where = f"job {submission.slurm}" + (f", {state.reason}" if state.reason not in ("", "None") else "")
    told = "; ".join(filter(None, (where, times)))
    return replace(
        one, status="running" if state.runs else "queued", label=f"{one.label} ({told})", error=None
    )


def _live(sweep: Path) -> dict[str, Submission]:
    """The units that SLURM has in its hands."""
    known = submissions.last(sweep)
    open_ = [one for name, one in known.items() if not _is_over(sweep, name)]
    states = submissions.states(open_)
    if states is None:
        raise InputError(
            "SLURM does not say whether it still has the jobs that were submitted for this sweep (squeue "
            "fails); try again when it does"
        )
    return {one.unit: one for one in open_ if not states[one.unit].ended}


def _is_over(sweep: Path, name: str) -> bool:
    if not name.isdecimal():
        return submissions.outcome(sweep, name) is not None
    return history.read(sweep).get(int(name), {}).get("status") in ("done", "failed")


def _sent(job: Job, parts: Mapping[str, Part], first: Mapping[str, Job], sweep: Path) -> Sent:
    needs = tuple(part for name, part in parts.items() if name in job.needs)
    pays = tuple(part for part in needs if first[part.fingerprint] is job)
    return Sent(Unit(job), sweep.absolute(), needs, pays)


def _waves(parts: Mapping[str, Part]) -> list[list[Part]]:
    """Each wave needs only what those before it made."""
    left, waves = dict(parts), list[list[Part]]()
    while left:
        wave = [part for part in left.values() if not set(part.inputs) & set(left)]
        waves.append(wave)
        for part in wave:
            del left[part.fingerprint]
    return waves


def _queue(watched: Watched) -> str:
    """Why nothing runs: `12 jobs in SLURM's queue (Priority)`."""
    waiting = [watched.states[name] for name in watched.left if name in watched.states]
    reasons = dict.fromkeys(state.reason for state in waiting if not state.runs and state.reason)
    told = f" ({', '.join(list(reasons)[:3])})" if reasons else ""
    return f"{len(watched.left):,} in SLURM's hands{told}"
