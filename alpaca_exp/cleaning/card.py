"""The data card: what each rule took or changed and why, examples, lengths of outputs, lineage."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from alpaca_exp.cards.page import length_bars
from alpaca_exp.cleaning.samples import few
from alpaca_exp.records import Row
from alpaca_exp.schemas import CriticConfig, RaterConfig, Unreadable

EXAMPLES = 10
"""Of each rule's removals, and of its edits."""
REASONS = 5
"""The most frequent ones of each rule."""
FIELDS = ("instruction", "input", "output")


def card(
    counts: Mapping[str, Any],
    removed: Sequence[Row],
    edited: Sequence[Row],
    before: Sequence[Row],
    after: Sequence[Row],
    lineage: Mapping[str, Any],
    judged: Sequence[Row] | None = None,
) -> Row:
    """`card.json`: counts, lengths of outputs in words before and after, lineage, and each rule's examples.

    `judged` are the rows as the rules were shown them, where that is not as in `before`: with new answers.
    """
    return {
        "counts": {
            "rows_in": len(before),
            "rows_out": len(after),
            "removed": _by_rule(removed),
            "edited": _by_rule(edited),
            **counts,
        },
        "lengths": {"before": word_lengths(before), "after": word_lengths(after)},
        "lineage": dict(lineage),
        "categories": _categories(removed, edited),
        "rules": _rules(removed, edited, [*before, *(judged or ())]),
    }


def unread(
    counts: Mapping[str, Any], critic: CriticConfig | None, rater: RaterConfig | None
) -> Iterator[str]:
    """What became of the rows whose reply could not be read: they are among those kept, or removed."""
    for reader, name in ((critic, "critic"), (rater, "rating")):
        told = counts.get(name, {})
        if reader and told.get("unreadable"):
            kinds = {"no_fix": "a fix without its text", "empty_fix": "a fix that left nothing"}
            which = [f"{told[kind]:,} {said}" for kind, said in kinds.items() if told.get(kind)]
            fate = "kept" if reader.on_unreadable is Unreadable.keep else "removed"
            of_these = f" ({', '.join(which)})" if which else ""
            yield (
                f"Of {told['asked']:,} replies of the {reader.group} {told['unreadable']:,} could not be "
                f"read{of_these}: their rows are among the {told[fate]:,} {fate}, as "
                f"{reader.group}.on_unreadable={reader.on_unreadable.value} has it"
            )


def word_lengths(rows: Sequence[Row], field: str = "output") -> Row:
    """Mean, median, 95th percentile and maximum of a field's lengths in words (split at blanks), and bars."""
    return lengths_of([len(row[field].split()) for row in rows])


def lengths_of(words: Sequence[int]) -> Row:
    """The same of lengths that were counted before. Nothing but zeros where there are none."""
    words = sorted(words) or [0]
    place = 0.95 * (len(words) - 1)
    low = int(place)
    high = min(low + 1, len(words) - 1)
    return {
        "mean": round(statistics.fmean(words), 3),
        "median": statistics.median(words),
        "p95": round(words[low] + (place - low) * (words[high] - words[low]), 3),
        "max": words[-1],
        "bars": length_bars(words),
    }


def _by_rule(rows: Sequence[Row]) -> dict[str, int]:
    return dict(sorted(Counter(row["rule"] for row in rows).items()))


def _categories(removed: Sequence[Row], edited: Sequence[Row]) -> dict[str, Row]:
    """How many rows of each category were removed, and how many edits made."""
    gone, mended = (Counter(row["category"] for row in rows) for rows in (removed, edited))
    names = sorted({*gone, *mended})
    return {name: {"removed": gone[name], "edited": mended[name]} for name in names}


def _rules(removed: Sequence[Row], edited: Sequence[Row], shown_rows: Iterable[Row]) -> dict[str, Row]:
    """Of each rule that fired: category, counts, the most frequent reasons, and examples.

    `shown_rows` hold the texts; of two with one id the later counts.
    """
    gone, mended = _grouped(removed), _grouped(edited)
    shown = {rule: few(rows, EXAMPLES) for rule, rows in gone.items()}
    wanted = {row["id"] for rows in shown.values() for row in rows}
    texts = {row["id"]: row for row in shown_rows if row["id"] in wanted}
    return {
        rule: {
            "category": (gone.get(rule) or mended[rule])[0]["category"],
            "removed": len(gone.get(rule, ())),
            "edited": len(mended.get(rule, ())),
            "reasons": _reasons([*gone.get(rule, ()), *mended.get(rule, ())]),
            "removed_examples": [_with_texts(row, texts) for row in shown.get(rule, ())],
            "edited_examples": [_edit(row) for row in few(mended.get(rule, ()), EXAMPLES)],
        }
        for rule in sorted({*gone, *mended})
    }


def _grouped(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["rule"], []).append(row)
    return found


def _reasons(rows: Sequence[Row]) -> list[Row]:
    counted = Counter(row.get("reason", "") for row in rows)
    order = sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))
    return [{"reason": reason, "count": count} for reason, count in order[:REASONS]]


def _with_texts(row: Row, texts: Mapping[str, Row]) -> Row:
    found = texts.get(row["id"], {})
    fields = {name: found[name] for name in FIELDS if name in found}
    return {"id": row["id"], "reason": row["reason"], **fields}


def _edit(row: Row) -> Row:
    told = {"id": row["id"], "reason": row.get("reason", "")}
    return {**told, "before": row["before"], "after": row["after"]}
