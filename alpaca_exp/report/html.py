"""A table in HTML: an element that a page embeds, and a page of its own that loads nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape

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

_STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem; }
.wide { overflow-x: auto; container-type: inline-size; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-block: .5rem; }
caption span { display: block; position: sticky; left: 0; max-width: min(60rem, 100cqi); }
th, td { padding: .3rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #8886; }
thead th { vertical-align: bottom; border-bottom: 2px solid; }
tbody th, thead tr:first-child th:first-child { text-align: left; }
thead th[scope="colgroup"] { text-align: center; border-bottom: 1px solid; }
td small { display: block; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
@media print { .wide { overflow: visible; } }
"""

Number = Callable[[Cell, str, bool], str]
"""A cell's number as markup: its cell, its text, and whether it is the difference from the baseline."""


def html(made: Table) -> str:
    """A whole page: the table, what is to be read with it, and the command and artifacts behind it."""
    title = escape(f"{', '.join(made.layout.metrics)} by {made.layout.rows}")
    below = [
        *_list("To be read with it", [*left_out(made), *warnings(made)]),
        "<h2>Made by</h2>",
        f"<pre><code>{escape(made.command)}</code></pre>",
        *_list("Its rows differ in", made.differing),
        *_list("Artifacts", [f"{row}: {artifacts}" for row, artifacts in sources(made)]),
    ]
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        f'<head><meta charset="utf-8"><title>{title}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head>",
        "<body>",
        f'<main><h1>{title}</h1>\n<div class="wide" tabindex="0" role="region" aria-label="{title}">',
        f"{table_html(made)}\n</div>",
        *below,
        "</main>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def table_html(made: Table, number: Number = lambda one, text, apart: escape(text)) -> str:
    """The `table` element, with its caption; `number` makes each number's markup.

    Every cell has `data-sort`: its number in full, to sort by; empty where it has none. Cells with a
    difference have `data-difference` and `data-p` (after Holm) besides.
    """
    lines = [
        "<table>",
        f"<caption><span>{escape(' '.join(notes(made)))}</span></caption>",
        "<thead>",
        *_heads(made),
        "</thead>",
        "<tbody>",
        *(_row(made, row, number) for row in made.rows),
        "</tbody>",
        "</table>",
    ]
    return "\n".join(lines)


def _heads(made: Table) -> Iterator[str]:
    """The columns' names over their metrics, where there are columns."""
    columns = heads(made, differences=False)
    rows = f'<th scope="col"{" rowspan=2" * bool(made.layout.columns)}>{escape(made.layout.rows)}</th>'
    names = "".join(f'<th scope="col">{escape(head.name)}</th>' for head in columns)
    if made.layout.columns:
        axis = escape(made.layout.columns)
        wide = {column: sum(head.column == column for head in columns) for column in made.columns}
        spans = (
            f'<th scope="colgroup" colspan="{width}">{axis}: {escape(column)}</th>'
            for column, width in wide.items()
        )
        yield f"<tr>{rows}{''.join(spans)}</tr>"
        yield f"<tr>{names}</tr>"
    else:
        yield f"<tr>{rows}{names}</tr>"


def _row(made: Table, row: str, number: Number) -> str:
    columns = heads(made, differences=False)
    cells = (_cell(made.cells[row, head.column, head.metric], head, number) for head in columns)
    return f'<tr><th scope="row" data-sort="{escape(row)}">{escape(row)}</th>{"".join(cells)}</tr>'


def _cell(one: Cell, head: Head, number: Number) -> str:
    if head.text is not estimate_text:
        value = _number(one.published[0].value if one.published else None)
        return f'<td data-sort="{value}">{escape(head.text(one))}</td>'
    told = {"sort": _number(one.estimate.mean if one.estimate else None)}
    if one.difference:
        told |= {"difference": _number(one.difference.mean), "p": _number(one.p_adjusted)}
    data = "".join(f' data-{name}="{value}"' for name, value in told.items())
    title = f' title="{escape(", ".join(one.sources))}"' if 0 < len(one.sources) <= 3 else ""
    difference = difference_text(one)
    below = f"<small>Δ {number(one, difference, True)}</small>" if difference else ""
    text = estimate_text(one)
    return f"<td{data}{title}>{number(one, text, False) if one.estimate else escape(text)}{below}</td>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _list(title: str, lines: Sequence[str]) -> list[str]:
    items = "\n".join(f"<li>{escape(line)}</li>" for line in lines)
    return [f"<h2>{escape(title)}</h2>", f"<ul>\n{items}\n</ul>"] if lines else []
