"""The runs under an outputs folder, each as its `run.json` tells it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.records import Row

OWN_AXES = ("experiment", "preset", "scale", "seed")
ABSENT = "\u2013"
"""What a table shows where there is nothing."""
PATTERNS = ("runs/*/*/run.json", "sweeps/*/*/run.json")


@dataclass(frozen=True)
class Run:
    """One run: its place below the outputs folder, and its `run.json`."""

    name: str
    row: Row

    def label(self, axis: str) -> str:
        """Where the run stands on an axis: experiment, preset, scale, seed, or a config group's option."""
        value = self.row[axis] if axis in OWN_AXES else self.row["labels"].get(axis, ABSENT)
        return str(value)

    @property
    def artifacts(self) -> dict[str, str]:
        """Fingerprints by the parts of the experiment."""
        return dict(self.row["artifacts"])

    @property
    def done(self) -> bool:
        """Whether it came to its end."""
        return bool(self.row["status"] == "done")

    @cached_property
    def recipe(self) -> tuple[str, ...]:
        """All that was asked for but for seeds, and where and how it ran."""
        labels = sorted(self.row["labels"].items())
        own = [f"{axis}={self.row[axis]}" for axis in ("preset", "scale")]
        return (*own, *(f"{key}={value}" for key, value in labels), *sorted(self._overrides(seeds=False)))

    @cached_property
    def seeds(self) -> tuple[str, ...]:
        """Every seed that was asked for."""
        return (f"seed={self.row['seed']}", *sorted(self._overrides(seeds=True)))

    def _overrides(self, seeds: bool) -> list[str]:
        chosen = []
        for override in self.row["overrides"]:
            key = override.lstrip("+~").partition("=")[0]
            where = key.startswith(("runtime.", "logger.", "hydra", "experiment", "sweep", "action"))
            if not where and key != "seed" and "." in key and key.endswith(".seed") == seeds:
                chosen.append(override)
        return chosen


def collect(outputs: Path) -> list[Run]:
    """The runs of `outputs` in a fixed order; of those that were repeated, the ones that count.

    A run that did not end counts only where the same run never did; of the same run made twice
    (from other code, say) the newer counts. Raises InputError where there are no runs, or where a
    `run.json` cannot be read.
    """
    if not outputs.is_dir():
        raise InputError(f"{outputs} is no folder; name the folder that runtime.outputs named")
    files = sorted(file for pattern in PATTERNS for file in outputs.glob(pattern))
    if not files:
        raise InputError(f"{outputs} holds no runs; start one: python -m alpaca_exp +experiment=original")
    latest: dict[tuple[object, ...], Run] = {}
    runs = [_read(file, outputs) for file in files]
    for run in sorted(runs, key=lambda run: (run.done, run.row["started"], run.name)):
        latest[run.label("experiment"), run.recipe, run.seeds] = run
    return sorted(latest.values(), key=lambda run: (run.label("experiment"), run.recipe, run.seeds))


def axes(runs: Iterable[Run]) -> list[str]:
    """Every axis that these runs can be arranged on."""
    return [*OWN_AXES, *sorted({label for run in runs for label in run.row["labels"]})]


def check(kind: str, name: str, known: Sequence[str]) -> str:
    """`name` if it is among the known; InputError, naming the nearest, if not."""
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    raise InputError(f"there is no {kind} {name}; {hint}")


def _read(file: Path, outputs: Path) -> Run:
    name = str(file.parent.relative_to(outputs))
    try:
        row = json.loads(file.read_text(encoding="utf-8"))
        needed = (*OWN_AXES, "labels", "artifacts", "overrides", "status", "started")
        missing = [key for key in needed if key not in row]
    except (OSError, ValueError, TypeError):
        raise InputError(f"{file} cannot be read as JSON; delete its folder, or run that job again") from None
    if missing:
        raise InputError(f"{file} lacks {', '.join(missing)}; delete its folder, or run that job again")
    return Run(name, row)
