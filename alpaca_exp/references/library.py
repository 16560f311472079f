"""The published numbers that come with the project, and what a number taken from elsewhere really is."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.references.files import Table, read_tables
from alpaca_exp.references.names import HERE, models_named, set_named
from alpaca_exp.references.rows import Reference, nearest

PUBLISHED = HERE / "published"


@dataclass(frozen=True)
class Known:
    """Rows by their ids: what others may cite."""

    rows: Mapping[str, Reference]

    def source(self, row: Reference) -> Reference | None:
        """The row that it was taken from; None where it is of its printer's own, or the source is no row."""
        return self.rows.get(row.cites)

    def value(self, row: Reference) -> Decimal:
        """What its source says; what is printed where nothing else is known."""
        source = self.source(row)
        return source.printed if source else row.printed if row.cited is None else row.cited

    def really(self, row: Reference) -> Reference:
        """What is known at first hand: the row that it was taken from, what its names say filled in."""
        told = self.source(row) or row
        named, of = models_named(told.model, told.size), set_named(told.task)
        return replace(
            told,
            checkpoint=told.checkpoint or (named[0].name if len(named) == 1 else ""),
            dataset=told.dataset or (of.name if of else ""),
            measure=told.measure or told.metric,
            n=told.n or (of.n if of else None),
            gold=told.gold or (of.gold if of else ""),
        )


def load() -> list[Reference]:
    """Every published number that comes with the project. Raises InputError, which lists every problem."""
    return [row for table in shipped() for row in table.rows]


@functools.cache
def shipped() -> tuple[Table, ...]:
    """The tables that come with the project, in the order of their files."""
    found = tuple(table for file in sorted(PUBLISHED.glob("*.yaml")) for table in read_tables(file))
    known(row for table in found for row in table.rows)
    return found


def read(file: Path) -> list[Table]:
    """The tables of a user's own file, whose rows may cite one another and those that are shipped."""
    found = read_tables(file)
    known([*load(), *(row for table in found for row in table.rows)], str(file))
    return found


def known(rows: Iterable[Reference], where: str = "the references") -> Known:
    """The rows by id. Raises InputError where one names another that is not there."""
    listed = list(rows)
    by_id = {row.id: row for row in listed}
    wrong = [
        f"{where}: {row.id} has {other} as {field}, which is no row{nearest(other, by_id)}"
        for row in listed
        for field, other in (("cites", row.cites), ("against", row.against))
        if other and other not in by_id
    ]
    wrong += [f"{where}: {row.id} cites itself" for row in listed if row.cites == row.id]
    if wrong:
        raise InputError("\n".join(wrong))
    return Known(by_id)


def taken_from_elsewhere(tables: Sequence[Table]) -> list[Table]:
    """The tables with numbers of others: those that an audit can compare with their sources."""
    return [table for table in tables if any(not row.own for row in table.rows)]
