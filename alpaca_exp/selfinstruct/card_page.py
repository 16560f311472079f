"""The data card as a page: tables, and bars drawn as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alpaca_exp.records import Row

BAR_WIDTH = 400
"""Of the longest bar, in pixels."""


def page(card: Row, template: Path) -> str:
    """The card as one self-contained page: texts escaped, nothing loaded from elsewhere."""
    from jinja2 import Environment, StrictUndefined

    pages = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pages.filters |= {"number": _number, "share": lambda share: f"{share:.1%}"}
    top = [{"label": f"{pair['verb']} {pair['noun']}", **pair} for pair in card["diversity"]["top"]]
    plots = {
        "lengths": {name: _bars(told["bars"], 1) for name, told in card["lengths"].items()},
        "similarity": _bars(card["similarity"]["bars"], 0),
        "pairs": _bars(top, 0),
    }
    return pages.from_string(template.read_text(encoding="utf-8")).render(card=card, plots=plots)


def _bars(entries: Sequence[Mapping[str, Any]], gap: int) -> list[Row]:
    """Label, count and width of each bar; ranges end `gap` before the next one begins."""
    most = max((entry["count"] for entry in entries), default=0) or 1
    ends = [*(entry.get("from") for entry in entries), None][1:]
    return [
        {
            "label": entry.get("label") or _range(entry["from"], end, gap),
            "count": entry["count"],
            "width": round(BAR_WIDTH * entry["count"] / most),
        }
        for entry, end in zip(entries, ends, strict=True)
    ]


def _range(start: float, end: float | None, gap: int) -> str:
    if end is None:
        return f"{start:g} or more"
    return f"{start:g}" if end - gap == start else f"{start:g} to {end - gap:g}"


def _number(value: float | None) -> str:
    if value is None:
        return "\u2013"
    return f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"
