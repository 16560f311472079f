"""Smaller data sets from larger ones: seeded, nested, and the same rows for every variant.

A row's place in the draw comes from a hash of the seed and the row's id, not from its position. So
2,000 rows are among the 4,000 drawn with the same seed, and `original` and `cleaned` at equal numbers
differ by the rows that cleaning touched, not by the luck of two draws.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

from alpaca_exp.errors import InputError
from alpaca_exp.records import Row
from alpaca_exp.schemas import Task

_QUOTED = re.compile('"[^"]*"|\u201c[^\u201d]*\u201d')
_NAME = re.compile(r"(?<![.?!:] )(?<= )(?!I\b)[A-Z][\w'\u2019.-]*\b")
_NUMBER = re.compile(r"\b\d[\w.,:/%]*\b")
_SLOTS = re.compile(r"_(?:[ ,]+_)+")


def subset(
    rows: Sequence[Row],
    num_tasks: int | None,
    num_examples: int | None,
    seed: int,
    *,
    task: Task = Task.instruction,
    min_instances: int = 1,
) -> list[Row]:
    """`num_examples` rows of `num_tasks` tasks, in their order; None for no limit.

    `num_examples` alone draws rows, those with and those without an input in proportion. `num_tasks` alone
    draws tasks with all of their rows; both draw as many rows of each task, from tasks that have so many.
    Where `task`s have fewer than `min_instances` rows they are not drawn from: the same pool for each point
    of a sweep over `num_tasks`. Raises InputError where there is less than is asked for.
    """
    kept = list(rows)
    if num_tasks is not None:
        kept = _of_tasks(kept, num_tasks, num_examples, seed, task, min_instances)
    if num_examples is None:
        return kept
    if num_examples > len(kept):
        raise InputError(
            f"dataset_variant.num_examples is {num_examples:,} and there are {len(kept):,} rows to draw "
            "from; ask for fewer, or set it to null for all"
        )
    return kept if num_examples == len(kept) else _sample(kept, num_examples, seed)


def shorter(rows: Sequence[Row], max_words: int | None) -> tuple[list[Row], list[Row]]:
    """The rows whose output has at most `max_words` words, and the others."""
    if max_words is None:
        return list(rows), []
    short = [row for row in rows if len(row["output"].split()) <= max_words]
    return short, [row for row in rows if len(row["output"].split()) > max_words]


def task_of(row: Row, kind: Task = Task.instruction) -> str:
    """What names the row's task: its own key `task`, if it has one, else its instruction.

    Instructions are compared without regard to case, blanks and the last punctuation mark; with
    `Task.pattern` also to what stands in for something: quotations, numbers, and capitalised words
    within a sentence. "Where does Ann live?" and "Where does Bob live?" are then one task.
    """
    own = row.get("task")
    if isinstance(own, (str, int)) and own != "":
        return str(own)
    text = " ".join(unicodedata.normalize("NFKC", row["instruction"]).split())
    if kind is Task.pattern:
        for what in (_QUOTED, _NAME, _NUMBER):
            text = what.sub("_", text)
        text = _SLOTS.sub("_", text)
    return text.casefold().rstrip(" .!?:;") or text.casefold()


def draw(seed: int, name: str) -> bytes:
    """The place of `name` in the draw of this seed."""
    return hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogatepass")).digest()


def _of_tasks(
    rows: list[Row], num_tasks: int, num_examples: int | None, seed: int, task: Task, min_instances: int
) -> list[Row]:
    each = None if num_examples is None else num_examples // num_tasks
    least = max(min_instances, each or 1)
    instances: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        instances.setdefault(task_of(row, task), []).append(index)
    pool = [name for name, found in instances.items() if len(found) >= least]
    if len(pool) < num_tasks:
        raise InputError(_too_few(num_tasks, least, len(pool), instances, task))
    chosen: set[int] = set()
    for name in sorted(pool, key=lambda name: draw(seed, name))[:num_tasks]:
        drawn = sorted(instances[name], key=lambda index: (draw(seed, rows[index]["id"]), index))
        chosen.update(drawn[:each])
    return [rows[index] for index in sorted(chosen)]


def _too_few(num_tasks: int, least: int, found: int, instances: dict[str, list[int]], task: Task) -> str:
    most = max(map(len, instances.values()), default=0)
    wider = "" if task is Task.pattern else ", or take dataset_variant.task=pattern, which joins more"
    return (
        f"dataset_variant.num_tasks is {num_tasks:,}, each with {least:,} rows or more, and of "
        f"{len(instances):,} tasks {found:,} have so many (the largest has {most:,}); ask for fewer tasks or "
        f"fewer rows of each{wider}"
    )


def _sample(rows: list[Row], count: int, seed: int) -> list[Row]:
    strata: dict[bool, list[int]] = {True: [], False: []}
    for index, row in enumerate(rows):
        strata[bool(row["input"])].append(index)
    # Largest remainder of two strata, in whole numbers; a tie goes to the rows without an input.
    quota, remainder = divmod(count * len(strata[True]), len(rows))
    quota += 2 * remainder > len(rows)
    chosen: set[int] = set()
    for stratum, size in ((strata[True], quota), (strata[False], count - quota)):
        drawn = sorted(stratum, key=lambda index: (draw(seed, rows[index]["id"]), index))
        chosen.update(drawn[:size])
    return [rows[index] for index in sorted(chosen)]
