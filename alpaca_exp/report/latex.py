"""A table in LaTeX with booktabs, to be put into a paper as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from alpaca_exp.report.runs import ABSENT
from alpaca_exp.report.tables import Table
from alpaca_exp.report.texts import Head, heads, left_out, notes, sources, warnings

_SIGNS = {
    "\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", "&": "\\&", "%": "\\%", "$": "\\$", "#": "\\#",
    "_": "\\_", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "$<$", ">": "$>$",
    "|": "\\textbar{}", '"': "\\textquotedbl{}", "'": "\\textquotesingle{}", "`": "\\textasciigrave{}",
    "[": "{[}", "]": "{]}", "*": "{*}", "-": "{-}", "\n": " ", ABSENT: "\\textendash{}",
    "Δ": "$\\Delta$", "°": "\\textdegree{}", "§": "\\S{}", "¶": "\\P{}", "†": "$\\dagger$",
    "‡": "$\\ddagger$", "→": "$\\rightarrow$",
}  # fmt: skip
"""What LaTeX reads otherwise than it is meant: a row that begins with [ or *, too, and a row of hyphens."""
_MATHS = re.compile(r"((?<![^\s\[(])-(?=\d)|(?<=\d) x (?=\d))")
_SIGN = {"-": "$-$", " x ": " $\\times$ "}
_LETTERS = str.maketrans(_SIGNS)


def latex(made: Table) -> str:
    """A `table` environment, for a document that uses booktabs and textcomp. Comments tell what made it."""
    columns = heads(made, differences=True)
    lines = [
        *_comments(made),
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{escaped(' '.join(notes(made)))}}}",
        f"\\begin{{tabular}}{{l{'r' * len(columns)}}}",
        "\\toprule",
        *_heads(made, columns),
        "\\midrule",
        *(_row(made, row, columns) for row in made.rows),
        "\\bottomrule",
        "\\end{tabular}",
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """`text` as LaTeX prints it; before a number a hyphen is a minus, between two of them an x a times."""
    return "".join(
        _SIGN[part] if place % 2 else part.translate(_LETTERS)
        for place, part in enumerate(_MATHS.split(text))
    )


def _comments(made: Table) -> Iterator[str]:
    """Everything that stands under the table in other formats; a comment ends with its line."""
    yield "% needs booktabs and textcomp"
    yield f"% {_one_line(made.command)}"
    for text in (*left_out(made), *warnings(made)):
        yield f"% {_one_line(text)}"
    for text in made.differing:
        yield f"% its rows differ in {_one_line(text)}"
    for row, artifacts in sources(made):
        yield f"% {_one_line(row)}: {artifacts}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _heads(made: Table, columns: Sequence[Head]) -> Iterator[str]:
    """The columns' names over their metrics, where there are columns."""
    if made.layout.columns:
        spans, first, rules = [], 2, []
        for column in made.columns:
            wide = sum(head.column == column for head in columns)
            spans.append(f"\\multicolumn{{{wide}}}{{c}}{{{escaped(column)}}}")
            rules.append(f"\\cmidrule(lr){{{first}-{first + wide - 1}}}")
            first += wide
        yield " & ".join([escaped(made.layout.columns), *spans]) + " \\\\"
        yield " ".join(rules)
    yield " & ".join([escaped(made.layout.rows), *(escaped(head.name) for head in columns)]) + " \\\\"


def _row(made: Table, row: str, columns: Sequence[Head]) -> str:
    cells = (escaped(head.text(made.cells[row, head.column, head.metric])) for head in columns)
    return " & ".join([escaped(row), *cells]) + " \\\\"
