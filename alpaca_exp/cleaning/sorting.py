"""Rules about lists that are to be put in order: they are put in order, and compared."""

from __future__ import annotations

import re
from collections.abc import Sequence

from alpaca_exp.records import Example

_ASKED = re.compile(
    r"\b(?:sort|order|arrange|organi[sz]e|re-?order|rearrange|alphabeti[sz]e|put|rank)\b", re.IGNORECASE
)
_ALPHABET = re.compile(r"\balphabetical(?:ly)?\b|\balphabeti[sz]e\b", re.IGNORECASE)
_RISING = re.compile(
    r"\b(?:ascending|(?<!non )(?<!non-)increasing|non[ -]?decreasing|numerical(?:ly)?"
    r"|(?:smallest|least|lowest) to (?:the )?(?:largest|greatest|highest|biggest))\b",
    re.IGNORECASE,
)
_FALLING = re.compile(
    r"\b(?:descending|(?<!non )(?<!non-)decreasing|non[ -]?increasing"
    r"|(?:largest|greatest|highest|biggest) to (?:the )?(?:smallest|least|lowest))\b",
    re.IGNORECASE,
)
_BY_SOMETHING_ELSE = re.compile(
    r"\b(?:by|based|according|terms|respect|names?|length|size|importance|population|frequency|price|date"
    r"|unique|duplicates?|odd|even|algorithm|function|program|code|reverse|then|each|letters?)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_FEWEST, _MOST = 3, 40
"""Items: of two the order is hardly told from chance, and more are no exercise in sorting."""


def is_in_another_order(example: Example) -> str | None:
    """The output lists the very items that were to be sorted, in an order that was not asked for."""
    asked = example.instruction
    if (
        max(len(asked), len(example.input), len(example.output)) > 1000
        or not _ASKED.search(asked)
        or _BY_SOMETHING_ELSE.search(asked)
    ):
        return None
    given = _items(example.input) or _items(asked.partition(":")[2])
    said = _items(example.output)
    if not _FEWEST <= len(given) <= _MOST or sorted(given) != sorted(said):
        return None
    in_order = _in_order(asked, said)
    return None if in_order is not False else f"the items are in another order: {', '.join(said)[:80]}"


def _in_order(asked: str, said: Sequence[str]) -> bool | None:
    """Whether `said` rises (or falls) as asked; None where it is not clear what was asked."""
    falling = bool(_FALLING.search(asked))
    if falling == bool(_RISING.search(asked)) and not _ALPHABET.search(asked):
        return None
    if all(_NUMBER.fullmatch(item) for item in said) and not _ALPHABET.search(asked):
        return _rises([float(item) for item in said], falling)
    if not _ALPHABET.search(asked) or any(_NUMBER.search(item) for item in said):
        return None
    letters = ["".join(filter(str.isalpha, item)) for item in said]
    return _rises(list(said), falling) or _rises(letters, falling)


def _rises(keys: Sequence[float] | Sequence[str], falling: bool) -> bool:
    return list(keys) == sorted(keys, reverse=falling)


def _items(text: str) -> list[str]:
    """The items of a list between commas, or one a line, in lower case and without bullets and brackets."""
    text = text.strip()
    if ":" in text.partition("\n")[0] and text.count(":") == 1:
        text = text.partition(":")[2].strip()
    text = text.strip("[](){}. \n")
    parts = text.split("\n") if text.count("\n") >= _FEWEST - 1 else re.split(r"[,;]", text)
    items = [re.sub(r"^\s*(?:(?:\d+[.)]|[-*\u2022])\s+)?(?:and\s+)?", "", part) for part in parts]
    return [item.strip(" \t\"'\u201c\u201d\u2018\u2019.,").lower() for item in items if item.strip(" ,.")]
