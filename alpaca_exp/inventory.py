"""What lies under `outputs`: its artifacts, who uses them, and what nobody uses."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alpaca_exp.artifacts import RECORD, USAGE, Artifact
from alpaca_exp.errors import InputError
from alpaca_exp.report.runs import Run, read

NOT_STAGES = frozenset({"runs", "sweeps", "reports", "journal", "logs", "rehearsals"})
OLD_S = 24 * 3600.0
"""What is younger than this may belong to a run that is still going: only its end names its artifacts."""


@dataclass(frozen=True)
class Entry:
    """One folder `<stage>/<fingerprint>`, finished or not."""

    path: Path
    finished: bool
    bytes: int
    age_s: float
    usd: float
    """What making it would cost today, whoever paid."""
    paid: float
    """What was paid for it here, finished or not."""
    runs: int
    """How many runs name it, themselves or through what they read."""

    @property
    def name(self) -> str:
        """stage/fingerprint."""
        return f"{self.path.parent.name}/{self.path.name}"


def entries(outputs: Path, runs: Sequence[Run]) -> list[Entry]:
    """Every artifact and every unfinished folder, oldest first; `runs` are those that count as users."""
    used = _uses(outputs, runs)
    now = time.time()
    found = [_entry(path, used, now) for path in _folders(outputs)]
    return sorted(found, key=lambda entry: (-entry.age_s, entry.name))


def unused(outputs: Path) -> list[Entry]:
    """What no run names, and unfinished folders; neither touched for a day.

    Raises InputError where a `run.json` cannot be read: nobody knows what that run needs.
    """
    runs, unreadable = read(outputs)
    if unreadable:
        raise InputError("\n".join(unreadable))
    found = entries(outputs, runs)
    return [entry for entry in found if entry.age_s > OLD_S and not (entry.finished and entry.runs)]


def remove(entry: Entry) -> None:
    """Delete one artifact: its record first, so that a kill half-way leaves no false one."""
    (entry.path / RECORD).unlink(missing_ok=True)
    shutil.rmtree(entry.path, ignore_errors=True)


def _entry(path: Path, used: Mapping[str, int], now: float) -> Entry:
    files = [file for file in path.rglob("*") if file.is_file()]
    newest = max((file.stat().st_mtime for file in files), default=path.stat().st_mtime)
    finished = (path / RECORD).exists()
    paid, found = _usd(path, finished)
    size = sum(file.stat().st_size for file in files)
    return Entry(path, finished, size, now - newest, paid + found, paid, used.get(path.name, 0))


def _usd(path: Path, finished: bool) -> tuple[float, float]:
    """Paid, and the price of what was found in a journal; of an unfinished stage as far as it got."""
    file = path / USAGE
    if finished:
        usage = Artifact(path).record["usage"]
    else:
        usage = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return float(usage.get("usd", 0.0)), float(usage.get("usd_avoided", 0.0))


def _folders(outputs: Path) -> list[Path]:
    return [
        path
        for path in sorted(outputs.glob("*/*"))
        if path.is_dir() and path.parent.name not in NOT_STAGES and not path.parent.name.startswith(".")
    ]


def _uses(outputs: Path, runs: Sequence[Run]) -> dict[str, int]:
    """Fingerprint -> how many of the runs need it, inputs of inputs included."""
    inputs = {
        path.name: list(Artifact(path).record["inputs"].values())
        for path in _folders(outputs)
        if (path / RECORD).exists()
    }
    used: dict[str, int] = {}
    for run in runs:
        for fingerprint in _with_inputs(list(run.artifacts.values()), inputs):
            used[fingerprint] = used.get(fingerprint, 0) + 1
    return used


def _with_inputs(named: list[str], inputs: Mapping[str, list[str]]) -> set[str]:
    found: set[str] = set()
    left = list(named)
    while left:
        fingerprint = left.pop()
        if fingerprint not in found:
            found.add(fingerprint)
            left += inputs.get(fingerprint, [])
    return found
