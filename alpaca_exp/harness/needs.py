"""What documents a suite's stock tasks read: whose data sets, which splits, and where a mirror keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from alpaca_exp.errors import ConfigError, InputError
from alpaca_exp.harness.names import Resolved, StockTask, check_name, resolve
from alpaca_exp.schemas import EvalSuiteConfig, InstructionSuiteConfig, WorldSuiteConfig

SHARED_FOLDERS = {"truthfulqa_mc1": "truthfulqa_mc", "truthfulqa_mc2": "truthfulqa_mc"}
"""Tasks over the same documents, which lie in a folder of neither's name."""


@dataclass(frozen=True)
class NeededDataset:
    """What a mirror must hold for a task, and where the hub has it."""

    task: str
    folder: str
    """The task's folder in a mirror; tasks over the same documents share one."""
    path: str
    """The data set on the hub."""
    name: str | None
    """Its configuration."""
    splits: Mapping[str, str] = field(hash=False)
    """File in the mirror, without its ending -> split on the hub."""
    revision: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What else lm-eval hands to `load_dataset`."""


def needed_datasets(suite: EvalSuiteConfig) -> list[NeededDataset]:
    """One for each of the suite's stock tasks that reads a data set of the hub.

    A folder is named after the task, or after the data set where several of the suite's tasks share it. A
    task whose documents lm-eval's own code makes or fetches is left out. Raises ConfigError for an unknown
    name.
    """
    if isinstance(suite, (WorldSuiteConfig, InstructionSuiteConfig)) or not suite.tasks:
        return []
    tasks = [task for task in stock(suite).tasks.values() if reads_the_hub(task)]
    sharing: dict[tuple[str, str], list[StockTask]] = {}
    for task in tasks:
        sharing.setdefault(_source(task), []).append(task)
    return [_needed(task, sharing[_source(task)], suite) for task in tasks]


def stock(suite: EvalSuiteConfig) -> Resolved:
    """The stock tasks and groups of the suite.

    Raises ConfigError with a sentence for each name in `tasks` and in `shots` that lm-eval does not know.
    """
    problems: list[str] = []
    try:
        found = resolve(suite.tasks)
    except ConfigError as error:
        problems += error.problems
        found = Resolved({}, ())
    own = _names(suite, found)
    for name in suite.shots:
        try:
            check_name(name.partition("::")[0])
        except InputError as error:
            near = get_close_matches(name, own, n=1)
            said = f"lm-eval has no task {name}; did you mean {near[0]}?" if near else str(error)
            problems.append(f"eval_suite.shots names {name}, and {said}")
    if problems:
        raise ConfigError(problems)
    return found


def idle_shots(suite: EvalSuiteConfig) -> list[str]:
    """The names in `shots` that no task, group or tag of the suite bears: they change nothing.

    Raises ConfigError as `stock` does.
    """
    own = _names(suite, stock(suite)) if suite.shots else ()
    return [name for name in suite.shots if name not in own]


def _names(suite: EvalSuiteConfig, found: Resolved) -> list[str]:
    """What the suite's tasks can be called: by their names, or by what they were named by."""
    within = (name for task in found.tasks.values() for name in task.within)
    return list(dict.fromkeys((*suite.tasks, *found.tasks, *within)))


def _needed(task: StockTask, sharing: list[StockTask], suite: EvalSuiteConfig) -> NeededDataset:
    config, shared = task.config, len(sharing) > 1
    options = {key: value for key, value in (config.get("dataset_kwargs") or {}).items() if value is not None}
    options.pop("trust_remote_code", None)
    revision = options.pop("revision", None)
    path, name = config["dataset_path"], config.get("dataset_name")
    splits = {split: split for each in sharing for split in splits_of(each, shots_of(each, suite))}
    plain = [path.rpartition("/")[2], *([name] if name else [])]
    folder = SHARED_FOLDERS.get(task.name) or (
        "/".join(plain) if shared and not (options or revision) else task.name
    )
    return NeededDataset(task.name, folder, path, name, splits, revision, options)


def reads_the_hub(task: StockTask) -> bool:
    """Whether the documents are a data set that is named, not what code of lm-eval's makes or fetches."""
    return isinstance(task.config.get("dataset_path"), str) and not task.config.get("custom_dataset")


def _source(task: StockTask) -> tuple[str, str]:
    """What tasks have in common that read the same documents."""
    config = task.config
    return str(config["dataset_path"]), repr((config.get("dataset_name"), config.get("dataset_kwargs")))


def splits_of(task: StockTask, shots: int) -> tuple[str, ...]:
    """The split that is scored, then, with solved examples, the one from which they are drawn."""
    solved = fewshot_split(task) if shots else None
    return tuple(dict.fromkeys(split for split in (scored_split(task), solved) if split))


def scored_split(task: StockTask) -> str | None:
    """The split that lm-eval scores."""
    return task.config.get("test_split") or task.config.get("validation_split")


def fewshot_split(task: StockTask) -> str | None:
    """Where lm-eval draws a task's solved examples; None where they stand in its definition."""
    config = task.config
    own = config.get("fewshot_config") or {}
    if split := own.get("split") or config.get("fewshot_split"):
        return str(split)
    if own.get("samples") is not None:
        return None
    kinds = ("training", "validation", "test")
    return next((config[f"{kind}_split"] for kind in kinds if config.get(f"{kind}_split")), None)


def shots_of(task: StockTask, suite: EvalSuiteConfig) -> int:
    """The number of solved examples before a question of `task`.

    `eval_suite.shots` of the task, or of the innermost group that names it; else `eval_suite.num_fewshot`;
    else what its definition says, or none. As in lm-eval, a task defined to have none keeps none.
    """
    own = task.config.get("num_fewshot")
    if own == 0:
        return 0
    told = suite.num_fewshot if (name := _told_by(task, suite)) is None else suite.shots[name]
    return int(told if told is not None else own or 0)


def shots_setting(task: StockTask, suite: EvalSuiteConfig) -> str:
    """The setting that has the number of solved examples before a question of `task`, up to its value."""
    name = _told_by(task, suite)
    return "eval_suite.num_fewshot=" if name is None else f"eval_suite.shots.{name}="


def _told_by(task: StockTask, suite: EvalSuiteConfig) -> str | None:
    """The name in `shots` that counts for the task."""
    return next((name for name in (task.name, *reversed(task.within)) if name in suite.shots), None)
