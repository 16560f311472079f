"""Smaller data sets from larger ones: seeded, nested, and the same rows for every variant.

A row's place in the draw comes from a hash of the seed and the row's id, not from its position. So
2,000 rows are among the 4,000 drawn with the same seed, and `original` and `cleaned` at equal numbers
differ by the rows that cleaning touched, not by the luck of two draws.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from alpaca_exp.records import Row


def subset(rows: Sequence[Row], num_tasks: int | None, num_examples: int | None, seed: int) -> list[Row]:
    """At most `num_tasks` different instructions, then `num_examples` rows; None for no limit.

    The rows are drawn in proportion from those with and those without an input, and stay in order.
    """
    kept = list(rows)
    if num_tasks is not None:
        kept = _with_tasks(kept, num_tasks, seed)
    if num_examples is not None and num_examples < len(kept):
        kept = _sample(kept, num_examples, seed)
    return kept


def shorter(rows: Sequence[Row], max_words: int | None) -> tuple[list[Row], list[Row]]:
    """The rows whose output has at most `max_words` words, and the others."""
    if max_words is None:
        return list(rows), []
    short = [row for row in rows if len(row["output"].split()) <= max_words]
    return short, [row for row in rows if len(row["output"].split()) > max_words]


def _with_tasks(rows: list[Row], num_tasks: int, seed: int) -> list[Row]:
    tasks = sorted({row["instruction"] for row in rows}, key=lambda task: _draw(seed, task))
    chosen = set(tasks[:num_tasks])
    return [row for row in rows if row["instruction"] in chosen]


def _sample(rows: list[Row], count: int, seed: int) -> list[Row]:
    strata: dict[bool, list[int]] = {True: [], False: []}
    for index, row in enumerate(rows):
        strata[bool(row["input"])].append(index)
    with_input = round(count * len(strata[True]) / len(rows))
    chosen: set[int] = set()
    for stratum, quota in ((strata[True], with_input), (strata[False], count - with_input)):
        drawn = sorted(stratum, key=lambda index: (_draw(seed, rows[index]["id"]), index))
        chosen.update(drawn[:quota])
    return [rows[index] for index in sorted(chosen)]


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogatepass")).digest()
