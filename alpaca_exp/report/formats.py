"""The formats that a table can be written in, by their names on the command line."""

from __future__ import annotations

from collections.abc import Callable

from alpaca_exp.report.comma_separated import comma_separated
from alpaca_exp.report.html import html
from alpaca_exp.report.latex import latex
from alpaca_exp.report.markdown import markdown
from alpaca_exp.report.tables import Table

FORMATS: dict[str, Callable[[Table], str]] = {
    "markdown": markdown,
    "latex": latex,
    "csv": comma_separated,
    "html": html,
}
