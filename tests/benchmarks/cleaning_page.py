"""The page of the cleaning rules: its words come from the registry, its figures from the benchmark."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from alpaca_exp.cleaning.rules import RULES, Category

PAGE = Path(__file__).resolve().parents[2] / "alpaca_exp" / "cleaning" / "README.md"
_TABLE = re.compile(r"(?<=<!-- rules -->\n).*?(?=<!-- end of rules -->)", re.DOTALL)
_HEAD = (
    "| rule | what is wrong with the row | | fires | davinci-only | final |\n|---|---|---|---:|---:|---:|\n"
)


class Reached(Protocol):
    """A score as the page shows it."""

    hits: int

    @property
    def flagged(self) -> int:
        """Labelled rows that the rule fires on."""


def with_figures(page: str, counts: Mapping[str, int], figures: Mapping[str, Mapping[str, Reached]]) -> str:
    """`page` with the table anew."""
    cells = {
        name: (f"{counts[name]:,}", _share(figures[name]["davinci-only"]), _share(figures[name]["final"]))
        for name in counts
    }
    return _TABLE.sub(lambda _: _table(cells), page)


def with_words(page: str) -> str:
    """`page` with the table anew but for its figures, which stay."""
    cells = {line.split("`")[1]: _last_cells(line) for line in _lines(page)}
    return _TABLE.sub(lambda _: _table(cells), page)


def counts_of(page: str) -> dict[str, int]:
    """How often each rule fires, as the page says."""
    return {line.split("`")[1]: int(_last_cells(line)[0].replace(",", "")) for line in _lines(page)}


def _table(cells: Mapping[str, tuple[str, ...]]) -> str:
    told = ""
    for category in Category:
        told += f"| **{category.value}** (`{category.name}`) | | | | | |\n"
        for rule in RULES:
            if rule.category is category:
                off = "" if rule.default else f" *Off by default: {rule.off}.*"
                figures = " | ".join(cells.get(rule.name, ("0", "", "")))
                told += f"| `{rule.name}` | {rule.why}{off} | {rule.action}s | {figures} |\n"
    return _HEAD + told


def _lines(page: str) -> list[str]:
    table = _TABLE.search(page)
    return [line for line in (table[0] if table else "").splitlines() if line.startswith("| `")]


def _last_cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip(" |").rsplit("|", 3)[1:])


def _share(reached: Reached) -> str:
    return f"{reached.hits} of {reached.flagged}" if reached.flagged else "none"
