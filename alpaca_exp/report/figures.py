"""The figures of a report page: each with its finding in words and the table of its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alpaca_exp.report.drawing import DIM, PAGE, colour, drawing, line, mark
from alpaca_exp.report.metrics import counted, shown
from alpaca_exp.report.texts import CHECKPOINT, difference_text, estimate_text
from alpaca_exp.report.traces import Behind, of_cell
from alpaca_exp.statistics.intervals import Doubt, Interval

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from alpaca_exp.report.attributed import Attribution, Line
    from alpaca_exp.report.cells import Cell, Sample
    from alpaca_exp.report.curves import Curve
    from alpaca_exp.report.tables import Table

MOST = 40
"""So many rows, points or lines are drawn; the table behind the figure holds them all."""
SAID = 6
"""So many are told of in words."""
PLAIN = 25
"""So many points have their names beside them."""


@dataclass(frozen=True)
class Figure:
    """One figure."""

    title: str
    finding: str
    """In words, with the numbers: for who does not see it."""
    svg: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """The numbers behind it; the first column names them."""
    behind: tuple[Behind, ...]
    """What each of the rows rests on; one: what all of them do."""
    note: str = ""
    wide: bool = False
    """It has the whole width of the page."""


@dataclass(frozen=True)
class _Spot:
    """One estimate with its bounds, named."""

    name: str
    value: Interval
    text: str
    behind: Behind | None
    series: int = 0


def effects(made: Table) -> Iterator[Figure]:
    """For each metric, how far each row is from the baseline; without one, where each row stands."""
    for metric in made.layout.metrics:
        if not counted(metric):
            spots = list(_spots(made, metric))
            apart = bool(made.layout.baseline) and any(one.difference for one in made.cells.values())
            title = f"{metric}: difference from {made.layout.baseline}" if apart else metric
            if spots:
                yield _intervals(title, spots, zero=apart)


def attributed(made: Attribution) -> Iterator[Figure]:
    """For each metric, what each factor, and factors together, did."""
    for part in made.parts:
        lines = [one for one in part.lines if one.estimate is not None]
        if lines:
            title = f"{part.metric}: what each factor did"
            figure = _intervals(title, [_part(one) for one in lines], zero=True)
            yield replace(figure, behind=(_cells(title, part.standing.samples.values()),))


def against(made: Table, x: str, y: str, *, front: bool) -> Figure | None:
    """One metric against another, a point a cell; `front`: less of `x` and more of `y` is better.

    None where no two cells differ in `x`: then there is nothing to see.
    """
    places = [(row, column) for row in made.rows for column in made.columns]
    pairs = [
        (_name(row, column), made.cells[row, column, x], made.cells[row, column, y]) for row, column in places
    ]
    known = [(name, a, b) for name, a, b in pairs if a.estimate and b.estimate]
    if len({_mean(a) for _, a, _ in known}) < 2:
        return None
    best = _front([(a.estimate.mean, b.estimate.mean) for _, a, b in known if a.estimate and b.estimate])
    drawn = known[:MOST] if not front else [one for n, one in enumerate(known) if n in best or n < MOST]
    words = "; ".join(f"{name} {shown(x, _mean(a))}, {shown(y, _mean(b))}" for name, a, b in known[:SAID])
    told = f" Not bettered in both by any other: {', '.join(known[n][0] for n in best)}." if front else ""
    return Figure(
        title=f"{y} against {x}",
        finding=f"{x}, {y}: {words}{_more(len(known), SAID)}.{told}",
        svg=_scatter(drawn, x, y, {known[n][0] for n in best} if front else set()),
        head=(made.layout.rows, x, y, *["Pareto front"] * front),
        rows=tuple(
            (name, estimate_text(a), estimate_text(b), *["yes" if n in best else "no"] * front)
            for n, (name, a, b) in enumerate(known)
        ),
        behind=tuple(
            replace(of_cell(b, name), sources=tuple(dict.fromkeys((*a.sources, *b.sources))))
            for name, a, b in known
        ),
        note=_left(len(known), len(drawn), "points"),
    )


def curves(found: Sequence[Curve]) -> Figure | None:
    """Loss by step, one line a training; and the loss of rows that were set aside, where there is one."""
    if not found:
        return None
    aside = any(one.val_loss for one in found)
    groups = {name: number for number, name in enumerate(dict.fromkeys(one.row for one in found))}
    drawn = _taken(found, groups)
    ends = [f"{one.title} {one.loss[-1][1]:.3f}" for one in found if one.loss]
    with drawing(9.6 if aside else 7.2, 3.4, panels=1 + aside) as sheet:
        for panel, name in zip(sheet.axes, ("loss", "val_loss"), strict=False):
            for one in drawn:
                points = one.loss if name == "loss" else one.val_loss
                number = groups[one.row]
                panel.plot(
                    [step for step, _ in points], [value for _, value in points], linewidth=1.4,
                    color=colour(number), linestyle=line(number), label=one.row,
                    marker="o" if len(points) == 1 else None, markersize=5,
                )  # fmt: skip
            panel.set_xlabel("step")
            panel.set_title(name)
        _legend(sheet.axes[0])
    return Figure(
        title="Loss while tuning",
        finding=f"Last loss: {'; '.join(ends[:SAID])}{_more(len(ends), SAID)}.",
        svg=sheet.svg,
        head=("training", "steps", "first loss", "last loss", *["last val_loss"] * aside),
        rows=tuple(one.told(aside) for one in found),
        behind=tuple(Behind(one.title, (one.source,)) for one in found),
        note=_left(len(found), len(drawn), "lines"),
    )


def _spots(made: Table, metric: str) -> Iterator[_Spot]:
    for number, column in enumerate(made.columns):
        for row in made.rows:
            one = made.cells[row, column, metric]
            value = one.difference if made.layout.baseline else one.estimate
            text = difference_text(one) if made.layout.baseline else estimate_text(one)
            if value:
                name = _name(row, column)
                behind = of_cell(one, name, apart=bool(made.layout.baseline))
                yield _Spot(name, value, text, behind, number)


def _part(one: Line) -> _Spot:
    assert one.estimate is not None
    way = f" → {one.end}" if one.end else ""
    kind = "" if one.kind.value in ("effect", "interaction") else f"{one.kind.value}: "
    series = ["effect", "interaction", "total", "shapley"].index(one.kind.value)
    return _Spot(f"{kind}{one.name}{way}", one.estimate, _written(one.metric, one.estimate), None, series)


def _cells(name: str, samples: Iterable[Sample]) -> Behind:
    """What all cells of a design rest on."""
    all_ = list(samples)
    sources = sorted({source for one in all_ for source in one.readings})
    return Behind(name, tuple(sources), tuple(run.name for one in all_ for run in one.done))


def _written(metric: str, value: Interval) -> str:
    text = shown(metric, value.mean, True)
    if value.low is None or value.high is None:
        return text
    mark_ = CHECKPOINT * (value.doubt is Doubt.checkpoint)
    return f"{text} [{shown(metric, value.low, True)}, {shown(metric, value.high, True)}]{mark_}"


def _intervals(title: str, spots: Sequence[_Spot], *, zero: bool) -> Figure:
    """A line a spot, from top to bottom; hollow where the interval holds 0."""
    drawn = spots[:MOST]
    with drawing(7.2, 0.9 + 0.28 * len(drawn)) as sheet:
        axes = sheet.axes[0]
        if zero:
            axes.axvline(0, color=DIM, linewidth=1)
        for place, one in enumerate(drawn):
            _spot(axes, one, place, zero)
        axes.set_yticks(range(len(drawn)), [_short(one.name) for one in drawn])
        axes.set_ylim(len(drawn) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(title.partition(":")[0])
    told = "; ".join(f"{one.name} {one.text}" for one in spots[:SAID])
    return Figure(
        title=title,
        finding=f"{title}: {told}{_more(len(spots), SAID)}.",
        svg=sheet.svg,
        head=("", "estimate and 95 % interval"),
        rows=tuple((one.name, one.text) for one in spots),
        behind=tuple(one.behind for one in spots if one.behind),
        note=_left(len(spots), len(drawn), "rows"),
    )


def _spot(axes: Axes, one: _Spot, place: int, zero: bool) -> None:
    value, ink = one.value, colour(one.series)
    sure = value.low is not None and value.high is not None
    if value.low is not None and value.high is not None:
        axes.plot([value.low, value.high], [place, place], color=ink, linewidth=2, solid_capstyle="butt")
    hollow = zero and (not sure or (value.low or 0.0) <= 0 <= (value.high or 0.0))
    axes.plot(
        [value.mean], [place], mark(one.series), markersize=6, markeredgewidth=1.6, color=ink,
        markerfacecolor=PAGE if hollow else ink,
    )  # fmt: skip


def _scatter(points: Sequence[tuple[str, Cell, Cell]], x: str, y: str, best: set[str]) -> str:
    with drawing(7.2, 4.0) as sheet:
        axes = sheet.axes[0]
        for number, (name, a, b) in enumerate(points):
            at = (_mean(a), _mean(b))
            width, height = _sides(a), _sides(b)
            ink = colour(number)
            axes.errorbar(
                *at, xerr=width, yerr=height, fmt=mark(number), color=ink, markersize=7, elinewidth=1,
                capsize=0, markeredgewidth=1.6, label=name,
                markerfacecolor=ink if name in best or not best else PAGE,
            )  # fmt: skip
        if best:
            corner = sorted((_mean(a), _mean(b)) for name, a, b in points if name in best)
            axes.step(
                *zip(*corner, strict=True), where="post", color=DIM, linewidth=1, linestyle="--", zorder=0
            )
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.margins(0.08)
        _legend(axes)
    return sheet.svg


def _sides(one: Cell) -> list[list[float]] | None:
    """How far the interval reaches down and up from the mean."""
    value = one.estimate
    if value is None or value.low is None or value.high is None:
        return None
    return [[max(value.mean - value.low, 0.0)], [max(value.high - value.mean, 0.0)]]


def _legend(axes: Axes) -> None:
    """Beside the axes, each name once; none where there are too many to tell apart."""
    handles, labels = axes.get_legend_handles_labels()
    once: Mapping[str, Artist] = dict(zip(reversed(labels), reversed(handles), strict=True))
    names = list(dict.fromkeys(labels))
    if 1 < len(names) <= PLAIN:
        figure = axes.get_figure()
        assert figure is not None
        figure.legend(
            [once[name] for name in names], [_short(name) for name in names],
            loc="outside right upper", fontsize=9, numpoints=1,
        )  # fmt: skip


def _front(points: Sequence[tuple[float, float]]) -> list[int]:
    """The points that no other is at least as good as in both and better in one: less x, more y."""
    return [
        number
        for number, (x, y) in enumerate(points)
        if not any(a <= x and b >= y and (a, b) != (x, y) for a, b in points)
    ]


def _taken(found: Sequence[Curve], groups: Mapping[str, int]) -> list[Curve]:
    """The first of each row in turn, so that many seeds of one hide no other."""
    by_row = {name: [one for one in found if one.row == name] for name in groups}
    deepest = max(map(len, by_row.values()))
    turns = [rows[turn] for turn in range(deepest) for rows in by_row.values() if turn < len(rows)]
    return sorted(turns[:MOST], key=lambda one: groups[one.row])


def _mean(one: Cell) -> float:
    assert one.estimate is not None
    return one.estimate.mean


def _name(row: str, column: str) -> str:
    return f"{row}, {column}" if column else row


def _short(name: str, most: int = 48) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _more(count: int, told: int) -> str:
    return f"; and {count - told:,} more in the table" if count > told else ""


def _left(count: int, drawn: int, what: str) -> str:
    return f"Of {count:,} {what} {drawn:,} are drawn; the table holds all." if count > drawn else ""
