"""An audit that is silent on a correct table speaks of any cell of it that is changed, shipped or not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from decimal import Decimal
from random import Random

import pytest

from alpaca_exp.references.audit import audit
from alpaca_exp.references.files import Table
from alpaca_exp.references.library import known, load
from alpaca_exp.references.names import models, sets
from alpaca_exp.references.rows import Reference
from tests.test_references import CORRECTED, KNOWN

OTHERWISE: dict[str, object] = {
    "model": "Bard", "checkpoint": "bard", "size": "1B", "version": "8 bit", "recipe": "learning_rate=9",
    "task": "Lambada", "dataset": "lambada", "metric": "rougeL", "measure": "rougeL",
    "unit": "points", "split": "train", "n": 9, "num_fewshot": 25, "frame": "chat", "harness": "HELM",
    "harness_version": "0.0.1", "protocol": "a show of hands", "reference": "Claude", "pivot": "Koala",
    "stderr": Decimal("9.87"),
}  # fmt: skip
"""What no correct cell says, by field."""
SEEDS = range(3)


def mine(seed: int) -> list[Table]:
    """A table of one's own, which is shipped nowhere, and the table that it took its numbers from."""
    chance = Random(seed)
    sets_ = [of for of in sets().values() if len(of.measures) > 1 and not of.gold]
    theirs, ours = [], []
    for number, model in enumerate(one for one in models().values() if one.size):
        of, share = chance.choice(sets_), Decimal(chance.randrange(1100, 8900)) / 100 + Decimal("0.003")
        stderr = (share * (100 - share) / of.n).sqrt().quantize(Decimal("0.001"))
        metric = chance.choice(of.measures)
        source = Reference(
            id=f"theirs.{number}", source="They 2026", place="Table 7", model=model.title,
            checkpoint=model.name, size=model.size, version="of May", task=of.title, dataset=of.name,
            metric=metric, measure=metric,
            printed=share, unit="%", split="validation", n=of.n, num_fewshot=number % 6, frame="alpaca",
            harness="lm-eval", harness_version="0.4.13", protocol="greedy", stderr=stderr,
            recipe="learning_rate=1e-5", flags=("confounded_recipe",),
        )  # fmt: skip
        theirs.append(source)
        digits = Decimal("0.1") if number % 2 else Decimal(1)
        told = {"printed": share.quantize(digits), "stderr": stderr.quantize(Decimal("0.01"))}
        copy = dataclasses.replace(source, id=f"mine.{number}", source="I 2026", cites=source.id, **told)  # type: ignore[arg-type]
        ours.append(copy)
    return [Table("theirs", tuple(theirs)), Table("mine", tuple(ours))]


def spoken_of(tables: list[Table]) -> set[str]:
    """The rows of which the audit says anything."""
    found = audit(tables, known([*load(), *(row for table in tables for row in table.rows)]))
    return {one.row.id if one.row else one.table for one in found}


def changed(tables: list[Table], row: Reference, field: str, value: object) -> list[Table]:
    other = dataclasses.replace(row, **{field: value})  # type: ignore[arg-type]
    return [
        dataclasses.replace(table, rows=tuple(other if one.id == row.id else one for one in table.rows))
        for table in tables
    ]


def slips(row: Reference) -> Iterator[tuple[str, object]]:
    """Each cell that the row has filled in, as it may not be."""
    digit = Decimal(1).scaleb(int(row.printed.as_tuple().exponent))
    yield from (("printed", row.printed + step * digit) for step in (-1, 1, 10))
    yield from ((field, value) for field, value in OTHERWISE.items() if getattr(row, field) not in ("", None))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_correct_table_of_ones_own_is_passed_over_in_silence(seed: int) -> None:
    assert spoken_of(mine(seed)) == set()


@pytest.mark.parametrize("seed", SEEDS)
def test_any_cell_of_a_table_of_ones_own_that_is_changed_makes_the_audit_speak_of_its_row(seed: int) -> None:
    tables = mine(seed)
    silent = [
        (row.id, field, value)
        for row in tables[1].rows
        for field, value in slips(row)
        if row.id not in spoken_of(changed(tables, row, field, value))
    ]
    assert silent == []


def test_any_cell_of_a_shipped_table_that_is_changed_makes_the_audit_speak_of_its_row() -> None:
    """But for what its source tells nothing of: the harness of OpenAI's model, the model of a data set."""
    taken = [row for table in CORRECTED for row in table.rows if not row.own]
    silent = [
        (row.id, field)
        for row in taken
        for field, value in slips(row)
        if getattr(KNOWN.source(row), field) not in ("", "-", None, value)
        and row.id not in spoken_of(changed(CORRECTED, row, field, value))
    ]
    assert silent == []
