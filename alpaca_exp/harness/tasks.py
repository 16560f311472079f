"""lm-eval's tasks, ready to be scored: stock ones or our own, their documents from where they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, UndefinedError, meta
from lm_eval.api.task import Task
from lm_eval.tasks import TaskManager
from lm_eval.tasks._index import Entry, Kind
from lm_eval.tasks._yaml_loader import _import_func_in_yml

from alpaca_exp.errors import AlpacaExpError, ConfigError, InputError
from alpaca_exp.harness.documents import reader
from alpaca_exp.harness.foretold import unknown_metrics
from alpaca_exp.harness.groups import group_metrics
from alpaca_exp.harness.labels import check_labels
from alpaca_exp.harness.looking import looks_at_rows
from alpaca_exp.harness.mirror import Mirrored, few
from alpaca_exp.harness.names import Function, StockTask, fewer
from alpaca_exp.harness.needs import fewshot_split, shots_of, stock
from alpaca_exp.harness.quiet import compile_templates_once, muted, put_off, seeded
from alpaca_exp.harness.rows import read_columns
from alpaca_exp.schemas import EvalSuiteConfig, InstructionSuiteConfig, WorldSuiteConfig

SLOW_TO_IMPORT = "rouge_score.rouge_scorer"
"""It takes a second, which only the answers that TruthfulQA's tasks generate need; all of them import it."""


def load_tasks(suite: EvalSuiteConfig, documents: Mapping[str, Any], *, offline: bool) -> dict[str, Task]:
    """The suite's tasks by name, in its order, groups and tags taken apart, with their documents checked.

    `documents` is what `mirror_files` found; a task that is not in it comes from the hub. Raises InputError
    for a task that cannot be had, whose documents lack a column that it reads, or that lacks a metric which
    the suite names; ConfigError with a sentence each where there are several, or for an unknown task.
    """
    load = _loader(suite, documents, offline)
    tasks: dict[str, Task] = {}
    problems: list[str] = []
    compile_templates_once()
    with muted(), put_off(SLOW_TO_IMPORT):
        for name, make in load.items():
            try:
                with seeded():  # some tasks shuffle their choices: the same way, whatever came before
                    tasks[name] = _checked(name, make())
            except _Unreachable as error:  # so is the next
                problems.append(str(error))
                break
            except InputError as error:
                problems.append(str(error))
    measured = {name: list(task.aggregation()) for name, task in tasks.items()} | group_metrics(suite)
    problems = problems or unknown_metrics(suite, measured)
    if len(problems) > 1:
        raise ConfigError(fewer(problems))
    if problems:
        raise InputError(problems[0])
    for task in tasks.values():
        task.set_fewshot_seed(seed=suite.fewshot_seed)
    return tasks


def _loader(
    suite: EvalSuiteConfig, documents: Mapping[str, Any], offline: bool
) -> dict[str, Callable[[], Task]]:
    """How to make each of the suite's tasks."""
    manager = TaskManager(include_defaults=False)
    match suite:
        case WorldSuiteConfig():
            from alpaca_exp.miniature.tasks import task_specs

            own = {spec["task"]: spec for spec in task_specs(suite.world, suite.tasks)}
        case InstructionSuiteConfig():
            from alpaca_exp.harness import instructions

            own = instructions.task_specs(suite, documents)
        case _:
            tasks = stock(suite).tasks
            return {
                name: _stock(manager, task, suite, documents.get(name), offline)
                for name, task in tasks.items()
            }
    return {name: _own(manager, name, own[name]) for name in suite.tasks}


def _own(manager: TaskManager, name: str, spec: Mapping[str, Any]) -> Callable[[], Task]:
    def make() -> Task:
        task = _built(manager, name, spec, local=True)
        if task.get_config("num_fewshot") is None:
            task.set_config(key="num_fewshot", value=0)
        return task

    return make


def _stock(
    manager: TaskManager, told: StockTask, suite: EvalSuiteConfig, mirrored: Mirrored | None, offline: bool
) -> Callable[[], Task]:
    def make() -> Task:
        if offline and not mirrored and told.config.get("dataset_path"):
            raise InputError(
                f"runtime.offline is true, but the documents of the task {told.name} are on the hub; set "
                "eval_suite.mirror to a folder that holds them"
            )
        shots = shots_of(told, suite)
        changed = {key: _called(value) for key, value in told.changed.items()}
        changed |= _from_mirror(told, shots, mirrored) if mirrored else {}
        if told.file is None:
            spec = {**{key: _called(value) for key, value in told.config.items()}, **changed}
        else:
            kind = Kind.PY_TASK if "class" in told.config else Kind.TASK
            manager.task_index[told.name] = Entry(told.name, kind, told.file)
            spec = {"group": "alpaca_exp", "task": [{**changed, "task": told.name}]}
        task = _built(manager, told.name, spec, local=mirrored is not None)
        task.set_config(key="num_fewshot", value=shots)
        _check_shots(told, task, suite)
        if not _looked_at(told, mirrored):
            check_labels(told.name, task)
        return task

    return make


def _looked_at(told: StockTask, mirrored: Mirrored | None) -> bool:
    """Whether every label was looked at before loading, or the hub's own are known to be right."""
    if mirrored is None:
        return bool(read_columns(told))
    files = (file for each in mirrored.splits.values() for file in each)
    return all(looks_at_rows(told, file, typed=mirrored.types is not None) for file in files)


def _from_mirror(told: StockTask, shots: int, mirrored: Mirrored) -> dict[str, Any]:
    """What a stock task is told so that it reads the mirror; its definition stays as it is.

    Splits that the mirror lacks are none to it, and without solved examples none are looked for: lm-eval
    would prepare all documents a second time to draw them from.
    """
    config = told.config.get("dataset_name")
    changed: dict[str, Any] = {"custom_dataset": reader(told.name, mirrored, config, read_columns(told))}
    kinds = ("training", "validation", "test", "fewshot") if shots else ("training", "validation", "test")
    for kind in kinds:
        if told.config.get(f"{kind}_split") not in mirrored.splits:
            changed[f"{kind}_split"] = None
    if not shots:
        changed |= {"fewshot_split": None, "fewshot_config": {"samples": []}}
    return changed


def _called(value: Any) -> Any:
    """A group's changes with the functions that they name."""
    match value:
        case Function():
            return _import_func_in_yml(value.name, value.folder)
        case list():
            return [_called(item) for item in value]
        case dict():
            return {key: _called(item) for key, item in value.items()}
    return value


def _built(manager: TaskManager, name: str, spec: Mapping[str, Any], *, local: bool) -> Task:
    try:
        task: Task = manager.load(dict(spec))["tasks"][name]
    except AlpacaExpError:
        raise
    except Exception as error:  # whatever a task's own code raises on documents that it was not made for
        kind = _Unreachable if isinstance(error, ConnectionError) and not local else InputError
        raise kind(_loading_problem(name, local, error)) from error
    return task


class _Unreachable(InputError):
    """The hub cannot be asked."""


def _checked(name: str, task: Task) -> Task:
    if missing := _missing_columns(task):
        raise InputError(
            f"the documents of the task {name} lack {', '.join(sorted(missing))}; they have "
            f"{', '.join(task.features)}"
        )
    if getattr(task, "UNSAFE_CODE", False) or getattr(task, "MULTIMODAL", False):
        raise InputError(f"the task {name} runs generated code or shows pictures; this harness does neither")
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
    if isinstance(error, (KeyError, UndefinedError)):
        column = reason.removesuffix(" is undefined")
        return f"the documents of the task {name} lack the column {column}, which it reads"
    if local and isinstance(error, IndexError):
        return (
            f"the task {name} has a document whose label or list does not suit it ({reason}); mend its files"
        )
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
    chooses = task.OUTPUT_TYPE == "multiple_choice" and config.process_results is None
    if isinstance(target, str) and target.isidentifier() and chooses:
        variables.add(target)
    return variables - set(task.features)


def _check_shots(told: StockTask, task: Task, suite: EvalSuiteConfig) -> None:
    """Raises InputError for too few solved examples, at which lm-eval would stop without a sentence."""
    shots = shots_of(told, suite)
    if not shots or not hasattr(task, "sampler"):
        return
    itself = fewshot_split(told) is not None and fewshot_split(told) == task.config.test_split
    solved = len(task.sampler.df) - itself
    if solved < shots:
        raise InputError(few(told, suite, solved))
