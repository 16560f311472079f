"""The instructions written by people that show the teacher what is wanted, and who is shown when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from alpaca_exp.errors import InputError
from alpaca_exp.paths import find
from alpaca_exp.records import Example, Row, read_row

KEYS = ("id", "instruction", "instances")
SHOWN = 10
"""Broken tasks that a message names."""


@dataclass(frozen=True, slots=True)
class SeedTask:
    """One seed task with the first of its instances, or a generated one that stands beside them."""

    id: str
    example: Example
    is_classification: bool | None = None
    """None where nobody said."""


def read_seed_tasks(path: Path, at_least: int) -> list[SeedTask]:
    """The tasks of a file in stanford_alpaca's format, or of the shipped file of that name.

    Raises InputError, naming every broken line or task, and where there are fewer than `at_least`.
    """
    tasks = _tasks(path)
    if len(tasks) < at_least:
        raise InputError(
            f"{path} holds {len(tasks)} seed tasks, and teacher.num_demonstrations wants {at_least} in "
            "each prompt; add tasks or lower teacher.num_demonstrations"
        )
    ids = [task.id for task in tasks]
    for twice in (id for id in ids if ids.count(id) > 1):
        raise InputError(f"{path}: two seed tasks have the id {twice}; give each its own")
    return tasks


def demonstrations(
    rng: Random, seed_tasks: Sequence[SeedTask], generated: Sequence[SeedTask], count: int, feedback: int
) -> list[SeedTask]:
    """The `count` tasks of one prompt, up to `feedback` of them generated ones, in any order.

    As long as fewer were generated, seed tasks take their places (self-instruct, section 2.2).
    """
    back = rng.sample(generated, min(feedback, len(generated))) if feedback else []
    shown = rng.sample(seed_tasks, count - len(back)) + back
    if back:
        rng.shuffle(shown)
    return shown


def _tasks(path: Path) -> list[SeedTask]:
    """The tasks of the file, or all that is wrong with it: who mends one line wants to know of the next."""
    file, tasks, problems = find(path), list[SeedTask](), list[str]()
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text ({error.reason}); save it as UTF-8") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            tasks.append(_task(read_row(line, file, number, KEYS), path))
        except InputError as error:
            problems.append(str(error))
    if problems:
        more = [f"... and {len(problems) - SHOWN:,} more broken tasks"] if len(problems) > SHOWN else []
        raise InputError("\n".join([*problems[:SHOWN], *more]))
    return tasks


def _task(row: Row, path: Path) -> SeedTask:
    instances = row["instances"]
    first = instances[0] if isinstance(instances, list) and instances else None
    if not isinstance(first, dict) or not {"input", "output"} <= first.keys():
        raise InputError(
            f"{path}, task {row['id']}: instances must be a list of objects with input and output"
        )
    texts = (row["instruction"], first["output"], first["input"])
    if not all(isinstance(text, str) for text in texts):
        raise InputError(f"{path}, task {row['id']}: instruction, input and output must be text")
    if not texts[0].strip():
        raise InputError(f"{path}, task {row['id']}: the instruction is empty")
    label = row.get("is_classification")
    if label is not None and not isinstance(label, bool):
        raise InputError(f"{path}, task {row['id']}: is_classification must be true or false")
    return SeedTask(str(row["id"]), Example(*texts), label)
