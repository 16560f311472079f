"""All trials of a study across all of its parameters and objectives: parallel coordinates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from alpaca_exp.report.drawing import DIM, colour, drawing
from alpaca_exp.report.figures import Figure
from alpaca_exp.report.metrics import shown
from alpaca_exp.report.studied import Study, param_text, value_text
from alpaca_exp.sweep_folder import Axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NARROW = 4
"""So many axes have room in half the width of a page."""
WIDE = 12.0
"""Inches, of a figure that has the whole width of a page."""
MOST_LINES, MOST_TOLD = 200, 12
"""So many are drawn, and told of in words; the table holds all."""


def parallel(study: Study) -> Figure:
    """A line a trial from parameter to parameter to its objectives; the best ones stand out."""
    goals = [_goal(study, place, metric) for place, metric in enumerate(study.objectives)]
    own = [place for place, axis in enumerate(study.axes) if axis.name in study.params]
    every = [*(study.axes[place] for place in own), *(axis for axis, _ in goals)]
    drawn = sorted(study.lines[:MOST_LINES], key=lambda one: one.number in study.best)
    across = max(WIDE, 1.5 * len(every)) if len(every) > NARROW else 7.2
    with drawing(across, 3.8) as sheet:
        axes = sheet.axes[0]
        for one in drawn:
            ends = [_between(value, *limits) for value, (_, limits) in zip(one.values, goals, strict=True)]
            places = [
                float("nan") if place is None else place for place in (*(one.places[n] for n in own), *ends)
            ]
            axes.plot(range(len(every)), places, **_weight(one.number in study.best))  # fmt: skip
        for at, axis in enumerate(every):
            _upright(axes, at, axis)
        axes.set_xticks(
            range(len(every)), [_folded(axis.name, 18 if len(every) > 5 else 30) for axis in every]
        )
        axes.set_xlim(-0.3, len(every) - 0.4)
        axes.set_ylim(-0.08, 1.08)
        axes.set_yticks([])
        axes.grid(visible=False)
        axes.spines["left"].set_visible(False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="x", length=0)
    steps = {one.number: one for one in study.steps}
    best = "; ".join(f"trial {number}: {_params(study, number)}" for number in study.best[:MOST_TOLD])
    which = "The best trial" if len(study.objectives) == 1 else "The Pareto front"
    left = len(study.lines) - len(drawn)
    return Figure(
        title="All trials across all parameters",
        wide=len(every) > NARROW,
        finding=f"{which}, drawn heavy, among {len(study.lines)} complete trials: {best}.",
        svg=sheet.svg,
        head=("trial", *study.objectives, *study.params),
        rows=tuple(
            (
                f"trial {one.number}",
                *(value_text(metric, one.values, place) for place, metric in enumerate(study.objectives)),
                *(param_text(steps[one.number].params.get(name)) for name in study.params),
            )
            for one in study.lines
        ),
        behind=tuple(study.behind(one.number) for one in study.lines),
        note=f"{left} more are in the table alone." if left else "",
    )


def _goal(study: Study, place: int, metric: str) -> tuple[Axis, tuple[float, float]]:
    """An objective as an axis of the parallel coordinates, with the values at its ends."""
    values = [value for one in study.lines if (value := one.values[place]) is not None]
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    marks = (
        ((0.0, shown(metric, low)), (1.0, shown(metric, high)))
        if high > low
        else ((0.5, shown(metric, low)),)
    )
    return Axis(metric, False, marks), (low, high)


def _between(value: float | None, low: float, high: float) -> float | None:
    if value is None:
        return None
    return (value - low) / (high - low) if high > low else 0.5


def _weight(best: bool) -> dict[str, Any]:
    """How a trial's line is drawn."""
    if best:
        return {"color": colour(0), "linewidth": 2.2, "marker": "o", "markersize": 4, "zorder": 2}
    return {"color": DIM, "linewidth": 0.8, "alpha": 0.75, "zorder": 1}


def _upright(axes: Axes, at: int, axis: Axis) -> None:
    axes.plot([at, at], [0, 1], color=DIM, linewidth=1, zorder=0)
    for place, text in axis.marks:
        axes.annotate(text, (at, place), xytext=(6, 0), textcoords="offset points", fontsize=8, va="center")


def _params(study: Study, number: int) -> str:
    params = next(one.params for one in study.steps if one.number == number)
    return ", ".join(f"{name} {param_text(params[name])}" for name in study.params if name in params)


def _folded(name: str, width: int) -> str:
    """A key in lines of about so many letters: `trainer.` above `learning_rate`."""
    lines = [""]
    for part in re.findall(r"[^._]*[._]?", name):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)
