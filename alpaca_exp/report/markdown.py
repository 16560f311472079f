"""A table in Markdown: the grid, then how to read it, what its rows differ in, and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

from alpaca_exp.report.cells import Cell
from alpaca_exp.report.tables import Table
from alpaca_exp.report.texts import (
    Head,
    difference_text,
    estimate_text,
    heads,
    left_out,
    notes,
    sources,
    warnings,
)


def markdown(made: Table) -> str:
    """One row a row, one column a metric of each column of the table."""
    columns = heads(made, differences=False)
    titles = [made.layout.rows, *(f"{head.column} {head.name}".strip() for head in columns)]
    body = [
        [row, *(_cell(made.cells[row, head.column, head.metric], head) for head in columns)]
        for row in made.rows
    ]
    lines = [titles, ["---"] * len(titles), *body]
    grid = "\n".join("| " + " | ".join(_escaped(part) for part in line) + " |" for line in lines)
    below = [
        " ".join(notes(made)),
        _list([*left_out(made), *warnings(made)]),
        f"    {made.command}",
        _titled("Its rows differ in", made.differing),
        _list([f"{row}: {artifacts}" for row, artifacts in sources(made)]),
    ]
    return "\n\n".join([grid, *filter(None, below)]) + "\n"


def _cell(one: Cell, head: Head) -> str:
    difference = difference_text(one) if head.text is estimate_text else ""
    return head.text(one) + (f"; Δ {difference}" if difference else "")


def _titled(title: str, lines: Sequence[str]) -> str:
    return f"{title}:\n\n{_list(lines)}" if lines else ""


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {_escaped(line)}" for line in lines)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
