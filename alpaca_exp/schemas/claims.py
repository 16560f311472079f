"""A claim about runs, as configuration writes it: a metric of some runs against that of others."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Selection = Mapping[str, tuple[str, ...]]
"""The runs that stand at one of the values of each axis."""


class Relation(Enum):
    """What is claimed of left and right."""

    greater = "greater"
    less = "less"
    equal_within = "equal_within"
    at_least = "at_least"


WITH_MARGIN = (Relation.equal_within, Relation.at_least)
CHANGE = ("from", "to")
"""The keys of a side that is a change: {from: {scale: small}, to: {scale: large}}."""
CAUSES = ("source", "cleaning", "teacher", "length", "how the answers were asked for")
"""In what two data sets can differ, as `alpaca_exp.lineage` names it."""


@dataclass(frozen=True)
class Side:
    """A number, the mean of some runs, or how far this lies above the mean of others."""

    runs: Selection | None = None
    above: Selection | None = None
    number: float = 0.0

    @property
    def selections(self) -> list[Selection]:
        """Of runs."""
        return [one for one in (self.runs, self.above) if one is not None]

    def __str__(self) -> str:
        """`dataset_variant=cleaned`; `scale=small to large`; `50`."""
        if self.runs is None:
            return f"{self.number:g}"
        if self.above is None:
            return told(self.runs)
        same_axis = len(self.runs) == 1 and list(self.runs) == list(self.above)
        return f"{told(self.above)} to {told(self.runs).partition('=')[2] if same_axis else told(self.runs)}"


@dataclass(frozen=True)
class Claim:
    """One claim about a metric of runs."""

    name: str
    statement: str
    """In plain words."""
    metric: str
    relation: Relation
    left: Side
    right: Side
    margin: float = 0.0
    """In points of the metric: of shares hundredths, elsewhere the metric's own unit."""
    where: Selection = field(default_factory=dict)
    """Only these runs, on either side."""
    over: str | None = None
    """An axis at each of whose values it is claimed; None: of their mean."""
    despite: tuple[str, ...] = ()
    """In what else the two sides' data may differ: of CAUSES."""
    source: str = ""
    """Where it was said."""

    @property
    def selections(self) -> list[Selection]:
        """All that it selects runs by."""
        return [*self.left.selections, *self.right.selections, self.where]


NEEDED = ("statement", "metric", "left", "right", "relation")
KEYS = (*NEEDED, "margin", "where", "over", "despite", "source")


def told(selection: Selection) -> str:
    """`dataset_variant=cleaned, scale=small|large`."""
    return ", ".join(f"{axis}={'|'.join(values)}" for axis, values in selection.items())


def claims_of(row: object) -> tuple[list[Claim], list[str]]:
    """The claims that a mapping of names holds, and one sentence for each thing that is wrong with it."""
    if not isinstance(row, Mapping):
        return [], ["it is no mapping of claims' names; write NAME: {statement: ..., metric: ..., ...}"]
    found, problems = [], []
    for name, one in row.items():
        wrong = list(_problems(str(name), one))
        problems += wrong
        found += [] if wrong else [_claim(str(name), one)]
    return found, problems


def near(name: str, known: Iterable[str]) -> str:
    """`; did you mean X?` where one is close, else the known ones."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(names)}"


def _problems(name: str, one: object) -> Iterator[str]:
    if not isinstance(one, Mapping):
        yield f"{name} is no claim; it has the keys {', '.join(NEEDED)}"
        return
    for key in map(str, one):
        if key not in KEYS:
            yield f"{name}.{key} is not a key{near(key, KEYS)}"
    for key in NEEDED:
        if one.get(key) in (None, "", {}):
            yield f"{name} has no {key}{_remedy(key)}"
    for key in ("statement", "metric", "over", "source"):
        if not isinstance(one.get(key) or "", str):
            yield f"{name}.{key} is {one[key]}; it must be text"
    yield from _relation(name, one.get("relation"), one.get("margin"))
    yield from _sides(name, one)
    yield from _selection(f"{name}.where", one.get("where") or {})
    for cause in _listed(one.get("despite")):
        if cause not in CAUSES:
            yield f"{name}.despite names {cause}{near(str(cause), CAUSES)}"


def _remedy(key: str) -> str:
    choices = {
        "relation": f"; it is one of {', '.join(one.name for one in Relation)}",
        "left": ", such as {dataset_variant: cleaned}",
        "right": ", such as {dataset_variant: original}, {trainer: none}, or a number",
        "metric": ", such as truthfulness",
    }
    return choices.get(key, ": say it in plain words")


def _relation(name: str, relation: object, margin: object) -> Iterator[str]:
    names = [one.name for one in Relation]
    if relation not in (None, "") and relation not in names:
        yield f"{name}.relation is {relation}{near(str(relation), names)}"
    if margin is None:
        if relation in [one.name for one in WITH_MARGIN]:
            yield f"{name} has no margin, and {relation} wants one, in points of its metric: margin: 1"
        return
    if not _number(margin):
        yield f"{name}.margin is {margin}; it must be a number"
    elif relation == Relation.equal_within.name and not float(str(margin)) > 0:
        yield f"{name}.margin is {margin}; it must be above 0"
    elif float(str(margin)) < 0:
        yield f"{name}.margin is {margin}; it must be 0 or more"
    if relation in ("greater", "less"):
        yield f"{name} has a margin, and {relation} has none; leave it out, or write relation: at_least"


def _sides(name: str, one: Mapping[Any, Any]) -> Iterator[str]:
    left, right = one.get("left"), one.get("right")
    for key, side in (("left", left), ("right", right)):
        if side in (None, "", {}) or (key == "right" and _number(side)):
            continue
        if not _is_change(side):
            yield from _selection(f"{name}.{key}", side)
            continue
        for end in CHANGE:
            yield from _selection(f"{name}.{key}.{end}", side.get(end) or {}, needed=True)
        yield from (f"{name}.{key}.{other} is not a key{near(str(other), CHANGE)}"
                    for other in side if other not in CHANGE)  # fmt: skip
    both = isinstance(left, Mapping) and isinstance(right, Mapping)
    if both and _is_change(left) != _is_change(right):
        yield f"{name} holds a change against what is none; write both sides as {{from: ..., to: ...}}"


def _selection(where: str, side: object, needed: bool = False) -> Iterator[str]:
    if not isinstance(side, Mapping):
        yield f"{where} is {side}; it must select runs, such as {{dataset_variant: cleaned}}"
        return
    if needed and not side:
        yield f"{where} is missing; it selects runs, such as {{dataset_variant: cleaned}}"
    for axis, value in side.items():
        values = _listed(value) if value is not None else [None]
        if not values or any(isinstance(one, (list, tuple, Mapping)) for one in values):
            yield f"{where}.{axis} is {value}; it must be a value, or a list of such"


def _claim(name: str, one: Mapping[Any, Any]) -> Claim:
    return Claim(
        name=name,
        statement=" ".join(str(one["statement"]).split()),
        metric=str(one["metric"]),
        relation=Relation[one["relation"]],
        left=_side(one["left"]),
        right=_side(one["right"]),
        margin=float(one.get("margin") or 0.0),
        where=_selected(one.get("where") or {}),
        over=one.get("over") or None,
        despite=tuple(map(str, _listed(one.get("despite")))),
        source=str(one.get("source") or ""),
    )


def _side(side: Any) -> Side:
    if _number(side):
        return Side(number=float(side))
    if _is_change(side):
        return Side(_selected(side["to"]), _selected(side["from"]))
    return Side(_selected(side))


def _selected(side: Mapping[Any, Any]) -> Selection:
    return {
        str(axis): tuple(map(_text, _listed(value) if value is not None else [None]))
        for axis, value in side.items()
    }


def _is_change(side: object) -> bool:
    return isinstance(side, Mapping) and any(key in side for key in CHANGE)


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]


def _text(value: object) -> str:
    """As it would stand on the command line."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
