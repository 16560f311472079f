"""Why the runs of one place say nothing of a metric, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alpaca_exp.report.cells import Sample
from alpaca_exp.report.runs import ABSENT, OWN_AXES, Run
from alpaca_exp.report.texts import FIRST, together


def why_not(found: Sample | None) -> str:
    """A phrase; "" where they do say something."""
    if found is None or not found.runs:
        return "no run"
    if found.mixed:
        return f"runs differ in more than their seeds: {together(found.mixed)}"
    if found.evidence is None:
        return ", ".join(_ended(found)) or "finished, without the metric"
    return ""


def choice(found: Sample | None) -> str:
    """`--where scale=large`, which takes one of several settings that runs differ in; "" where none would."""
    runs: Sequence[Run] = found.done if found and found.mixed else []
    labels = [axis for axis in (runs[0].row["labels"] if runs else ()) if axis not in FIRST]
    fields = [part.partition("=")[0] for part in (found.mixed if found else ()) if "=" in part]
    for axis in dict.fromkeys([*FIRST, *fields, *sorted(labels)]):
        values = sorted({run.label(axis) for run in runs} - {ABSENT})
        if len(values) > 1 and axis not in (OWN_AXES[0], OWN_AXES[-1]):
            return f"--where {axis}={values[0]}"
    return ""


def _ended(found: Sample) -> Iterator[str]:
    stopped = sum(run.stopped for run in found.runs)
    failed = sum(not run.done and not run.stopped for run in found.runs)
    yield from (f"{count} {word}" for count, word in ((failed, "failed"), (stopped, "stopped")) if count)
