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
        "lengths": {name: _bars(told["bars"]) for name, told in card["lengths"].items()},
        "similarity": _bars(card["similarity"]["bars"]),
        "pairs": _bars(top),
    }
    return pages.from_string(template.read_text(encoding="utf-8")).render(card=card, plots=plots)


def _bars(entries: Sequence[Mapping[str, Any]]) -> list[Row]:
    most = max((entry["count"] for entry in entries), default=0) or 1
    return [
        {
            "label": entry.get("label", f"from {entry.get('from')}"),
            "count": entry["count"],
            "width": round(BAR_WIDTH * entry["count"] / most),
        }
        for entry in entries
    ]


def _number(value: float | None) -> str:
    if value is None:
        return "\u2013"
    return f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"
