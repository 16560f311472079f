"""A card as one self-contained page: texts escaped, bars drawn as SVG, nothing loaded from elsewhere."""

from __future__ import annotations

import functools
import os
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alpaca_exp.records import Row

if TYPE_CHECKING:
    from jinja2 import Environment

BAR_WIDTH = 400
"""Of the longest bar, in pixels."""
LENGTH_EDGES = (0, 1, 4, 8, 16, 32, 64, 128, 256, 512)
"""Where the bars of lengths begin, in words."""


def page(template: Path, **values: Any) -> str:
    """`template` filled with `values`; it may extend card.html.j2 and import from drawings.html.j2."""
    return _templates(template.parent).get_template(template.name).render(**values)


@functools.cache
def _templates(folder: Path) -> Environment:
    """Those of this folder, each translated once a process."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader([folder, Path(__file__).parent])
    pages = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=loader
    )
    pages.filters |= {"number": number, "share": lambda share: f"{share:.1%}"}
    return pages


def write_page(html: str, path: Path) -> None:
    """The page appears whole or not at all."""
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(html, encoding="utf-8")
    os.replace(draft, path)


def length_bars(words: Sequence[int]) -> list[Row]:
    """How many texts have so many words: `from` and `count` of each range."""
    counted = Counter(bisect_right(LENGTH_EDGES, count) - 1 for count in words)
    return [{"from": edge, "count": counted[place]} for place, edge in enumerate(LENGTH_EDGES)]


def bars(entries: Sequence[Mapping[str, Any]], gap: int, most: int | None = None) -> list[Row]:
    """Label, count and width of each bar; ranges end `gap` before the next one begins.

    `most` is the count of the longest bar, where bars of several series are drawn to one scale.
    """
    most = most or max((entry["count"] for entry in entries), default=0) or 1
    ends = [*(entry.get("from") for entry in entries), None][1:]
    return [
        {
            "label": entry.get("label") or _range(entry["from"], end, gap),
            "count": entry["count"],
            "width": round(BAR_WIDTH * entry["count"] / most),
        }
        for entry, end in zip(entries, ends, strict=True)
    ]


def number(value: float | None) -> str:
    """With thousands' commas; decimals where there are any; a dash for None."""
    if value is None:
        return "\u2013"
    return f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"


def _range(start: float, end: float | None, gap: int) -> str:
    if end is None:
        return f"{start:g} or more"
    return f"{start:g}" if end - gap == start else f"{start:g} to {end - gap:g}"
