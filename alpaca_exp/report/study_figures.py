"""The figures of a study: how it went, what mattered, all trials across all parameters, the Pareto front."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from alpaca_exp.report.drawing import DIM, PAGE, colour, drawing, line
from alpaca_exp.report.figures import Figure
from alpaca_exp.report.metrics import shown
from alpaca_exp.report.runs import ABSENT
from alpaca_exp.report.studied import Study, value_text
from alpaca_exp.report.study_parallel import parallel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CURVES, MOST_PAIRS = 40, 3
"""So many are drawn; the tables hold all."""
LEGIBLE = 12
"""Of so many points of a front each has its trial's number beside it."""


def study_figures(study: Study) -> Iterator[Figure]:
    """Each only where there is something to see."""
    done = [one for one in study.complete if None not in one.values]
    if len(done) > 1:
        for place, metric in enumerate(study.objectives):
            yield _history(study, place, metric)
        pairs = list(combinations(range(len(study.objectives)), 2))
        for x, y in pairs[:MOST_PAIRS]:
            yield _front(study, x, y, len(pairs))
    yield from (_importance(study, metric) for metric, shares in study.importances.items() if shares)
    if len(study.lines) > 1 and study.params:
        yield parallel(study)
    if study.curves:
        yield _curves(study)


def _history(study: Study, place: int, metric: str) -> Figure:
    """Each trial's value in the order of their ends, and the best so far."""
    way = study.objectives[metric]
    ended = [one for one in study.steps if one.state not in ("running", "waiting")]
    told = [
        (at, value, best)
        for at, one in enumerate(ended, start=1)
        if one.values and (value := one.values[place]) is not None and (best := one.best[place]) is not None
    ]
    from matplotlib.ticker import MaxNLocator

    with drawing(7.2, 3.2) as sheet:
        axes = sheet.axes[0]
        axes.step([at for at, _, _ in told], [best for _, _, best in told], where="post", color=colour(0),
                  linewidth=1.6, label="best so far")  # fmt: skip
        axes.plot([at for at, _, _ in told], [value for _, value, _ in told], "o", color=colour(1),
                  markersize=5, label="trial")  # fmt: skip
        _rug(axes, [at for at, one in enumerate(ended, start=1) if one.state == "pruned"], "pruned")
        axes.set_xlabel("trials that have ended")
        axes.set_ylabel(metric)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _legend(axes)
    values = {at: value for at, value, _ in told}
    best = (max if way == "maximize" else min)(values.values()) if values else 0.0
    first = next((at for at, value in values.items() if value == best), 0)
    states = [one.state for one in ended]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    return Figure(
        title=f"{metric}: how the study went",
        finding=(
            f"{metric}, to {way}: the best of {len(ended)} trials ({counts}) is {shown(metric, best)}, by "
            f"trial {ended[first - 1].number}, number {first} to end."
        ),
        svg=sheet.svg,
        head=("trial", "state", metric, "best so far"),
        rows=tuple(
            (
                f"trial {one.number}",
                one.state,
                value_text(metric, one.values, place),
                value_text(metric, one.best, place),
            )
            for one in ended
        ),
        behind=tuple(study.behind(one.number) for one in ended),
    )


def _front(study: Study, x: int, y: int, pairs: int) -> Figure:
    """Two objectives against one another, the Pareto front of all objectives filled."""
    (first, way_x), (second, way_y) = [list(study.objectives.items())[place] for place in (x, y)]
    points = [
        (one.number, float(a), float(b))
        for one in study.complete
        if (a := one.values[x]) is not None and (b := one.values[y]) is not None
    ]
    front = sorted((a, b, number) for number, a, b in points if number in study.best)
    with drawing(7.2, 4.0) as sheet:
        axes = sheet.axes[0]
        for best, name in ((False, "another one beats it in all"), (True, "Pareto front")):
            these = [(a, b) for number, a, b in points if (number in study.best) is best]
            if these:
                axes.plot(*zip(*these, strict=True), "o" if best else "s", color=colour(0 if best else 1),
                          markersize=7 if best else 5, markerfacecolor=colour(0) if best else PAGE,
                          markeredgewidth=1.4, label=name)  # fmt: skip
        if len(study.objectives) == 2 and len(front) > 1:
            # Whoever gives up some of `first` gets as much of `second` as the next point has.
            where: Literal["pre", "post"] = "post" if way_x == "minimize" else "pre"
            axes.step([a for a, _, _ in front], [b for _, b, _ in front], where=where, color=DIM,
                      linewidth=1, linestyle="--", zorder=0)  # fmt: skip
        for a, b, number in front[:LEGIBLE] if len(front) <= LEGIBLE else []:
            axes.annotate(str(number), (a, b), xytext=(6, 5), textcoords="offset points", fontsize=9)
        axes.set_xlabel(f"{first} ({way_x})")
        axes.set_ylabel(f"{second} ({way_y})")
        axes.margins(0.1)
        _legend(axes)
    told = "; ".join(f"trial {n} {shown(first, a)}, {shown(second, b)}" for a, b, n in front[:LEGIBLE])
    more = f"; and {len(front) - LEGIBLE} more" if len(front) > LEGIBLE else ""
    left = "" if pairs <= MOST_PAIRS else f" {MOST_PAIRS} of {pairs} pairs of objectives are drawn."
    return Figure(
        title=f"{second} against {first}",
        finding=(
            f"Pareto front of {len(study.objectives)} objectives: {len(front)} of {len(points)} trials are "
            f"not beaten in all ({first}, {second}): {told}{more}.{left}"
        ),
        svg=sheet.svg,
        head=("trial", first, second, "Pareto front"),
        rows=tuple(
            (f"trial {number}", shown(first, a), shown(second, b), "yes" if number in study.best else "no")
            for number, a, b in points
        ),
        behind=tuple(study.behind(number) for number, _, _ in points),
    )


def _importance(study: Study, metric: str) -> Figure:
    shares = study.importances[metric]
    names = list(shares)
    with drawing(7.2, 0.9 + 0.3 * len(names)) as sheet:
        axes = sheet.axes[0]
        axes.barh(range(len(names)), list(shares.values()), height=0.6, color=colour(0))
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlim(0, 1)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("share")
    told = "; ".join(f"{name} {share:.2f}" for name, share in shares.items())
    done = [one.number for one in study.complete]
    title = f"{metric}: which parameter mattered"
    return Figure(
        title=title,
        finding=f"{title}, of 1 in all: {told}.",
        svg=sheet.svg,
        head=("parameter", "share"),
        rows=tuple((name, f"{share:.3f}") for name, share in shares.items()),
        behind=(study.behind(*done, name=title),) if done else (),
        note=(
            f"By PED-ANOVA (Watanabe et al. 2023) over {len(done)} trials: how far the values that the best "
            "ones have differ from those of all. Of few trials it tells little."
        ),
    )


def _curves(study: Study) -> Figure:
    """What the trials reported on their way; those that were given up end early."""
    states = {one.number: one.state for one in study.steps}
    drawn = list(study.curves.items())[:MOST_CURVES]
    pruned = [number for number in study.curves if states.get(number) == "pruned"]
    with drawing(7.2, 3.4) as sheet:
        axes = sheet.axes[0]
        for number, points in drawn:
            given_up = number in pruned
            axes.plot(*zip(*points, strict=True), color=colour(1 if given_up else 0), linewidth=1.2,
                      linestyle=line(1) if given_up else "-", marker="x" if given_up else "o", markersize=4,
                      label="given up" if given_up else "to its end")  # fmt: skip
        axes.set_xlabel("per cent of its steps")
        axes.set_ylabel("loss")
        _legend(axes)
    told = {number: points[-1] for number, points in study.curves.items() if points}
    return Figure(
        title="Losses that trials reported on their way",
        finding=(
            f"{len(study.curves)} trials reported a loss; {len(pruned)} were given up"
            + (
                f", after {_percents([told[n][0] for n in pruned if n in told])} of their steps."
                if pruned
                else "."
            )
        ),
        svg=sheet.svg,
        head=("trial", "state", "last at", "loss there"),
        rows=tuple(
            (f"trial {number}", states.get(number, ABSENT), f"{at:g} %", f"{loss:.4f}")
            for number, (at, loss) in told.items()
        ),
        behind=tuple(study.behind(number) for number in told),
        note=f"{len(drawn)} of {len(study.curves)} are drawn." if len(drawn) < len(study.curves) else "",
    )


def _rug(axes: Axes, places: Sequence[int], name: str) -> None:
    """Marks along the foot of the axes."""
    if places:
        axes.plot(places, [0.02] * len(places), "x", transform=axes.get_xaxis_transform(), color=DIM,
                  markersize=5, label=name)  # fmt: skip


def _legend(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(reversed(labels), reversed(handles), strict=True))
    figure = axes.get_figure()
    if len(once) > 1 and figure is not None:
        names = list(dict.fromkeys(labels))
        figure.legend([once[name] for name in names], names, loc="outside right upper", fontsize=9)


def _percents(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g} %" if low == high else f"{low:g} to {high:g} %"
