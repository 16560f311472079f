"""The audit of published numbers: every rule over every row, each finding with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from alpaca_exp.references import comparisons, rules
from alpaca_exp.references.checked import changed_since, names_changed_since
from alpaca_exp.references.files import Table
from alpaca_exp.references.library import Known
from alpaca_exp.references.rows import DISCLOSED, Reference


@dataclass(frozen=True)
class Rule:
    """One thing that can be wrong with a printed number."""

    name: str
    title: str
    why: str
    """What it means for a reader, in one sentence."""
    finds: Callable[[Reference, Known], str | None] | None = None
    """Of one row; None for rules over several."""
    typed: bool = False
    """Whether it tells of slips in typing: then it is asked of the tables of the sources as well."""


@dataclass(frozen=True)
class Finding:
    """What a rule says of a row; of a whole table where there is no row."""

    rule: Rule
    table: str
    row: Reference | None
    reason: str


RULES = (
    Rule(
        "differs_from_source",
        "Differs from its source",
        "The printed digits are no rounding of what the cited source says.",
        rules.differs_from_its_source,
    ),
    Rule(
        "not_its_parts",
        "Is not what its parts give",
        "The number does not follow from the sums that are given for it.",
        rules.is_not_its_parts,
        typed=True,
    ),
    Rule(
        "total",
        "Does not add up",
        "The printed numbers of the table have another sum than the one noted when they were typed in.",
    ),
    Rule(
        "changed",
        "Was changed since it was checked",
        "Someone compared each cell with its source; what was typed over later nobody has.",
    ),
    Rule(
        "not_that_set",
        "Is of another set",
        "Figures of different documents cannot stand in one column.",
        rules.is_not_that_set,
    ),
    Rule(
        "not_that_metric",
        "Is another metric, or does not say which",
        "One model has several figures on one set, up to 16 points apart.",
        rules.is_not_that_metric,
    ),
    Rule(
        "not_that_model",
        "Is of another model, or does not say which",
        "A name without its size or version hides which weights were measured.",
        rules.is_not_that_model,
    ),
    Rule(
        "not_that_protocol",
        "Came about otherwise than it says",
        "Harness, frame, examples and documents decide what a number can be compared with.",
        rules.came_about_otherwise,
    ),
    Rule(
        "constant_gold",
        "Is of a set with one right answer",
        "A habit of answering alike is scored there, not knowledge.",
        rules.has_one_right_answer,
    ),
    Rule(
        "needs_pivot",
        "Is chained, and does not say through which model",
        "Per cent of a model with which nobody compared this one depend on the model between the two.",
        rules.needs_its_pivot,
    ),
    Rule(
        "unlike_comparison",
        "Is compared with a figure of another kind",
        "Between figures of different sets, metrics, harnesses or sizes no difference has one cause.",
        comparisons.compares_unlike_figures,
    ),
    Rule(
        "unresolved",
        "Is not resolved from what it is compared with",
        "The difference is within what other documents of the same kind would change.",
        comparisons.is_not_resolved,
    ),
    Rule(
        "confounded_recipe",
        "Is confounded with how the models were made",
        "The models differ in more than what the comparison is about.",
        comparisons.pairs_with_other_recipes,
    ),
    Rule(
        "other_harness",
        "Another harness says otherwise of the same weights",
        "Figures of the two harnesses cannot be compared.",
        rules.comes_from_another_harness,
    ),
    Rule(
        "no_interval",
        "Has no interval",
        "Without one nobody can tell a difference from chance.",
        rules.stands_without_interval,
    ),
)
BY_NAME = {rule.name: rule for rule in RULES}


def audit(tables: Sequence[Table], known: Known, sources: Sequence[Table] = ()) -> list[Finding]:
    """What the rules find in `tables`, rule by rule, in the order of the rows.

    Of `sources`, the tables that others took their numbers from, only slips in typing are found.

    What a row's own flags disclose is not found again; no flag covers a number that differs from its source,
    or is not of the model, set or metric named. "unresolved" must be true where it is said.
    """
    rows = [(table, row) for table in tables for row in table.rows]
    found = [one for rule in RULES for one in _found(rule, rows, known)]
    theirs = [(table, row) for table in sources for row in table.rows]
    found += [one for rule in RULES if rule.typed for one in _found(rule, theirs, known)]
    found += [one for table in (*tables, *sources) for one in _of_table(table)]
    return sorted(found, key=lambda one: RULES.index(one.rule))


def of_names() -> list[Finding]:
    """What models.yaml and sets.yaml no longer say as it was checked."""
    return [Finding(BY_NAME["changed"], file, None, reason) for file, reason in names_changed_since()]


def _of_table(table: Table) -> Iterator[Finding]:
    for reason in rules.numbers_that_do_not_add_up(table.rows, table.total):
        yield Finding(BY_NAME["total"], table.name, None, reason)
    if reason_ := changed_since(table):
        yield Finding(BY_NAME["changed"], table.name, None, reason_)


def _found(rule: Rule, rows: Sequence[tuple[Table, Reference]], known: Known) -> Iterator[Finding]:
    for table, row in rows:
        reason = rule.finds(row, known) if rule.finds else None
        if reason and not _disclosed(rule, row):
            yield Finding(rule, table.name, row, reason)
    if rule.name == "confounded_recipe":
        of = {row.id: table for table, row in rows}
        for row, reason in comparisons.sizes_with_other_recipes([row for _, row in rows], known):
            yield Finding(rule, of[row.id].name, row, reason)


def _disclosed(rule: Rule, row: Reference) -> bool:
    return rule.name in DISCLOSED and rule.name in row.flags and rule.name != "unresolved"
