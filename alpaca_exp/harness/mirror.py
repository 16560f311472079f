"""Where the documents of lm-eval's stock tasks lie in a local mirror, and whether they can serve."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alpaca_exp.errors import ConfigError, InputError
from alpaca_exp.harness.instruction_files import instruction_files
from alpaca_exp.records import read_jsonl
from alpaca_exp.schemas import EvalSuiteConfig, InstructionSuiteConfig, WorldSuiteConfig

SHARED_FOLDERS = {"truthfulqa_mc1": "truthfulqa_mc", "truthfulqa_mc2": "truthfulqa_mc"}
COLUMNS = {
    "arc_challenge": ("question", "choices", "answerKey"),
    "arc_easy": ("question", "choices", "answerKey"),
    "boolq": ("passage", "question", "label"),
    "hellaswag": ("activity_label", "ctx_a", "ctx_b", "endings", "label"),
    "openbookqa": ("question_stem", "choices", "answerKey"),
    "piqa": ("goal", "sol1", "sol2", "label"),
    "truthfulqa_gen": ("question", "correct_answers", "incorrect_answers"),
    "truthfulqa_mc1": ("question", "mc1_targets"),
    "truthfulqa_mc2": ("question", "mc2_targets"),
    "winogrande": ("sentence", "option1", "option2", "answer"),
}
"""The hub's columns that the stock tasks read; any other task's are checked when it is loaded."""


def mirror_files(suite: EvalSuiteConfig) -> dict[str, Path]:
    """The mirror's file of each task: `<mirror>/<folder>/validation.jsonl`; empty where there is no mirror.

    With solved examples before each question, a task's `train.jsonl` is listed too, as `<task>.train`.
    Reads one line a file. Raises ConfigError that lists every missing, empty or unsuitable file.
    """
    if isinstance(suite, InstructionSuiteConfig):
        return instruction_files(suite)
    if suite.mirror is None or isinstance(suite, WorldSuiteConfig):
        return {}
    mirror = suite.mirror.expanduser()
    files = {task: _folder(mirror, task) / "validation.jsonl" for task in suite.tasks}
    if suite.num_fewshot > 0:
        solved = {f"{task}.train": _folder(mirror, task) / "train.jsonl" for task in suite.tasks}
        files |= {name: file for name, file in solved.items() if file.is_file()}
    problems = [problem for name, file in files.items() for problem in _problems(name, file)]
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return files


def _folder(mirror: Path, task: str) -> Path:
    return mirror / SHARED_FOLDERS.get(task, task)


def _problems(name: str, file: Path) -> Iterator[str]:
    task = name.removesuffix(".train")
    if not file.is_file():
        yield (
            f"eval_suite.mirror has no {file.parent.name}/{file.name} for the task {task} "
            f"(looked in {file.parent.parent}); add it, or set eval_suite.mirror=null to use the hub"
        )
        return
    try:
        first = next(read_jsonl(file), None)
    except InputError as error:
        yield str(error)
        return
    if first is None:
        yield f"{file} holds no documents; the task {task} needs at least one"
        return
    missing = [column for column in COLUMNS.get(task, ()) if column not in first]
    if missing:
        yield (
            f"{file} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}, which the task "
            f"{task} reads; it has {', '.join(first)}"
        )
