"""A sweep's jobs as lines of text: what each came to, and why some did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from alpaca_exp.sweep_folder import Entry

LONG = 40
"""Of more jobs than these only the ones that need a look are listed."""
LONGEST = 160
"""Characters of a reason beside its job; the whole of it stands below the table, and in the log."""
SETTLED = ("done", "found", "pruned", "retried")
NOT_BEGUN = ("waiting", "queued")
MEANING = {
    "done": "done",
    "found": "found from before",
    "pruned": "pruned",
    "retried": "ended early and tried again",
    "failed": "failed",
    "stopped": "stopped",
    "killed": "killed",
    "running": "running",
    "queued": "in SLURM's queue",
    "waiting": "not started",
}
"""In which order, and in which words, jobs are counted."""


def table(entries: Sequence[Entry], said: Collection[int] = ()) -> str:
    """One line a job, the reasons of those that failed, each said once, and the counts.

    `said`: the numbers of jobs whose lines were shown already.
    """
    listed = [one for one in entries if len(entries) <= LONG or one.status not in (*SETTLED, *NOT_BEGUN)]
    shown = [one for one in listed if one.number not in said]
    lines = [line(one.number, one.label, one.status, one.seconds, _beside(one)) for one in shown]
    return "\n".join([*lines, *_reasons(entries), counts(Counter(one.status for one in entries))])


def _beside(one: Entry) -> str | None:
    """What a line says of a job that needs no look: why a trial was given up, or what took its place."""
    return one.error if one.status in SETTLED else None


def line(number: int | None, label: str, status: str, seconds: float | None, error: str | None = None) -> str:
    """`  7  failed       3.2 s  scale=large seed=1: why`; a reason of many lines is cut to one."""
    took = f"{seconds:9.1f} s" if seconds and status != "found" else " " * 11
    why = f": {_first_line(error)}" if error else ""
    return f"{'' if number is None else number:>5}  {status:8}{took}  {label}{why}"


def counts(statuses: Mapping[str, int]) -> str:
    """`18 jobs: 12 done, 4 found from before, 2 failed`."""
    total = sum(statuses.values())
    told = [f"{statuses[name]:,} {words}" for name, words in MEANING.items() if statuses.get(name)]
    return f"{total:,} job{'s' * (total != 1)}: {', '.join(told) or 'none'}"


def _reasons(entries: Sequence[Entry]) -> Iterator[str]:
    """Each reason once, with the jobs that it holds for and where the first one's log is."""
    by_reason: dict[str, list[Entry]] = {}
    for one in entries:
        if one.error and one.status not in SETTLED:
            by_reason.setdefault(one.error, []).append(one)
    if by_reason:
        yield ""
    for reason, jobs in by_reason.items():
        numbers = ", ".join(str(one.number) for one in jobs[:10]) + (", ..." if len(jobs) > 10 else "")
        yield f"job{'s' * (len(jobs) != 1)} {numbers} {jobs[0].status}: {reason}"
        if jobs[0].log and jobs[0].log.exists():
            yield f"  log: {jobs[0].log}"
    yield ""


def _first_line(text: str) -> str:
    """Cut between two words, where it is long."""
    first = text.partition("\n")[0]
    if len(first) > LONGEST:
        first = first[:LONGEST].rpartition(" ")[0] or first[:LONGEST]
    return first + (" ..." if len(first) < len(text) else "")
