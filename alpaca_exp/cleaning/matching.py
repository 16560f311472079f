"""Which rows of two data sets are the same row: by id where ids mean something, else by what rows say.

`row-<index>` is a place, not a name: in a file that dropped a row, every later one has another place. So
such ids count only where both data sets come from the same source, or where somebody says that they do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from alpaca_exp.records import Row

_PLACE = re.compile(r"row-\d+")
ENOUGH_WORDS = 8
"""An output of so many words names its row, where no other row has it."""
TRUSTED = 0.5
"""Ids are names where so many of those that both have stand for the same instruction."""


class By(Enum):
    """How rows are matched."""

    auto = "auto"
    id = "id"
    content = "content"
    position = "position"


@dataclass(frozen=True)
class Matching:
    """Rows of A and of B by their places in the two data sets."""

    pairs: list[tuple[int, int]]
    only_a: list[int]
    only_b: list[int]
    by: By
    """id; content; or position: by content, and what was left by place."""
    steps: dict[str, int]
    """How many pairs each step found."""


Key = Callable[[Row], Hashable | None]
"""What two rows must share; None: this row is not to be matched by it."""


def match(a: Sequence[Row], b: Sequence[Row], by: By, same_source: bool) -> Matching:
    """The rows that `a` and `b` have in common. `same_source`: whether equal places are the same row.

    By content: rows that are the same; then those with the same instruction and input, the first with the
    first; then, where there is one such row on each side only, the same instruction (one of them without
    input, or the outputs the same), or the same long output.
    """
    if by is By.auto:
        by = By.id if same_source or _ids_are_names(a, b) else By.content
    if by is By.id:
        places = same_source or not _ids_are_names(a, b)
        steps: list[tuple[str, Key, bool]] = [("id", lambda row: _name(row, places), False)]
    else:
        steps = _BY_CONTENT
    found = _Found(a, b)
    counts = {name: found.step(key, unique) for name, key, unique in steps}
    if by is By.position:
        counts["place in the file"] = found.places()
    pairs = sorted(found.pairs)
    return Matching(pairs, sorted(found.left_a), sorted(found.left_b), by, counts)


class _Found:
    """What the steps pass on: the pairs so far, and the rows that have none."""

    def __init__(self, a: Sequence[Row], b: Sequence[Row]) -> None:
        self._a, self._b = a, b
        self.pairs: list[tuple[int, int]] = []
        self.left_a, self.left_b = list(range(len(a))), list(range(len(b)))

    def step(self, key: Key, unique: bool) -> int:
        """Pair what shares a key, in order; with `unique` only keys that one row of each side has."""
        theirs = _places(self._b, self.left_b, key)
        ours = _places(self._a, self.left_a, key)
        new = [
            pair
            for name, places in ours.items()
            if name in theirs and (not unique or len(places) == len(theirs[name]) == 1)
            for pair in zip(places, theirs[name], strict=False)
            if not unique or _may_be_the_same(self._a[pair[0]], self._b[pair[1]])
        ]
        return self._add(new)

    def places(self) -> int:
        """Pair what is left by its place in its file."""
        return self._add([(place, place) for place in sorted({*self.left_a} & {*self.left_b})])

    def _add(self, new: list[tuple[int, int]]) -> int:
        self.pairs += new
        gone_a, gone_b = {pair[0] for pair in new}, {pair[1] for pair in new}
        self.left_a = [place for place in self.left_a if place not in gone_a]
        self.left_b = [place for place in self.left_b if place not in gone_b]
        return len(new)


def _places(rows: Sequence[Row], left: Sequence[int], key: Key) -> dict[Hashable, list[int]]:
    found: dict[Hashable, list[int]] = {}
    for place in left:
        name = key(rows[place])
        if name is not None:
            found.setdefault(name, []).append(place)
    return found


def _name(row: Row, places: bool) -> str | None:
    name = str(row["id"])
    return name if places or not _PLACE.fullmatch(name) else None


def _ids_are_names(a: Sequence[Row], b: Sequence[Row]) -> bool:
    """Whether the ids that both have are names, and name the same rows."""
    ours = dict(_named(a))
    same = Counter(ours[name] == instruction for name, instruction in _named(b) if name in ours)
    return same[True] > 0 and same[True] >= TRUSTED * same.total()


def _named(rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    for row in rows:
        name = _name(row, places=False)
        if name is not None:
            yield name, row["instruction"]


def _may_be_the_same(a: Row, b: Row) -> bool:
    """Of two rows with one key: other inputs and other outputs make them two instances of one task."""
    same_task = a["instruction"] == b["instruction"]
    return not same_task or not a["input"] or not b["input"] or bool(a["output"] == b["output"])


def _long_output(row: Row) -> Hashable | None:
    return row["output"] if len(row["output"].split()) >= ENOUGH_WORDS else None


_BY_CONTENT: list[tuple[str, Key, bool]] = [
    ("all three fields", lambda row: (row["instruction"], row["input"], row["output"]), False),
    ("instruction and input", lambda row: (row["instruction"], row["input"]), False),
    ("instruction", lambda row: row["instruction"], True),
    ("output", _long_output, True),
]
