"""What others have published of the model that a cell is of, to stand beside its number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alpaca_exp.report.cells import Figure
from alpaca_exp.report.judged import PREFIX, judging
from alpaca_exp.report.metrics import audit_of, audits_of, has, parts_of, reading, tasks_of
from alpaca_exp.report.runs import ABSENT, Run

if TYPE_CHECKING:
    from alpaca_exp.references.columns import Setting

AXES = ("base_model", "scale", "dataset_variant", "trainer", "experiment")
"""What tells which model a run is of."""


def published(metric: str, runs: Sequence[Run], outputs: Path, stand_ins: bool) -> tuple[Figure, ...]:
    """The figures of others that may stand beside `metric`, with what differs; the most alike comes first.

    None where the runs are of several models. With `stand_ins` also beside models that only stand for a
    published one: the miniature's small one for 7B, say.
    """
    from alpaca_exp.references.columns import beside
    from alpaca_exp.references.names import models

    done = [run for run in runs if run.done]
    values = {axis: {run.label(axis) for run in done} for axis in AXES}
    labels = {axis: min(found) for axis, found in values.items() if len(found) == 1 and found != {ABSENT}}
    several = any(len(found) > 1 for axis, found in values.items() if axis != "experiment")
    if not done or several or not (stand_ins or labels.get("base_model") in models()):
        return ()
    found = beside(metric, labels, _setting(metric, done[0].artifacts, outputs))
    return tuple(Figure(one.value, one.text, one.source, one.marks) for one in found)


def _setting(metric: str, artifacts: dict[str, str], outputs: Path) -> Setting:
    """How our number came about, as far as its artifacts tell."""
    from alpaca_exp.references.columns import Setting

    one = reading(metric, artifacts, outputs)
    n = one.n if one else None
    if metric.startswith(PREFIX):
        judged = judging(artifacts.get("judge", ""), outputs)
        return Setting(harness="", protocol=judged.told["protocol"] if judged else "", n=n)
    audit = audit_of(artifacts, outputs)
    if not audit or not has(metric, artifacts, outputs):
        return Setting(harness="", n=n)
    tasks = tasks_of(parts_of(metric, artifacts, outputs), artifacts, outputs)
    audits = audits_of(artifacts, outputs)
    shots = {int(audits[task].get("num_fewshot") or 0) for task in tasks if task in audits}
    return Setting(
        frame=str(audit["frame"]),
        harness_version=str(audit.get("lm_eval") or ""),
        num_fewshot=shots.pop() if len(shots) == 1 else None,
        n=n,
    )
