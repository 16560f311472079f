"""The data card of curated data as a page: counts with reasons, lengths before and after, examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from alpaca_exp.cards import page as cards
from alpaca_exp.cards.page import number
from alpaca_exp.records import Row


def page(card: Row, template: Path) -> str:
    """The card as one self-contained page: texts escaped, nothing loaded from elsewhere."""
    lengths = card["lengths"]
    series = {name: lengths[name]["bars"] for name in ("before", "after")}
    most = max(entry["count"] for entries in series.values() for entry in entries)
    plots = {name: cards.bars(entries, 1, most) for name, entries in series.items()}
    counts = dict(_flat({k: v for k, v in card["counts"].items() if k not in ("removed", "edited")}))
    facts = dict(_flat(card.get("source", {})))
    return cards.page(template, card=card, counts=counts, facts=facts, plots=plots, spoken=_spoken(card))


def _flat(counts: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, object]]:
    """`{"critic": {"asked": 3}}` as the line `critic asked`."""
    for name, value in counts.items():
        said = f"{before}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value, f"{said} ")
        else:
            yield said, value


def _spoken(card: Row) -> str:
    """What the plot shows, for those who cannot see it."""
    said = [
        f"{name}: mean {number(told['mean'])}, median {number(told['median'])}, p95 {number(told['p95'])}"
        for name, told in card["lengths"].items()
    ]
    return f"Words of each output; {'; '.join(said)}"
