"""The instructions written by people that show the teacher what is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.paths import find
from alpaca_exp.records import Example, Row, read_jsonl


@dataclass(frozen=True, slots=True)
class SeedTask:
    """One seed task with the first of its instances."""

    id: str
    example: Example


def read_seed_tasks(path: Path, at_least: int) -> list[SeedTask]:
    """The tasks of a file in stanford_alpaca's format, or of the shipped file of that name.

    Raises InputError, naming the line or the task, where one is broken or there are fewer than `at_least`.
    """
    tasks = [_task(row, path) for row in read_jsonl(find(path), required=("id", "instruction", "instances"))]
    if len(tasks) < at_least:
        raise InputError(
            f"{path} holds {len(tasks)} seed tasks, and teacher.num_demonstrations wants {at_least} in "
            "each prompt; add tasks or lower teacher.num_demonstrations"
        )
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
    return SeedTask(str(row["id"]), Example(*texts))
