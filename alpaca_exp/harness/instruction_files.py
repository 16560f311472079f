"""The files of the suite `instructions`: Super-NaturalInstructions' own JSON, self-instruct's JSON lines.

Both are others' data and come from their makers: github.com/allenai/natural-instructions (Wang et al.
2022, arXiv:2204.07705), and human_eval/user_oriented_instructions.jsonl in
github.com/yizhongw/self-instruct (Wang et al. 2023, arXiv:2212.10560).
"""

from __future__ import annotations

import difflib
import json
import mmap
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from alpaca_exp.errors import ConfigError, InputError
from alpaca_exp.records import Row, read_jsonl
from alpaca_exp.schemas import InstructionSuiteConfig

NATURAL, USER = InstructionSuiteConfig.TASKS
OUTPUT = re.compile(rb'(?<!\\)"output"\s*:')
"""The key in a task's file, not the word in a text."""


def instruction_files(suite: InstructionSuiteConfig) -> dict[str, Path]:
    """The file of each task of Super-NaturalInstructions as `<suite's task>/<its name>`, and the user's.

    What is not configured is left out. Reads the split's list and no task. Raises ConfigError that names
    what is not there.
    """
    files: dict[str, Path] = {}
    problems: list[str] = []
    if NATURAL in suite.tasks and suite.natural_instructions is not None:
        folder = suite.natural_instructions.expanduser()
        names, problems = _names(suite, folder)
        files = {f"{NATURAL}/{name}": folder / "tasks" / f"{name}.json" for name in names}
        problems += _absent(files, folder)
    if USER in suite.tasks and suite.user_oriented is not None:
        files[USER] = suite.user_oriented.expanduser()
    if problems:
        raise ConfigError(problems)
    return files


def lacking(suite: InstructionSuiteConfig) -> Iterator[str]:
    """One sentence for each task of the suite whose documents were not named."""
    if NATURAL in suite.tasks and suite.natural_instructions is None:
        yield (
            f"eval_suite.natural_instructions is not set, which {NATURAL} reads; clone "
            "https://github.com/allenai/natural-instructions and name the folder"
        )
    if USER in suite.tasks and suite.user_oriented is None:
        yield (
            f"eval_suite.user_oriented is not set, which {USER} reads; name human_eval/{USER}.jsonl of "
            "https://github.com/yizhongw/self-instruct"
        )


def expected_documents(suite: InstructionSuiteConfig, files: Mapping[str, Path]) -> int:
    """How many documents the suite scores: each task's instances, counted without reading it as JSON."""
    natural = sum(_count(file, suite.instances) for name, file in files.items() if name != USER)
    user = sum(1 for _ in read_jsonl(files[USER])) if USER in files else 0
    return sum(min(count, suite.limit or count) for count in (natural, user))


def read_task(file: Path, instances: int, examples: int) -> dict[str, Any]:
    """One task of Super-NaturalInstructions: its first `instances`, and `examples` of the solved ones.

    {definition, category, instances[{id, input, references[]}], examples[{input, output}]}. Raises
    InputError, naming the file, for one that is no such task.
    """
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read as JSON ({error}); take it from its source again") from None
    needed = ("Definition", "Categories", "Instances") + ("Positive Examples",) * bool(examples)
    missing = [key for key in needed if not (isinstance(told, dict) and told.get(key))]
    if missing:
        raise InputError(f"{file} lacks {', '.join(missing)}: it is no task of Super-NaturalInstructions")
    _english(file, told)
    solved = told.get("Positive Examples", [])[:examples]
    if len(solved) < examples:
        raise InputError(
            f"{file} has {len(solved)} Positive Examples and eval_suite.positive_examples is {examples}; "
            "ask for fewer"
        )
    return {
        "definition": "\n".join(_texts(told["Definition"])).strip(),
        "category": _category(_texts(told["Categories"])[0]),
        "instances": [_instance(file, place, one) for place, one in enumerate(told["Instances"][:instances])],
        "examples": [_example(file, one) for one in solved],
    }


def read_user_oriented(file: Path) -> list[Row]:
    """Rows {id, instruction, instances[{input, output}]}. Raises InputError for a broken one."""
    rows = list(read_jsonl(file, required=("id", "instruction", "instances")))
    if not rows:
        raise InputError(f"{file} holds no instruction; put one JSON object on each line")
    for number, row in enumerate(rows, start=1):
        fine = row["instances"] and all(
            isinstance(one, dict) and {"input", "output"} <= one.keys() for one in row["instances"]
        )
        if not fine:
            raise InputError(f"{file}, line {number}: instances must hold objects with input and output")
    return rows


def _count(file: Path, most: int) -> int:
    """The instances of a task, up to `most`: each has one output."""
    if not file.stat().st_size:
        return 0
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return sum(1 for _ in islice(OUTPUT.finditer(text, max(0, text.find(b'"Instances"'))), most))


def _names(suite: InstructionSuiteConfig, folder: Path) -> tuple[list[str], list[str]]:
    """The tasks that are wanted, each once; what is wrong with the list."""
    if suite.only:
        return list(dict.fromkeys(suite.only)), []
    listing = folder / "splits" / suite.split / "test_tasks.txt"
    if not listing.is_file():
        return [], [
            f"eval_suite.natural_instructions has no splits/{suite.split}/test_tasks.txt (looked in "
            f"{folder}); name a clone of the whole repository{_other_splits(folder)}"
        ]
    names = [line.strip() for line in listing.read_text(encoding="utf-8").splitlines()]
    named = list(dict.fromkeys(name for name in names if name))
    return named, [] if named else [f"{listing} names no task; take it from its source again"]


def _other_splits(folder: Path) -> str:
    known = sorted(path.parent.name for path in folder.glob("splits/*/test_tasks.txt"))
    return f", or one of its splits: {', '.join(known)}" if known else ""


def _absent(files: Mapping[str, Path], folder: Path) -> Iterator[str]:
    absent = [file for file in files.values() if not file.is_file()]
    if not absent:
        return
    first = absent[0].stem
    near = difflib.get_close_matches(first, [path.stem for path in folder.glob("tasks/*.json")], n=1)
    hint = f"; did you mean {near[0]}?" if near else "; take a whole clone of the repository"
    more = f", nor {len(absent) - 1} more of {len(files)}" if len(absent) > 1 else ""
    yield f"eval_suite.natural_instructions has no tasks/{first}.json (looked in {folder}){more}{hint}"


def _english(file: Path, told: Mapping[str, Any]) -> None:
    """ROUGE-L's tokens are a to z and 0 to 9: of other scripts it sees nothing."""
    others = [name for name in _texts(told.get("Output_language", "English")) if name != "English"]
    if others:
        raise InputError(
            f"{file}: its answers are in {', '.join(others)}, which ROUGE-L's tokens (a to z, 0 to 9) cannot "
            "compare; take English tasks, those of eval_suite.split=default"
        )


def _instance(file: Path, place: int, instance: Any) -> Row:
    where = f"{file}, instance {place + 1},"
    if not isinstance(instance, dict) or not {"input", "output"} <= instance.keys():
        raise InputError(f"{where} lacks input or output")
    references = _texts(instance["output"])
    if not references:
        raise InputError(f"{where} has no output to compare an answer with")
    return {
        "id": str(instance.get("id", f"{file.stem}-{place}")),
        "input": str(instance["input"]),
        "references": references,
    }


def _example(file: Path, example: Any) -> Row:
    if not isinstance(example, dict) or not {"input", "output"} <= example.keys():
        raise InputError(f"{file}: one of its Positive Examples lacks input or output")
    return {"input": str(example["input"]), "output": _texts(example["output"])[0]}


def _texts(value: Any) -> list[str]:
    """A text or a list of texts: the field is one in older releases, the other in newer ones."""
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _category(name: str) -> str:
    """Textual Entailment as textual_entailment, as Tk-Instruct's results name it."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
