"""An attribution in Markdown, LaTeX or CSV: a table a metric, then how to read it and what it rests on."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence

from alpaca_exp.report.attributed import Attribution, Kind, Line, Part
from alpaca_exp.report.design import told
from alpaca_exp.report.latex import escaped
from alpaca_exp.report.metrics import counted, shown
from alpaca_exp.report.runs import ABSENT
from alpaca_exp.report.texts import ALPHA, CHECKPOINT, SEVERAL, SIGNIFICANT
from alpaca_exp.statistics.attribution import Cell, rank
from alpaca_exp.statistics.intervals import Doubt

DIGITS, PRECISION = 6, 12
"""Behind the point; and what is sums' rounding alone."""
UNIDENTIFIED = "not identified"
EFFECTS = ("effect", "change", "p (Holm)", "seeds x documents")
WAYS = ("part of the change", "points", "share", "seeds x documents")
FIELDS = (
    "metric", "kind", "name", "from", "to", "change", "low", "high", "stderr", "p", "p_holm", "share",
    "share_low", "share_high", "seeds", "interval", "documents", "note",
)  # fmt: skip
Grid = list[tuple[str, ...]]


def markdown(made: Attribution) -> str:
    """Two tables a metric: effects and interactions; and how the change between two cells is shared out."""
    parts = []
    for part in made.parts:
        parts.append(f"## {part.metric}")
        parts += [_grid(grid) for grid in _grids(part)]
        parts += [_list(_limits(part)), part.refused and f"{part.refused}."]
    parts += [
        _reading(made),
        _list(made.causes),
        _list(_cells(made)),
        f"    {made.command}",
        _list(_sources(made)),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def latex(made: Attribution) -> str:
    """A `table` environment a metric, for a document that uses booktabs and textcomp."""
    lines = ["% needs booktabs and textcomp", f"% {made.command}"]
    below = (*made.causes, *_cells(made), *_sources(made))
    lines += [f"% {' '.join(text.split())}" for text in below]
    for part in made.parts:
        lines += [f"% {' '.join(text.split())}" for text in _limits(part)]
        lines += [f"% {part.refused}"] * bool(part.refused)
        for grid in _grids(part):
            lines += [
                "\\begin{table}",
                "\\centering",
                f"\\caption{{{escaped(f'{part.metric}. {_reading(made)}')}}}",
            ]
            lines += [f"\\begin{{tabular}}{{l{'r' * (len(grid[0]) - 1)}}}", "\\toprule"]
            rows = [" & ".join(escaped(text) for text in row) + " \\\\" for row in grid]
            lines += [rows[0], "\\midrule", *rows[1:], "\\bottomrule", "\\end{tabular}", "\\end{table}"]
    return "\n".join(lines) + "\n"


def comma_separated(made: Attribution) -> str:
    """A comment that holds the command, then one line a number."""
    text = io.StringIO()
    text.write(f"# {made.command}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    for part in made.parts:
        refused = Line(part.metric, Kind.effect, "", note=part.refused)
        writer.writerows(map(_values, [refused] if part.refused else part.lines))
    return text.getvalue()


FORMATS: dict[str, Callable[[Attribution], str]] = {
    "markdown": markdown,
    "latex": latex,
    "csv": comma_separated,
}


def _grids(part: Part) -> list[Grid]:
    effects = [line for line in part.lines if line.kind in (Kind.effect, Kind.interaction)]
    ways = [line for line in part.lines if line.kind in (Kind.total, Kind.shapley)]
    grids = [[EFFECTS, *(_effect(line) for line in effects)], [WAYS, *(_part(line) for line in ways)]]
    return [grid for grid in grids if len(grid) > 1]


def _effect(line: Line) -> tuple[str, ...]:
    marked = SIGNIFICANT if line.p_adjusted is not None and line.p_adjusted < ALPHA else ""
    p = (
        ABSENT
        if line.p_adjusted is None
        else f"{line.p_adjusted:.3f}"
        if line.p_adjusted >= 0.001
        else "< 0.001"
    )
    return (line.name, _change(line) + marked, p, _size(line))


def _part(line: Line) -> tuple[str, ...]:
    name = f"{line.start} → {line.end}" if line.kind is Kind.total else line.name
    share = line.share
    of = "" if share is None else f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}]"
    return (name, _change(line), of, _size(line))


def _change(line: Line) -> str:
    if line.estimate is None:
        return UNIDENTIFIED
    one = line.estimate
    text = shown(line.metric, round(one.mean, PRECISION) + 0.0, sign=True)
    if one.low is not None and one.high is not None and not (counted(line.metric) and one.low == one.high):
        text += f" [{shown(line.metric, one.low, sign=True)}, {shown(line.metric, one.high, sign=True)}]"
        text += CHECKPOINT * (one.doubt is Doubt.checkpoint)
    return text + SEVERAL * bool(line.note)


def _limits(part: Part) -> Iterator[str]:
    """What lines do not hold for, or why there is none: each reason once, with the lines that have it."""
    reasons: dict[str, list[str]] = {}
    for line in part.lines:
        if line.note:
            mark = f"{SEVERAL} " * bool(line.estimate)
            name = f"{line.start} → {line.end}" if line.kind is Kind.total else line.name
            reasons.setdefault(line.note, []).append(mark + name)
    yield from (f"{', '.join(dict.fromkeys(names))}: {note}." for note, names in reasons.items())


def _size(line: Line) -> str:
    if line.estimate is None:
        return ABSENT
    seeds = line.estimate.n
    return f"{seeds} x {line.documents:,}" if line.documents else f"{seeds} seed{'s' * (seeds != 1)}"


def _reading(made: Attribution) -> str:
    """How to read the tables: only what they need."""
    lines = made.lines
    if not any(line.estimate for line in lines):
        return ""
    against = ", ".join(f"{factor.name}={factor.levels[0]}" for factor in made.design.factors)
    others = ", averaged over the levels of the other factors" * (len(made.design.factors) > 1)
    notes = [f"Each change is against {against}{others}."]
    if any(line.kind is Kind.interaction for line in lines):
        notes.append("a x b: by how much the one change is greater where the other was made as well.")
    if any(line.estimate and line.estimate.low is not None for line in lines):
        notes.append("In brackets the 95 % interval over seeds and documents.")
    doubts = {line.estimate.doubt for line in lines if line.estimate}
    if Doubt.checkpoint in doubts:
        notes.append(
            f"{CHECKPOINT} One seed: the interval is over documents and speaks of these checkpoints only."
        )
    if any(line.p_adjusted is not None for line in lines):
        notes.append(
            f"{SIGNIFICANT} p < {ALPHA:g} after Holm over the effects and interactions of the metric."
        )
    if any(line.kind is Kind.shapley for line in lines):
        notes.append("→: the change between two cells, and the factors' Shapley values, which add up to it.")
        notes.append("A share stands where the whole change differs from 0 (Fieller's interval).")
    return " ".join(notes)


def _cells(made: Attribution) -> Iterator[str]:
    """The design: how many of its cells can be counted with, how many models each has, and what lacks."""
    for part in made.parts:
        samples = part.standing.samples
        models = {cell: len(one.evidence.readings) for cell, one in samples.items() if one.evidence}
        text = f"{part.metric}: {len(models)} of {len(made.design.cells)} cells ({_size_of(made)})"
        text += f", {_models(models)}" * bool(models)
        if part.standing.lacking:
            known, of = rank(made.design.factors, list(models))
            lacking = "; ".join(f"{told(cell)}: {why}" for cell, why in part.standing.lacking.items())
            text += f"; without interactions they identify {known} of {of} parameters; lacking are {lacking}"
        text += "; choose one: " * bool(part.standing.choices) + " or ".join(part.standing.choices)
        yield text if part.standing.choices else f"{text}."


def _models(models: Mapping[Cell, int]) -> str:
    """`3 models each`; where some cells have fewer, `2 to 3 models each, fewer than 3 at small, cleaned`."""
    fewest, most = min(models.values()), max(models.values())
    if fewest == most:
        return f"{most} model{'s' * (most != 1)} each"
    few = " and at ".join(told(cell) for cell, count in models.items() if count < most)
    return f"{fewest} to {most} models each, fewer than {most} at {few}"


def _size_of(made: Attribution) -> str:
    return " x ".join(f"{len(factor.levels)} {factor.name}" for factor in made.design.factors)


def _sources(made: Attribution) -> list[str]:
    """The artifacts behind each cell."""
    found: dict[str, set[str]] = {}
    for part in made.parts:
        for cell, one in part.standing.samples.items():
            found.setdefault(told(cell), set()).update(one.readings)
    return [f"{cell}: {', '.join(sorted(artifacts))}" for cell, artifacts in found.items()]


def _values(line: Line) -> list[object]:
    one, share = line.estimate, line.share
    bounds = (one.mean, one.low, one.high, one.stderr) if one else (None,) * 4
    shares = (share.value, share.low, share.high) if share else (None,) * 3
    tested = ["" if p is None else f"{p:.{DIGITS}g}" for p in (line.p, line.p_adjusted)]
    counts = [one.n if one else 0, one.speaks_of if one else "", line.documents]
    place = [line.metric, line.kind.value, line.name, line.start, line.end]
    return [*place, *_rounded(bounds), *tested, *_rounded(shares), *counts, line.note]


def _rounded(values: Sequence[float | None]) -> list[float | str]:
    return ["" if value is None else round(value, DIGITS) + 0.0 for value in values]


def _grid(rows: Sequence[tuple[str, ...]]) -> str:
    lines = [rows[0], ("---",) * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(_escaped(text) for text in line) + " |" for line in lines)


def _list(lines: Sequence[str] | Iterator[str]) -> str:
    return "\n".join(f"- {_escaped(line)}" for line in lines)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
