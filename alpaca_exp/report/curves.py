"""The learning curves of the trainings behind some runs, as their `metrics.csv` have them."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alpaca_exp.report.runs import ABSENT, Run

Points = tuple[tuple[int, float], ...]
MOST_POINTS = 200
"""Of a longer curve every so many points are kept, the first and the last among them."""


@dataclass(frozen=True)
class Curve:
    """One training."""

    row: str
    """Where its run stands in the table."""
    seed: str
    source: str
    steps: int
    loss: Points
    val_loss: Points

    @property
    def title(self) -> str:
        """`cleaned, seed 0`."""
        return f"{self.row}, seed {self.seed}"

    def told(self, aside: bool) -> tuple[str, ...]:
        """Its ends as text; `aside`: with the last val_loss."""
        ends = [_text(points, at) for points, at in ((self.loss, 0), (self.loss, -1))]
        return (self.title, f"{self.steps:,}", *ends, *[_text(self.val_loss, -1)] * aside)


def curves_of(runs: Sequence[Run], name: Callable[[Run], str], outputs: Path) -> list[Curve]:
    """One for each training behind the runs that has left a loss, whoever shares it."""
    found: dict[str, Curve] = {}
    for run in runs:
        train = run.artifacts.get("train")
        if train and train not in found and (one := _curve(run, train, name(run), outputs)):
            found[train] = one
    return sorted(found.values(), key=lambda one: (_counting(one.row), len(one.seed), one.seed, one.source))


def _counting(name: str) -> list[tuple[int, str]]:
    """To sort by: `trial 2` comes before `trial 10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _curve(run: Run, train: str, row: str, outputs: Path) -> Curve | None:
    source = f"train/{train}"
    try:
        with (outputs / source / "metrics.csv").open(encoding="utf-8", newline="") as file:
            rows = [one for one in csv.DictReader(file) if (one.get("step") or "").isdecimal()]
    except OSError:
        return None
    points = {key: _points(rows, key) for key in ("loss", "val_loss")}
    if not points["loss"]:
        return None
    steps = int(rows[-1]["step"])
    return Curve(
        row, run.label("seed"), source, steps, _thinned(points["loss"]), _thinned(points["val_loss"])
    )


def _points(rows: Sequence[dict[str, str]], key: str) -> Points:
    """Losses that ran away are left out of the drawing's reach: only finite ones can be drawn."""
    found = []
    for one in rows:
        try:
            value = float(one.get(key) or "nan")
        except ValueError:
            continue
        if math.isfinite(value):
            found.append((int(one["step"]), value))
    return tuple(found)


def _thinned(points: Points) -> Points:
    if len(points) <= MOST_POINTS:
        return points
    every = math.ceil(len(points) / MOST_POINTS)
    return (*points[:-1:every], points[-1])


def _text(points: Points, at: int) -> str:
    return f"{points[at][1]:.4f}" if points else ABSENT
