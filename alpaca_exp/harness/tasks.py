"""lm-eval's tasks, ready to be scored: stock ones or the miniature's, their documents from where they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import datasets
from jinja2 import Environment, meta
from lm_eval.api.task import Task
from lm_eval.tasks import TaskManager

from alpaca_exp.errors import InputError
from alpaca_exp.harness.names import task_folders
from alpaca_exp.harness.quiet import muted
from alpaca_exp.records import read_jsonl
from alpaca_exp.schemas import EvalSuiteConfig, InstructionSuiteConfig, WorldSuiteConfig

FEWSHOT_SEED = 1234
"""The seed with which lm-eval's own command line draws few-shot examples."""


def load_tasks(suite: EvalSuiteConfig, documents: Mapping[str, Path], *, offline: bool) -> dict[str, Task]:
    """The suite's tasks by name, in its order, with their documents loaded and checked.

    Raises InputError, in one sentence, for a task that is unknown, that cannot be had, whose documents lack
    a column that it reads, or that lacks a metric which the suite names.
    """
    with muted():
        match suite:
            case WorldSuiteConfig():
                from alpaca_exp.miniature.tasks import task_specs

                manager = TaskManager(include_defaults=False)
                specs = {spec["task"]: spec for spec in task_specs(suite.world, suite.tasks)}
                tasks = {name: _load(manager, name, specs[name], suite, offline) for name in suite.tasks}
            case InstructionSuiteConfig():
                from alpaca_exp.harness import instructions

                manager, own = TaskManager(include_defaults=False), instructions.task_specs(suite, documents)
                tasks = {name: _load(manager, name, own[name], suite, offline) for name in suite.tasks}
            case _:
                manager = TaskManager(include_defaults=False, include_path=task_folders(suite.tasks))
                tasks = {name: _stock(manager, name, suite, documents, offline) for name in suite.tasks}
    for name, task in tasks.items():
        _shots(name, task, suite)
        task.set_fewshot_seed(seed=FEWSHOT_SEED)
    _check_metrics(suite, tasks)
    return tasks


def _stock(
    manager: TaskManager, name: str, suite: EvalSuiteConfig, documents: Mapping[str, Path], offline: bool
) -> Task:
    if name in manager.all_groups or name in manager.all_tags:
        raise InputError(f"{name} is a group of lm-eval tasks; name its tasks themselves in eval_suite.tasks")
    if name not in documents:
        return _load(manager, name, {"task": name}, suite, offline)
    solved = documents.get(f"{name}.train")
    train = "train" if solved else None
    splits = {"test_split": None, "validation_split": "validation"}
    splits |= {"training_split": train, "fewshot_split": train}
    files = {"validation": documents[name]} | ({"train": solved} if solved else {})
    return _load(manager, name, {"task": name, "custom_dataset": _reader(files), **splits}, suite, offline)


def _reader(files: Mapping[str, Path]) -> Callable[..., datasets.DatasetDict]:
    def read(**_: object) -> datasets.DatasetDict:
        return datasets.DatasetDict(
            {split: datasets.Dataset.from_list(list(read_jsonl(file))) for split, file in files.items()}
        )

    return read


def _load(
    manager: TaskManager, name: str, spec: Mapping[str, Any], suite: EvalSuiteConfig, offline: bool
) -> Task:
    local = "custom_dataset" in spec
    if offline and not local:
        raise InputError(f"runtime.offline is true, but the documents of the task {name} are on the hub; "
                         "set eval_suite.mirror to a folder that holds them")  # fmt: skip
    try:
        known = name in manager.task_index
        loaded = manager.load({"group": "alpaca_exp", "task": [dict(spec)]} if known else dict(spec))
        task = loaded["tasks"][name]
    except (KeyError, ValueError, TypeError, ImportError, OSError) as error:
        raise InputError(_loading_problem(name, local, error)) from error
    if missing := _missing_columns(task):
        raise InputError(
            f"the documents of the task {name} lack {', '.join(sorted(missing))}; they have "
            f"{', '.join(task.features)}"
        )
    if getattr(task, "UNSAFE_CODE", False) or getattr(task, "MULTIMODAL", False):
        raise InputError(f"the task {name} runs generated code or shows pictures; this harness does neither")
    solved = task.has_training_docs() or task.fewshot_cfg.samples or task.get_config("num_fewshot") == 0
    if local and suite.num_fewshot > 0 and not solved:
        raise InputError(
            f"eval_suite.num_fewshot is {suite.num_fewshot}, but the mirror has no train.jsonl with solved "
            f"examples for the task {name}; add it, or set eval_suite.num_fewshot=0"
        )
    _prepare_once(task)
    return task


def _prepare_once(task: Task) -> None:
    """lm-eval prepares all documents again whenever it asks for them: hand out what the task has made."""
    prepare, split = task.config.process_docs, task.config.test_split or task.config.validation_split
    if prepare is not None and split is not None:
        made, raw = task.task_docs, task.dataset[split]
        task.set_config("process_docs", lambda docs: made if docs is raw else prepare(docs))


def _loading_problem(name: str, local: bool, error: Exception) -> str:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, ImportError):
        return f"the task {name} needs a package that is not installed ({reason}); install it"
    if isinstance(error, KeyError):
        return f"the documents of the task {name} lack the column {reason}, which it reads"
    if local:
        return f"the documents of the task {name} do not suit it: {reason}"
    return (
        f"the documents of the task {name} cannot be had from the hub ({reason}); check the network, or set "
        "eval_suite.mirror to a folder that holds them"
    )


def _missing_columns(task: Task) -> set[str]:
    """What the task's templates name and its documents, as they are after its own preparation, lack."""
    config = task.config
    texts = [config.doc_to_text, config.doc_to_target, config.doc_to_choice]
    templates = [text for text in texts if isinstance(text, str)]
    variables = {v for text in templates for v in meta.find_undeclared_variables(Environment().parse(text))}
    target = config.doc_to_target
    if isinstance(target, str) and target.isidentifier() and task.OUTPUT_TYPE == "multiple_choice":
        variables.add(target)
    return variables - set(task.features)


def _shots(name: str, task: Task, suite: EvalSuiteConfig) -> None:
    """lm-eval's own rule: the suite's number of examples, except where a task is defined to have none."""
    if task.get_config("num_fewshot") != 0:
        task.set_config(key="num_fewshot", value=suite.num_fewshot)


def _check_metrics(suite: EvalSuiteConfig, tasks: Mapping[str, Task]) -> None:
    for named in (*suite.understanding, *suite.truthfulness):
        name, _, metric = named.rpartition(".")
        known = sorted(tasks[name].aggregation()) if name in tasks else []
        if metric not in known:
            raise InputError(
                f"eval_suite names the metric {named}, but the task {name} measures {', '.join(known)}"
            )
