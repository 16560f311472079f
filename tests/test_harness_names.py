"""lm-eval's tasks, groups and tags by their names, and the data sets that they read."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpaca_exp.errors import ConfigError
from alpaca_exp.harness.names import resolve, task_collection
from alpaca_exp.harness.needs import needed_datasets, shots_of, stock
from alpaca_exp.schemas import EvalSuiteConfig


def test_a_task_is_found_where_lm_eval_defines_it() -> None:
    tasks = resolve(["boolq", "piqa", "truthfulqa_mc1"]).tasks
    folders = [task.file.parent for task in tasks.values() if task.file]
    stock = task_collection()
    assert folders == [stock / "super_glue" / "boolq", stock / "piqa", stock / "truthfulqa"]


def test_every_unknown_task_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(["piqa", "hellaswagg", "winogrannde"])
    assert caught.value.problems == [
        "lm-eval has no task hellaswagg; did you mean hellaswag?",
        "lm-eval has no task winogrannde; did you mean winogrande?",
    ]


def test_a_group_stands_for_its_tasks_and_a_tag_for_those_that_bear_it() -> None:
    mmlu = resolve(["mmlu"])
    assert len(mmlu.tasks) == 57
    assert [(group.name, len(group.tasks)) for group in mmlu.groups] == [
        ("mmlu", 57), ("mmlu_stem", 19), ("mmlu_other", 13),
        ("mmlu_social_sciences", 12), ("mmlu_humanities", 13),
    ]  # fmt: skip
    assert mmlu.tasks["mmlu_anatomy"].within == ("mmlu", "mmlu_stem", "mmlu_stem_tasks")
    arc = resolve(["ai2_arc"])
    assert (list(arc.tasks), arc.groups) == (["arc_challenge", "arc_easy"], ())


def test_what_a_group_changes_in_a_task_is_kept() -> None:
    task = resolve(["openllm"]).tasks["arc_challenge"]
    assert task.changed["num_fewshot"] == 25
    assert task.config["dataset_name"] == "ARC-Challenge"
    with pytest.raises(ConfigError, match="names arc_challenge twice, and openllm changes it"):
        resolve(["arc_challenge", "openllm"])


def test_the_number_of_solved_examples_is_the_nearest_that_was_told() -> None:
    tasks = resolve(["mmlu", "truthfulqa_mc1", "gsm8k", "piqa"]).tasks
    suite = EvalSuiteConfig(
        tasks=["mmlu"], num_fewshot=2, shots={"mmlu": 5, "mmlu_stem": 4, "mmlu_anatomy": 3}
    )
    names = ("mmlu_anatomy", "mmlu_astronomy", "mmlu_virology", "gsm8k", "truthfulqa_mc1")
    assert [shots_of(tasks[name], suite) for name in names] == [3, 4, 5, 2, 0]
    plain = EvalSuiteConfig(tasks=["mmlu"])
    assert [shots_of(tasks[name], plain) for name in ("mmlu_anatomy", "gsm8k", "piqa")] == [0, 5, 0]


def test_a_misspelt_name_among_the_shots_is_said() -> None:
    with pytest.raises(ConfigError, match=r"eval_suite\.shots names mmllu.*did you mean mmlu\?"):
        stock(EvalSuiteConfig(tasks=["mmlu"], shots={"mmllu": 5}))


def test_tasks_over_the_same_documents_share_a_folder_and_solved_examples_want_their_split() -> None:
    suite = EvalSuiteConfig(
        tasks=[
            "truthfulqa_mc1",
            "truthfulqa_mc2",
            "winogender_all",
            "winogender_male",
            "mmlu_anatomy",
            "piqa",
        ],
        shots={"mmlu_anatomy": 5},
    )
    needed = {each.task: each for each in needed_datasets(suite)}
    assert [each.folder for each in needed.values()] == [
        "truthfulqa_mc", "truthfulqa_mc", "winogender/all", "winogender/all", "mmlu_anatomy", "piqa",
    ]  # fmt: skip
    anatomy = needed["mmlu_anatomy"]
    assert (anatomy.path, anatomy.name) == ("cais/mmlu", "anatomy")
    assert anatomy.splits == {"test": "test", "dev": "dev"}
    assert needed["piqa"].splits == {"validation": "validation"}


@pytest.mark.long
def test_every_name_of_lm_eval_s_stands_for_what_lm_eval_takes_it_for() -> None:
    """Of its collection of tasks: names, tags and groups, of which those load that lm-eval can load."""
    from lm_eval.tasks import TaskManager
    from lm_eval.tasks._index import Kind

    manager = TaskManager()
    for name, entry in manager.task_index.items():
        if entry.kind is Kind.TAG:
            leaves = {leaf for member in entry.tags for leaf in resolve([member]).tasks}
            assert set(resolve([name]).tasks) == leaves, name
        elif entry.kind is not Kind.GROUP:
            assert [task.file for task in resolve([name]).tasks.values()] == [Path(str(entry.yaml_path))], (
                name
            )
