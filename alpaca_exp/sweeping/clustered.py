"""A grid on SLURM: what has no result and is in nobody's hands is submitted, and all of it is waited for.

Shared stages are jobs of their own, and what needs them waits in SLURM's queue until they have ended: an
allocation that waits for another job's lock would be paid for, and its time limit would run. Whoever waits
here may go: the jobs go on, and the same command, or `python -m alpaca_exp.sweeps attach`, finds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.records import Row
from alpaca_exp.sweeping import history, submissions
from alpaca_exp.sweeping.agenda import Unit, shared_parts
from alpaca_exp.sweeping.attempt import Outcome
from alpaca_exp.sweeping.board import Board
from alpaca_exp.sweeping.gathering import Watched, wait_for
from alpaca_exp.sweeping.jobs import Job, Part
from alpaca_exp.sweeping.sent import Sent
from alpaca_exp.sweeping.submissions import Submission
from alpaca_exp.sweeping.submitting import Slurm, send
from alpaca_exp.sweeping.table import line


def submit(todo: Sequence[Job], sweep: Path, outputs: Path, asked: Slurm) -> int:
    """Submit those of `todo` that no SLURM job is at. Returns how many.

    Raises InputError where SLURM refuses them, or cannot be asked whether it has some of them.
    """
    with submissions.submitting(sweep):
        live = in_hand(sweep)
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
        send([wave for wave in sent if wave], sweep, asked, awaits=_awaits(free, parts), live=live)
    return len(free)


def _awaits(jobs: Sequence[Job], parts: Mapping[str, Part]) -> dict[str, set[str]]:
    """By the names of units, the shared stages that each cannot begin without."""
    needs = {part.title: set(part.inputs) for part in parts.values()}
    needs |= {str(job.number): job.needs for job in jobs}
    return {name: {parts[one].title for one in of if one in parts} for name, of in needs.items()}


def wait(labels: Mapping[int, str], sweep: Path, outcomes: dict[int, Outcome]) -> BaseException | None:
    """Wait for the jobs of these numbers, shown as they go; what became of each goes into `outcomes`.

    Returns what interrupted it. The jobs go on then.
    """
    board = Board(len(labels))
    watched = Watched(sweep, {str(number) for number in labels})
    restarts: dict[int, int] = {}

    def note(name: str, outcome: Outcome) -> None:
        outcomes[int(name)] = outcome
        board.ended(int(name), labels[int(name)], outcome)

    def show() -> None:
        _show(watched, labels, board)
        _tell_restarts(watched, labels, board, restarts)

    return wait_for(watched, board, note, show)


def _show(watched: Watched, labels: Mapping[int, str], board: Board) -> None:
    """What runs now; what waits, and why."""
    for number in labels:
        if str(number) in watched.running:
            board.begun(number, labels[number])
        else:
            board.paused(number)
    board.meanwhile = watched.queue


def _tell_restarts(watched: Watched, labels: Mapping[int, str], board: Board, told: dict[int, int]) -> None:
    """Say which jobs SLURM has started again since the last look."""
    for name, count in watched.restarts.items():
        if count > told.get(int(name), 0):
            told[int(name)] = count
            again = f"started again by SLURM, {count} time{'s' * (count > 1)} so far"
            board.say(line(int(name), labels[int(name)], "running", None, again))


def in_hand(sweep: Path) -> dict[str, Submission]:
    """The units that SLURM has in its hands."""
    rows = history.read(sweep)
    open_ = [one for one in submissions.last(sweep).values() if not _is_over(sweep, one.unit, rows)]
    states = submissions.states(open_)
    if states is None:
        raise InputError(
            "SLURM does not say whether it still has the jobs that were submitted for this sweep (squeue "
            "fails); try again when it does"
        )
    return {one.unit: one for one in open_ if not states[one.unit].ended}


def _is_over(sweep: Path, name: str, rows: Mapping[int, Row]) -> bool:
    if not name.isdecimal():
        return submissions.outcome(sweep, name) is not None
    return rows.get(int(name), {}).get("status") in ("done", "failed")


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
