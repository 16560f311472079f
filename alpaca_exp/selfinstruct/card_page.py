"""The data card of generated data as a page: tables, and bars drawn as SVG."""

from __future__ import annotations

from pathlib import Path

from alpaca_exp.cards import page as cards
from alpaca_exp.records import Row


def page(card: Row, template: Path) -> str:
    """The card as one self-contained page: texts escaped, nothing loaded from elsewhere."""
    top = [{"label": f"{pair['verb']} {pair['noun']}", **pair} for pair in card["diversity"]["top"]]
    plots = {
        "lengths": {name: cards.bars(told["bars"], 1) for name, told in card["lengths"].items()},
        "similarity": cards.bars(card["similarity"]["bars"], 0),
        "pairs": cards.bars(top, 0),
    }
    return cards.page(template, card=card, plots=plots)
