"""What a report page is asked for, and the command that asks for it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

ALL = "all"
"""The page of all runs."""


@dataclass(frozen=True)
class Asked:
    """What a page shows."""

    name: str
    rows: str | None = None
    columns: str | None = None
    metrics: tuple[str, ...] = ()
    baseline: str | None = None
    factors: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    claims: str | None = None
    """An option of conf/claims or a file; None: those of the runs' own configuration."""
    sweep: bool = False
    """Whether the name is a sweep's: then the page is of the runs that the sweep was last asked for."""


def command(asked: Asked, outputs: Path) -> str:
    """What makes this page, whatever settings the sweep's folder has."""
    words = ["python", "-m", "alpaca_exp.report", "page", str(outputs), "--name", asked.name]
    for option in ("rows", "columns", "baseline", "claims"):
        value = getattr(asked, option)
        words += [f"--{option}", value] if value else []
    for option in ("metrics", "factors"):
        words += [f"--{option}", ",".join(getattr(asked, option))] if getattr(asked, option) else []
    for word in asked.where:
        words += ["--where", word]
    return shlex.join(words)
