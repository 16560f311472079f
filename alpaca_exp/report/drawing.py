"""A drawing as SVG for a page: its colours are the page's own, light or dark; the same bytes every time."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SERIES = 6
"""So many colours can be told apart; marks and line styles tell on."""
TEXT, DIM, GRID, PAGE = "#010101", "#020202", "#030303", "#040404"
_COLOURS = {
    TEXT: "var(--text)",
    DIM: "var(--dim)",
    GRID: "var(--line)",
    PAGE: "var(--card)",
    **{f"#1010{number:02x}": f"var(--series-{number})" for number in range(SERIES)},
}
"""Colours that nobody would choose, and what stands for them in the page."""
MARKS = "osD^vP"
LINES = ("-", "--", "-.", ":")
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "alpaca_exp",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "axes.edgecolor": DIM,
    "axes.titlecolor": TEXT,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": DIM,
    "ytick.color": DIM,
    "xtick.labelcolor": TEXT,
    "ytick.labelcolor": TEXT,
    "legend.frameon": False,
    "legend.labelcolor": TEXT,
    "path.simplify": False,
    "text.parse_math": False,
}
_ID = re.compile(r' id="([^"]*)"')


@dataclass
class Drawing:
    """Axes to draw on while the drawing is open; then `svg`, without the head of a file of its own."""

    axes: Sequence[Axes]
    svg: str = ""


@contextmanager
def drawing(width: float, height: float, panels: int = 1) -> Iterator[Drawing]:
    """`width` x `height` inches of 72 points, with panels side by side."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        made = Drawing(list(figure.subplots(1, panels, squeeze=False)[0]))
        yield made
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
        made.svg = _embedded(out.getvalue())


def colour(number: int) -> str:
    """Of the series with this number."""
    return f"#1010{number % SERIES:02x}"


def mark(number: int) -> str:
    """Of the series with this number: so that no colour needs to be seen."""
    return MARKS[number % len(MARKS)]


def line(number: int) -> str:
    """Of the series with this number; another one where colours come again."""
    return LINES[(number // SERIES + number) % len(LINES)]


def _embedded(text: str) -> str:
    """What stands within the element `svg`, and its box: names that nothing refers to are left out."""
    svg = text[text.index("<svg") :]
    head, _, inside = svg.partition(">")
    box = re.search(r'viewBox="[^"]*"', head)
    inside = re.sub(
        r"<metadata>.*?</metadata>\s*|<style.*?</style>|<!--.*?-->\s*", "", inside, flags=re.DOTALL
    )
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', inside))
    inside = _ID.sub(lambda match: match[0] if match[1] in used else "", inside)
    for sentinel, variable in _COLOURS.items():
        inside = inside.replace(sentinel, variable)
    inside = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font-size: \1px", inside)
    inside = inside.replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "").replace("xlink:href", "href")
    return f"<svg {box[0] if box else ''}>{inside.strip()}"
