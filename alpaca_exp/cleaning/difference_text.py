"""A difference of two data sets to be read: as Markdown, coloured on a terminal, or as JSON."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from alpaca_exp.cleaning.card import FIELDS
from alpaca_exp.cleaning.differences import Change, Difference, Lengths, Side
from alpaca_exp.cleaning.matching import By
from alpaca_exp.cleaning.wording import marked, visible
from alpaca_exp.lineage import Cap, Lineage
from alpaca_exp.records import Row
from alpaca_exp.statistics.intervals import Interval

LONGEST = 400
"""Characters of a text that is shown whole; of a longer one, the beginning."""
_NUMBER = re.compile(r"\u2013|[+-]?[\d,.]+(e[+-]?\d+)?( \[.*\])?")
"""Also one with its interval, or the dash in its place."""
_HOW = {
    By.id: "by id",
    By.content: "by content, since the ids are no names that both share",
    By.position: "by content, then by place in the file",
}


def markdown(found: Difference, *, coloured: bool = False) -> str:
    """The whole difference; with `coloured`, changes of wording in a terminal's colours."""
    parts = [
        f"# {found.a.name} and {found.b.name}",
        f"- A: {_said(found.a)}\n- B: {_said(found.b)}",
        _headline(found),
        _lineage(found),
        _rows(found),
        *_explained(found),
        *_changes(found),
        _lengths(found.lengths),
        *_examples(found, coloured),
    ]
    return "\n\n".join(parts) + "\n"


def as_json(found: Difference) -> Row:
    """The same as plain values."""
    return {
        "a": _side(found.a),
        "b": _side(found.b),
        "differs_in": list(found.lineage.causes),
        "unknown": list(found.lineage.unknown),
        "confounded": found.confounded,
        "sentence": found.sentence,
        "matched_by": found.matching.by.name,
        "matched": found.matching.steps,
        "rows": _counts(found),
        "explained": dataclasses.asdict(found.explained),
        "changes": [_as_row(change) for change in found.changes],
        "lengths": {name: _as_row(one) for name, one in found.lengths.items()},
        "examples": {
            kind: [{"a": one, "b": other} for one, other in pairs] for kind, pairs in found.examples.items()
        },
    }


def as_text(lineage: Lineage, most: int | None = None) -> dict[str, str]:
    """Source, cleaning, teacher and length in a few words each; of more than `most` steps, their number."""
    steps = lineage.cleaning
    few = most is None or len(steps) <= most
    copied = f", instructions of {lineage.instructions}" if lineage.instructions else ""
    return {
        "source": f"{lineage.source}{lineage.drawn}{copied}",
        "cleaning": (", ".join(steps) or "none") if few else f"{len(steps)} steps, the last {steps[-1]}",
        "teacher": lineage.teacher + (", asked anew" if lineage.anew else ""),
        "length": _cap(lineage.cap),
    }


def table(lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose first line is its head; columns of numbers stand to the right."""
    head, *body = lines
    rules = ["---:" if all(map(_NUMBER.fullmatch, column)) else "---" for column in zip(*body, strict=True)]
    rows = [head, rules, *body]
    return "\n".join(
        "| " + " | ".join(visible(part).replace("|", "\\|") for part in row) + " |" for row in rows
    )


def _headline(found: Difference) -> str:
    sizes = (len(found.a.rows), len(found.b.rows))
    names = (found.a.name, found.b.name) if found.a.name != found.b.name else ("A", "B")
    told = f" {names[0]} has {sizes[0]:,} rows, {names[1]} {sizes[1]:,}."
    size = told if sizes[0] != sizes[1] else ""
    more = "**More than one cause:** " if found.confounded else ""
    return f"{more}{found.sentence}.{size}"


def _lineage(found: Difference) -> str:
    ours, theirs = as_text(found.a.lineage), as_text(found.b.lineage)
    lines = [("", "A", "B"), *((name, ours[name], theirs[name]) for name in ours)]
    return table(lines)


def _rows(found: Difference) -> str:
    steps = {name: count for name, count in found.matching.steps.items() if count}
    told = ", ".join(f"{count:,} by {name}" for name, count in steps.items()) or "none"
    how = f"Rows were matched {_HOW[found.matching.by]}: {told}."
    counts = [[name, f"{count:,}"] for name, count in _counts(found).items()]
    return f"## Rows\n\n{how}\n\n{table([['', 'rows'], *counts])}"


def _counts(found: Difference) -> dict[str, int]:
    both = len(found.matching.pairs)
    return {
        "in A": len(found.a.rows),
        "in B": len(found.b.rows),
        "in both": both,
        "of these identical": found.identical,
        "of these changed": both - found.identical,
        "only in A": len(found.matching.only_a),
        "only in B": len(found.matching.only_b),
    }


def _explained(found: Difference) -> Iterator[str]:
    told = found.explained
    for title, counts in (
        (f"Why rows are only in A: what {found.b.name} did to them", told.only_a),
        (f"Why rows are only in B: what {found.a.name} did to them", told.only_b),
        ("Why rows changed", told.changed),
    ):
        if counts:
            lines = [[name, f"{count:,}"] for name, count in counts.items()]
            yield f"{title}:\n\n{table([['rule', 'rows'], *lines])}"


def _changes(found: Difference) -> Iterator[str]:
    if not found.changes:
        return
    head = ["field", "rows", "words in A", "in B", "mean change", "median", "emptied", "filled"]
    lines = [
        [
            one.field,
            f"{one.rows:,}",
            f"{one.words_a:,.1f}",
            f"{one.words_b:,.1f}",
            _interval(one.change),
            f"{one.median:+,g}",
            f"{one.emptied:,}",
            f"{one.filled:,}",
        ]
        for one in found.changes
    ]
    yield f"## Changed fields\n\nOver the changed rows:\n\n{table([head, *lines])}"


def _lengths(lengths: Mapping[str, Lengths]) -> str:
    head = ["words", "mean A", "B", "median A", "B", "p95 A", "B", "paired change"]
    lines = [
        [
            name,
            *(f"{side[key]:,.4g}" for key in ("mean", "median", "p95") for side in (one.a, one.b)),
            _interval(one.change),
        ]
        for name, one in lengths.items()
    ]
    note = "All rows of each; the paired change with its 95 % interval is over the rows that are in both."
    return f"## Lengths\n\n{note}\n\n{table([head, *lines])}"


def _examples(found: Difference, coloured: bool) -> Iterator[str]:
    for kind, pairs in found.examples.items():
        shown = "\n".join(line for pair in pairs for line in _example(*pair, coloured))
        yield f"## Examples: {kind}\n\n{shown}"


def _example(one: Row | None, other: Row | None, coloured: bool) -> Iterator[str]:
    row = one or other or {}
    names = dict.fromkeys(str(side["id"]) for side in (one, other) if side)
    yield f"- `{visible(' and '.join(names))}`"
    for name in FIELDS:
        if one and other and one[name] != other[name]:
            yield f"  - {name}: {marked(one[name], other[name], coloured=coloured)}"
        elif row.get(name):
            text = visible(row[name])
            yield f"  - {name}: {text[:LONGEST]}{' …' * (len(text) > LONGEST)}"


def _said(side: Side) -> str:
    place = "; ".join(filter(None, (side.place, side.note)))
    return f"{side.name} ({place}), {len(side.rows):,} rows"


def _cap(cap: Cap) -> str:
    said = "no length sentence" if cap.sentence is None else f"asked for at most {cap.sentence} words"
    said = "unknown" if cap.sentence == "unknown" else said
    return said if cap.filter is None else f"{said}; outputs above {cap.filter} words left out"


def _interval(found: Interval | None) -> str:
    if found is None:
        return "\u2013"
    if found.low is None or found.high is None:
        return f"{found.mean:+,.2f}"
    return f"{found.mean:+,.2f} [{found.low:+,.2f}, {found.high:+,.2f}]"


def _side(side: Side) -> Row:
    told = {"name": side.name, "place": side.place, "rows": len(side.rows)}
    told |= {"note": side.note} if side.note else {}
    return {**told, "lineage": side.lineage.as_row(), "rules": _fired(side)}


def _fired(side: Side) -> dict[str, dict[str, int]]:
    """What the side's own curation did to its whole source."""
    return {
        "removed": _tally(row["rule"] for row in side.removed),
        "edited": _tally(row["rule"] for row in side.edited),
    }


def _tally(names: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in names:
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items()))


def _as_row(value: Change | Lengths) -> dict[str, Any]:
    return dataclasses.asdict(value, dict_factory=_plain)


def _plain(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: getattr(value, "value", value) for name, value in items}
