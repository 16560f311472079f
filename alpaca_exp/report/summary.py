"""What a run prints at its end: its scores with their doubt, in one short table of plain text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alpaca_exp.records import Row
from alpaca_exp.report.metrics import MEASURING, NO_RULES, Reading, named, reading, score_rows, shown

ALWAYS = ("rows_in", "removed.rules", "removed.critic", "rows", "usd")
"""Shown also where they are 0."""
OTHERS = tuple(f"removed.{name}" for name in NO_RULES if name != "critic")
ROWS = ("rows_in", "removed.rules", "removed.critic", *OTHERS, "not_drawn", "rows")


def summary(run: dict[str, Any], outputs: Path) -> str:
    """Metric, value ± standard error, n and chance; then the judge's, words, rows of data and dollars.

    Of the rows the way from the source to what was tuned on: every step that left some out. `usd` is what
    all of it would cost today, `usd.paid` what this run paid. `run` is what `run.json` holds. A run
    that has no scores yet says so.
    """
    artifacts: dict[str, str] = run["artifacts"]
    lines = [_line(named(row), row) for part in MEASURING for row in score_rows(artifacts, part, outputs)]
    if not lines and (run["status"] != "done" or "curate" not in artifacts):
        return f"{run['experiment']}: no scores ({run['status']})"
    for metric in (*ROWS, "usd"):
        found = reading(metric, artifacts, outputs)
        lines += [_plain(metric, found)] if found and (found.value or metric in ALWAYS) else []
    lines += [("usd.paid", shown("usd", run["usd"]), "", "", "")]
    return _aligned([("metric", "value", "± stderr", "n", "chance"), *lines])


def _line(name: str, row: Row) -> tuple[str, ...]:
    stderr, chance = row.get("stderr"), row.get("chance")
    return (
        name,
        shown(name, row["value"]),
        "" if stderr is None else shown(name, stderr),
        str(row["n"]),
        "" if chance is None else shown(name, chance),
    )


def _plain(name: str, found: Reading) -> tuple[str, ...]:
    stderr = "" if found.stderr is None else shown(name, found.stderr)
    return (name, shown(name, found.value), stderr, "" if found.n is None else str(found.n), "")


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
