"""Where the documents of lm-eval's stock tasks lie in a local mirror, and whether they can serve."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alpaca_exp.errors import ConfigError, InputError
from alpaca_exp.harness.instruction_files import instruction_files
from alpaca_exp.harness.layouts import described_by, split_files
from alpaca_exp.harness.names import StockTask, fewer
from alpaca_exp.harness.needs import SHARED_FOLDERS, fewshot_split, scored_split, shots_of, stock
from alpaca_exp.records import read_jsonl
from alpaca_exp.schemas import EvalSuiteConfig, InstructionSuiteConfig, WorldSuiteConfig

COLUMNS = {
    "allenai/ai2_arc": ("question", "choices", "answerKey"),
    "boolq": ("passage", "question", "label"),
    "cais/mmlu": ("question", "choices", "answer"),
    "hellaswag": ("activity_label", "ctx_a", "ctx_b", "endings", "label"),
    "jannalu/crows_pairs_multilingual": ("sent_more", "sent_less"),
    "openbookqa": ("question_stem", "choices", "answerKey"),
    "oskarvanderwal/bbq": ("category", "context", "question", "ans0", "ans1", "ans2", "label"),
    "oskarvanderwal/simple-cooccurrence-bias": ("sentence",),
    "oskarvanderwal/winogender": ("sentence", "pronoun", "occupation", "participant", "label"),
    "piqa": ("goal", "sol1", "sol2", "label"),
    "toxigen": ("text", "toxicity_ai", "toxicity_human"),
    "truthfulqa_gen": ("question", "correct_answers", "incorrect_answers"),
    "truthfulqa_mc1": ("question", "mc1_targets"),
    "truthfulqa_mc2": ("question", "mc2_targets"),
    "winogrande": ("sentence", "option1", "option2", "answer"),
}
"""The hub's columns that tasks read, by task or by data set; any other's are checked when it is loaded."""
POINTER = b"version https://git-lfs"


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
    lie in it. Of the instructions suite, whose files are its own: those. Looks at each file's beginning, and
    at the ends of its lines. Raises ConfigError that lists every missing, empty or unsuitable file.
    """
    if isinstance(suite, InstructionSuiteConfig):
        return instruction_files(suite)
    if suite.mirror is None or isinstance(suite, WorldSuiteConfig) or not suite.tasks:
        return {}
    mirror, problems = suite.mirror.expanduser(), list[str]()
    found = {task.name: _mirrored(mirror, task, suite, problems) for task in stock(suite).tasks.values()}
    if problems:
        raise ConfigError(fewer(problems))
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
                f"show {shots}); add it, or set eval_suite.num_fewshot=0"
            )
    every = [file for each in splits.values() for file in each]
    problems += [problem for file in every for problem in _problems(task, file)]
    return Mirrored(splits, described_by(folder, config, files))


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


def _lacking(mirror: Path, task: str, split: str) -> str:
    folder = SHARED_FOLDERS.get(task, task)
    other = "" if split == "validation" else " or validation.jsonl"
    return (
        f"eval_suite.mirror has no {folder}/{split}.jsonl{other} for the task {task}, nor a folder of its "
        f"data set with that split (looked in {mirror}); add it, or set eval_suite.mirror=null to use the hub"
    )


def _problems(task: StockTask, file: Path) -> Iterator[str]:
    """What can be told without reading all of a file."""
    with file.open("rb") as opened:
        if opened.read(len(POINTER)) == POINTER:
            yield f"{file} is a pointer of Git LFS, not the data; run git lfs pull in {file.parent}"
            return
    try:
        columns = _columns(file)
    except InputError as error:
        yield str(error)
        return
    if columns == ():
        yield f"{file} holds no documents; the task {task.name} needs at least one"
    missing = [column for column in read_columns(task) if columns and column not in columns]
    if missing:
        yield (
            f"{file} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}, which the task "
            f"{task.name} reads; it has {', '.join(columns or ())}"
        )


def read_columns(task: StockTask) -> tuple[str, ...]:
    """The columns that a task is known to read; empty where only loading it tells."""
    return COLUMNS.get(task.name) or COLUMNS.get(str(task.config.get("dataset_path")), ())


def _columns(file: Path) -> tuple[str, ...] | None:
    """A file's columns; none where it has no rows, null where only loading it tells."""
    match file.suffix:
        case ".jsonl":
            _whole_lines(file)
            return tuple(next(read_jsonl(file), ()))
        case ".csv" | ".tsv":
            with file.open(encoding="utf-8", newline="") as opened:
                lines = csv.reader(opened, delimiter="\t" if file.suffix == ".tsv" else ",")
                header, first = next(lines, []), next(lines, None)
            return tuple(header) if first else ()
        case ".parquet":
            return _parquet_columns(file)
    return None


def _whole_lines(file: Path) -> None:
    """Raises InputError for a line that is cut off: one that does not end as it must."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if (text := line.strip()) and not (text.startswith(b"{") and text.endswith(b"}")):
                raise InputError(f"{file}, line {number}, is not a whole JSON object; mend or fetch it again")


def _parquet_columns(file: Path) -> tuple[str, ...]:
    import pyarrow.parquet

    try:
        footer = pyarrow.parquet.read_metadata(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{file} is not a whole Parquet file ({error}); fetch it again") from None
    return tuple(footer.schema.to_arrow_schema().names) if footer.num_rows else ()
