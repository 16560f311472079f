"""A table in LaTeX with booktabs, to be put into a paper as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alpaca_exp.report.runs import ABSENT
from alpaca_exp.report.tables import Table
from alpaca_exp.report.texts import difference_text, estimate_text, notes, sources, warnings

_SIGNS = {
    "\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", "&": "\\&", "%": "\\%", "$": "\\$", "#": "\\#",
    "_": "\\_", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "$<$", ">": "$>$",
    "|": "\\textbar{}", '"': "\\textquotedbl{}", "'": "\\textquotesingle{}", "`": "\\textasciigrave{}",
    "[": "{[}", "]": "{]}", "*": "{*}", "-": "{-}", "\n": " ", ABSENT: "\\textendash{}",
    "Δ": "$\\Delta$", "°": "\\textdegree{}", "§": "\\S{}", "†": "$\\dagger$", "‡": "$\\ddagger$",
}  # fmt: skip
"""What LaTeX reads otherwise than it is meant: a row that begins with [ or *, too, and a row of hyphens."""
_LETTERS = str.maketrans(_SIGNS)


def latex(made: Table) -> str:
    """A `table` environment, for a document that uses booktabs and textcomp. Comments tell what made it."""
    differences = {
        (column, metric) for (_, column, metric), one in made.cells.items() if one.difference is not None
    }
    heads = [(column, metric) for column in made.columns for metric in made.layout.metrics]
    width = len(heads) + len(differences)
    lines = [
        *_comments(made),
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{escaped(' '.join(notes(made)))}}}",
        f"\\begin{{tabular}}{{l{'r' * width}}}",
        "\\toprule",
        *_heads(made, heads, differences),
        "\\midrule",
        *(_row(made, row, heads, differences) for row in made.rows),
        "\\bottomrule",
        "\\end{tabular}",
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """`text` as LaTeX prints it."""
    return text.translate(_LETTERS)


def _comments(made: Table) -> Iterator[str]:
    """Everything that stands under the table in other formats; a comment ends with its line."""
    yield "% needs booktabs and textcomp"
    yield f"% {_one_line(made.command)}"
    for text in warnings(made):
        yield f"% {_one_line(text)}"
    for text in made.differing:
        yield f"% its rows differ in {_one_line(text)}"
    for row, artifacts in sources(made):
        yield f"% {_one_line(row)}: {artifacts}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _heads(made: Table, heads: Sequence[tuple[str, str]], differences: set[tuple[str, str]]) -> Iterator[str]:
    """The columns' names over their metrics, where there are columns; differences in columns of their own."""
    if made.layout.columns:
        spans, first, rules = [], 2, []
        for column in made.columns:
            wide = sum(1 + ((column, metric) in differences) for metric in made.layout.metrics)
            spans.append(f"\\multicolumn{{{wide}}}{{c}}{{{escaped(column)}}}")
            rules.append(f"\\cmidrule(lr){{{first}-{first + wide - 1}}}")
            first += wide
        yield " & ".join([escaped(made.layout.columns), *spans]) + " \\\\"
        yield " ".join(rules)
    names = (
        name for head in heads for name in [escaped(head[1]), *(["$\\Delta$"] if head in differences else [])]
    )
    yield " & ".join([escaped(made.layout.rows), *names]) + " \\\\"


def _row(made: Table, row: str, heads: Sequence[tuple[str, str]], differences: set[tuple[str, str]]) -> str:
    parts = [escaped(row)]
    for column, metric in heads:
        one = made.cells[row, column, metric]
        parts.append(escaped(estimate_text(one)))
        parts += [escaped(difference_text(one))] if (column, metric) in differences else []
    return " & ".join(parts) + " \\\\"
