"""Where the documents of lm-eval's stock tasks lie in a local mirror, and whether they can serve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alpaca_exp.errors import ConfigError
from alpaca_exp.harness.instruction_files import instruction_files
from alpaca_exp.harness.layouts import described_by, split_files
from alpaca_exp.harness.looking import file_problems, num_rows
from alpaca_exp.harness.names import StockTask, fewer
from alpaca_exp.harness.needs import (
    SHARED_FOLDERS,
    fewshot_split,
    scored_split,
    shots_of,
    shots_setting,
    stock,
)
from alpaca_exp.schemas import EvalSuiteConfig, InstructionSuiteConfig, WorldSuiteConfig

MOST_ABSENT = 3
"""So many tasks that a mirror lacks are told one by one."""


@dataclass(frozen=True)
class Mirrored:
    """A task's documents in a mirror, known by the content of these files."""

    splits: Mapping[str, tuple[Path, ...]]
    """By lm-eval's name of the split: the files, in their order."""
    types: Path | None = None
    """What says the columns' types, where the files themselves do not."""


def mirror_files(suite: EvalSuiteConfig) -> dict[str, Any]:
    """What the mirror holds of each task, as `Mirrored` by name; empty where there is no mirror.

    A folder is named after the task, or after its data set; see `alpaca_exp.harness.layouts` for what may
    lie in it. Of the instructions suite, whose files are its own: those. Looks at every row, unless the file
    was found good before. Raises ConfigError that lists every missing, empty or unsuitable file.
    """
    if isinstance(suite, InstructionSuiteConfig):
        return instruction_files(suite)
    if suite.mirror is None or isinstance(suite, WorldSuiteConfig) or not suite.tasks:
        return {}
    mirror, problems = suite.mirror.expanduser(), list[str]()
    found = {task.name: _mirrored(mirror, task, suite, problems) for task in stock(suite).tasks.values()}
    if problems:
        raise ConfigError(fewer(_together(problems)))
    return found


def _mirrored(mirror: Path, task: StockTask, suite: EvalSuiteConfig, problems: list[str]) -> Mirrored:
    """The task's files; what is wrong with them is added to `problems`."""
    config, scored = task.config.get("dataset_name"), scored_split(task)
    if "class" in task.config or scored is None:
        problems.append(
            f"the task {task.name} gets its documents by code of its own, so no mirror can serve them; leave "
            "it out of eval_suite.tasks, or set eval_suite.mirror=null"
        )
        return Mirrored({})
    folder, of_task, files = _found(mirror, task, config, scored)
    splits = {scored: files}
    shots, solved = shots_of(task, suite), fewshot_split(task)
    if not files:
        problems.append(_lacking(mirror, task.name, scored))
    elif shots and solved and solved != scored:
        splits[solved] = split_files(folder, config, solved, of_task=of_task)
        if not splits[solved]:
            problems.append(
                f"{folder} has no {solved}.jsonl with the solved examples of the task {task.name} (it is to "
                f"show {shots}); add it, or set {shots_setting(task, suite)}0"
            )
    types = described_by(folder, config, files)
    every = [file for each in splits.values() for file in each]
    found = [problem for file in every for problem in file_problems(task, file, typed=types is not None)]
    problems += found or _too_few(task, suite, splits)
    return Mirrored(splits, types)


def _found(
    mirror: Path, task: StockTask, config: str | None, split: str
) -> tuple[Path, bool, tuple[Path, ...]]:
    """The first folder that has the split, whether it is the task's own, and the files.

    A test split may be served by `validation.jsonl`, which is what a mirror has of every task by contract.
    """
    places = list(_folders(mirror, task))
    for folder, of_task in places:
        if files := split_files(folder, config, split, of_task=of_task):
            return folder, of_task, files
    for folder, of_task in places:
        if of_task and (plain := folder / "validation.jsonl").is_file():
            return folder, of_task, (plain,)
    return mirror, True, ()


def _folders(mirror: Path, task: StockTask) -> Iterator[tuple[Path, bool]]:
    """Where a task's documents may lie, and whether the folder is the task's rather than its data set's."""
    for name in dict.fromkeys((task.name, SHARED_FOLDERS.get(task.name, task.name))):
        yield mirror / name, True
    path = task.config.get("dataset_path")
    if isinstance(path, str) and path:
        for name in dict.fromkeys((path.rpartition("/")[2], path, path.replace("/", "--"))):
            yield mirror / name, False


class _Absent(str):
    """That the mirror has nothing of a task."""

    task: str


def _together(problems: Sequence[str]) -> list[str]:
    """One sentence for the many tasks of a group that the mirror has nothing of."""
    absent = [problem for problem in problems if isinstance(problem, _Absent)]
    if len(absent) <= MOST_ABSENT:
        return list(problems)
    names = ", ".join(problem.task for problem in absent[1 : 1 + MOST_ABSENT])
    more = len(absent) - 1 - MOST_ABSENT
    rest = f", nor anything of {names}" + (f" and {more} more tasks" if more else "")
    others = [problem for problem in problems if not isinstance(problem, _Absent)]
    return [absent[0].replace(" (looked in", f"{rest} (looked in", 1), *others]


def _lacking(mirror: Path, task: str, split: str) -> _Absent:
    folder = SHARED_FOLDERS.get(task, task)
    other = "" if split == "validation" else " or validation.jsonl"
    said = _Absent(
        f"eval_suite.mirror has no {folder}/{split}.jsonl{other} for the task {task}, nor a folder of its "
        f"data set with that split (looked in {mirror}); add it, or set eval_suite.mirror=null to take what "
        "action=prefetch has fetched or, with runtime.offline=false, what the hub has"
    )
    said.task = task
    return said


def _too_few(
    task: StockTask, suite: EvalSuiteConfig, splits: Mapping[str, tuple[Path, ...]]
) -> Iterator[str]:
    """Why the mirror cannot show as many solved examples as are asked for, where it cannot."""
    shots, solved = shots_of(task, suite), fewshot_split(task)
    if not shots or solved is None or not splits.get(solved):
        return
    rows = sum(num_rows(file) for file in splits[solved])
    count = rows - (solved == scored_split(task))  # a document never shows itself
    if count < shots:
        yield few(task, suite, count)


def few(task: StockTask, suite: EvalSuiteConfig, count: int) -> str:
    """The sentence of a task that has only `count` solved examples."""
    shots, setting = shots_of(task, suite), shots_setting(task, suite)
    return (
        f"the task {task.name} is to show {shots} solved examples, and there are {count}; set "
        f"{setting}{count} or less"
    )
