"""What two data sets have in common and in what they differ: rows, fields, lengths, rules."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from alpaca_exp.cleaning.card import FIELDS, lengths_of
from alpaca_exp.cleaning.matching import By, Matching, match
from alpaca_exp.cleaning.samples import few
from alpaca_exp.lineage import Differences, Lineage, confound, differences, sentence
from alpaca_exp.records import Row
from alpaca_exp.statistics.intervals import Interval, of_checkpoint, paired_stderr


@dataclass(frozen=True)
class Side:
    """One of the two data sets."""

    name: str
    """What it was called when it was asked for."""
    place: str
    """The artifact or file it is."""
    rows: Sequence[Row]
    lineage: Lineage
    source: str
    """What its rows were taken from: of two with the same one, equal ids are the same row."""
    removed: Sequence[Row] = ()
    edited: Sequence[Row] = ()
    note: str = ""
    """Why it is this one, where its name did not say."""


@dataclass(frozen=True)
class Change:
    """Rows whose `field` differs between A and B, and their words there."""

    field: str
    rows: int
    words_a: float
    words_b: float
    change: Interval
    """Mean change in words over these rows, with its 95 % interval."""
    median: float
    emptied: int
    filled: int


@dataclass(frozen=True)
class Lengths:
    """Words of a field in all rows of A, in all of B, and the change over the rows that both have."""

    a: Row
    b: Row
    change: Interval | None
    """Paired; None where no row is in both."""


@dataclass(frozen=True)
class Explained:
    """Why rows are in one of the two only, or changed: counts by the rules that did it."""

    only_a: dict[str, int] = field(default_factory=dict)
    only_b: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """All that a diff of two variants says."""

    a: Side
    b: Side
    lineage: Differences
    sentence: str
    confounded: bool
    matching: Matching
    identical: int
    changes: tuple[Change, ...]
    explained: Explained
    lengths: dict[str, Lengths]
    examples: dict[str, list[tuple[Row | None, Row | None]]]
    """By kind: pairs of the row in A and in B."""


def difference(a: Side, b: Side, by: By = By.auto, examples: int = 3) -> Difference:
    """A and B row by row. Equal ids name the same row where both come from one source, or ids are names."""
    same_source = a.source == b.source
    matched = match(a.rows, b.rows, by, same_source)
    pairs = [(a.rows[i], b.rows[j]) for i, j in matched.pairs]
    changed = {name: [pair for pair in pairs if pair[0][name] != pair[1][name]] for name in FIELDS}
    found = differences(a.lineage, b.lineage)
    names = (a.name, b.name) if a.name != b.name else (f"A ({a.place})", f"B ({b.place})")
    whole = confound(*names, dict(zip(names, (a.lineage, b.lineage), strict=True)))
    return Difference(
        a=a,
        b=b,
        lineage=found,
        sentence=whole or sentence(*names, found),
        confounded=found.confounded,
        matching=matched,
        identical=sum(all(one[name] == other[name] for name in FIELDS) for one, other in pairs),
        changes=tuple(_change(name, rows) for name, rows in changed.items() if rows),
        explained=_explained(a, b, matched, pairs) if same_source else Explained(),
        lengths=dict(_lengths(a.rows, b.rows, pairs)),
        examples=_examples(a, b, matched, changed, examples),
    )


def _change(name: str, pairs: Sequence[tuple[Row, Row]]) -> Change:
    words = [(len(one[name].split()), len(other[name].split())) for one, other in pairs]
    by_how_much = [after - before for before, after in words]
    return Change(
        field=name,
        rows=len(pairs),
        words_a=statistics.fmean(before for before, _ in words),
        words_b=statistics.fmean(after for _, after in words),
        change=_mean(words),
        median=statistics.median(by_how_much),
        emptied=sum(bool(one[name]) and not other[name] for one, other in pairs),
        filled=sum(not one[name] and bool(other[name]) for one, other in pairs),
    )


def _mean(words: Sequence[tuple[int, int]]) -> Interval:
    """The mean change, with the normal interval over rows."""
    before, after = [float(one) for one, _ in words], [float(other) for _, other in words]
    change = statistics.fmean(after) - statistics.fmean(before)
    return of_checkpoint(change, paired_stderr(after, before))


def _lengths(
    a: Sequence[Row], b: Sequence[Row], pairs: Sequence[tuple[Row, Row]]
) -> Iterator[tuple[str, Lengths]]:
    for name in FIELDS:
        ours, theirs = ([len(row[name].split()) for row in rows] for rows in (a, b))
        words = [(len(one[name].split()), len(other[name].split())) for one, other in pairs]
        yield name, Lengths(lengths_of(ours), lengths_of(theirs), _mean(words) if words else None)


def _explained(a: Side, b: Side, matched: Matching, pairs: Sequence[tuple[Row, Row]]) -> Explained:
    """Of two that come from one source: what the one's rules did to rows that the other has."""
    edits = [(side.name, _by_id(side.edited)) for side in (a, b)]
    changed: Counter[str] = Counter()
    for one, other in pairs:
        if any(one[name] != other[name] for name in FIELDS):
            rules = {f"{rule} ({name})" for name, found in edits for rule in found.get(str(one["id"]), ())}
            changed.update(rules or {_unruled(a, b)})
    return Explained(
        only_a=_reasons([a.rows[place] for place in matched.only_a], b),
        only_b=_reasons([b.rows[place] for place in matched.only_b], a),
        changed=dict(changed.most_common()),
    )


def _reasons(rows: Sequence[Row], other: Side) -> dict[str, int]:
    """Why `other` does not have these rows of its source."""
    removed = _by_id(other.removed)
    rules = (removed.get(str(row["id"]), ["not drawn, or not in the source"])[0] for row in rows)
    return dict(Counter(rules).most_common())


def _unruled(a: Side, b: Side) -> str:
    anew = [side.name for side in (a, b) if side.lineage.anew]
    return f"answered anew ({' and '.join(anew)})" if anew else "no rule of either"


def _by_id(rows: Sequence[Row]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(str(row["id"]), []).append(row["rule"])
    return found


def _examples(
    a: Side, b: Side, matched: Matching, changed: dict[str, list[tuple[Row, Row]]], count: int
) -> dict[str, list[tuple[Row | None, Row | None]]]:
    """Of each kind a few, always the same ones."""
    found: dict[str, list[tuple[Row | None, Row | None]]] = {
        "only in A": [(row, None) for row in few((a.rows[place] for place in matched.only_a), count)],
        "only in B": [(None, row) for row in few((b.rows[place] for place in matched.only_b), count)],
    }
    for name, pairs in changed.items():
        partners = {id(one): other for one, other in pairs}
        chosen = few((one for one, _ in pairs), count)
        found[f"{name} changed"] = [(row, partners[id(row)]) for row in chosen]
    return {kind: pairs for kind, pairs in found.items() if pairs}
