"""What a run prints at its end: its scores with their doubt, in one short table of plain text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alpaca_exp.records import Row
from alpaca_exp.report.metrics import (
    MEASURING,
    NO_RULES,
    Reading,
    audits_of,
    judge_notes,
    reading,
    score_rows,
    shown,
)
from alpaca_exp.scoreboard import HEAD, aligned, by_category, constant, explained, interval, named, notes

ALWAYS = ("rows_in", "removed.rules", "removed.critic", "rows", "usd")
"""Shown also where they are 0."""
OTHERS = tuple(f"removed.{name}" for name in NO_RULES if name != "critic")
ROWS = ("rows_in", "removed.rules", "removed.critic", *OTHERS, "not_drawn", "rows")


def summary(run: dict[str, Any], outputs: Path) -> str:
    """Metric, value ± standard error, interval, n, chance, best constant answer, notes; then what to warn of.

    Below the evaluation's and the judge's scores stand the rows of data, the way from the source to what
    was tuned on: every step that left some out. `usd` is what all of it would cost today, `usd.paid` what
    this run paid. Last are the judge's own notes, of a judging that was found as of one that was made.
    `run` is what `run.json` holds. A run that has no scores yet says so.
    """
    artifacts: dict[str, str] = run["artifacts"]
    audits = audits_of(artifacts, outputs)
    scores = [row for part in MEASURING for row in score_rows(artifacts, part, outputs)]
    lines = [_line(row, audits) for row in scores if not by_category(row)]
    if not lines and (run["status"] != "done" or "curate" not in artifacts):
        return f"{run['experiment']}: no scores ({run['status']})"
    for metric in (*ROWS, "usd"):
        found = reading(metric, artifacts, outputs)
        lines += [_plain(metric, found)] if found and (found.value or metric in ALWAYS) else []
    rows = [HEAD, *lines, ("usd.paid", shown("usd", run["usd"]), *[""] * (len(HEAD) - 2))]
    judged = [f"- judge: {sentence}" for sentence in judge_notes(artifacts, outputs)]
    return "\n".join([aligned(rows), *explained(rows, list(audits.values())), *judged])


def _line(row: Row, audits: Mapping[str, Row]) -> tuple[str, ...]:
    name, stderr = named(row), row.get("stderr")
    levels = (row.get("chance"), constant(row, audits))
    told = ["" if level is None else shown(name, level) for level in levels]
    error = "" if stderr is None else shown(name, stderr)
    bounds = interval(row, lambda bound: shown(name, bound))
    return (name, shown(name, row["value"]), error, bounds, f"{row['n']:,}", *told, notes(row, audits))


def _plain(name: str, found: Reading) -> tuple[str, ...]:
    stderr = "" if found.stderr is None else shown(name, found.stderr)
    n = "" if found.n is None else f"{found.n:,}"
    return (name, shown(name, found.value), stderr, "", n, "", "", "")
