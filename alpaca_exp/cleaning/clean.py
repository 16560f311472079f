"""The rules at work: rows in; rows kept, removed and repaired out, each with rule and reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from alpaca_exp.cleaning.rows import edit_row, example_of, removal_row, with_example
from alpaca_exp.cleaning.rules import Rule
from alpaca_exp.records import Example, Row


@dataclass(frozen=True)
class Cleaned:
    """What the rules made of some rows. `removed` and `edited` are rows of the files of that name."""

    kept: list[Row] = field(default_factory=list)
    removed: list[Row] = field(default_factory=list)
    edited: list[Row] = field(default_factory=list)


def clean(rows: Iterable[Row], rules: Sequence[Rule]) -> Cleaned:
    """Every row through every rule: first the repairs, until none finds anything, then the removals.

    So cleaning a second time changes nothing. A row that is removed in the end is listed as removed only.
    """
    cleaned = Cleaned()
    for row in rows:
        example, edits = _repaired(row, rules)
        removal = _removal(example, rules)
        if removal:
            rule, reason = removal
            if edits:
                reason += f" (after {', '.join(dict.fromkeys(edit['rule'] for edit in edits))})"
            cleaned.removed.append(removal_row(row, rule.name, rule.category.value, reason))
        else:
            cleaned.kept.append(with_example(row, example) if edits else row)
            cleaned.edited.extend(edits)
    return cleaned


def _repaired(row: Row, rules: Sequence[Rule]) -> tuple[Example, list[Row]]:
    example, edits = example_of(row), []
    found = True
    while found:
        found = False
        for rule in rules:
            if rule.repairs and (repair := rule.repairs(example)):
                after, reason = repair
                edits.append(edit_row(row, rule.name, rule.category.value, example, after, reason))
                example, found = after, True
    return example, edits


def _removal(example: Example, rules: Sequence[Rule]) -> tuple[Rule, str] | None:
    for rule in rules:
        reason = rule.removes(example) if rule.removes else None
        if reason:
            return rule, reason
    return None
