"""lm-eval's stock tasks with documents from a mirror."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.harness.names import task_collection, task_folders
from alpaca_exp.harness.tasks import load_tasks
from alpaca_exp.schemas import EvalSuiteConfig
from tests.mirrors import write_mirror

PAPER = ["hellaswag", "winogrande", "boolq", "piqa", "truthfulqa_mc1", "truthfulqa_mc2"]


def suite_on(mirror: Path, tasks: list[str], **fields: object) -> EvalSuiteConfig:
    return EvalSuiteConfig(tasks=tasks, mirror=mirror, **fields)  # type: ignore[arg-type]


def test_the_paper_s_tasks_load_from_a_mirror_in_their_order(tmp_path: Path) -> None:
    suite = suite_on(write_mirror(tmp_path), PAPER)
    tasks = load_tasks(suite, mirror_files(suite), offline=True)
    assert list(tasks) == PAPER
    assert [len(task.task_docs) for task in tasks.values()] == [8] * len(PAPER)
    first = tasks["hellaswag"].task_docs[0]
    assert first["query"] == "Baking bread: Ada takes a knife. Then he"
    assert first["choices"][0] == "cuts the bread. and eats it."
    assert (
        tasks["boolq"].doc_to_text(tasks["boolq"].task_docs[0]).endswith("Question: is Ada a cat?\nAnswer:")
    )


def test_a_task_s_folder_is_found_by_its_name_without_reading_all_of_them() -> None:
    assert task_folders(["boolq", "piqa", "truthfulqa_mc1", "truthfulqa_mc2"]) == [
        task_collection() / "super_glue" / "boolq",
        task_collection() / "piqa",
        task_collection() / "truthfulqa",
    ]


def test_an_unknown_task_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="no task hellaswagg; did you mean hellaswag"):
        task_folders(["piqa", "hellaswagg"])


def test_a_group_of_tasks_is_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match="mmlu is a group"):
        load_tasks(EvalSuiteConfig(tasks=["mmlu"]), {}, offline=False)


def test_a_metric_that_the_task_does_not_measure_is_named(tmp_path: Path) -> None:
    suite = suite_on(write_mirror(tmp_path), ["boolq"], understanding=["boolq.acc_norm"])
    with pytest.raises(InputError, match="boolq measures acc"):
        load_tasks(suite, mirror_files(suite), offline=True)


def test_a_column_that_is_missing_is_named_for_a_task_that_no_list_knows(tmp_path: Path) -> None:
    (tmp_path / "copa").mkdir()
    (tmp_path / "copa" / "validation.jsonl").write_text('{"premise": "p", "choice1": "a", "choice2": "b"}\n')
    suite = suite_on(tmp_path, ["copa"])
    with pytest.raises(InputError, match=r"copa lack.*question"):
        load_tasks(suite, mirror_files(suite), offline=True)


def test_without_mirror_and_network_the_task_and_the_remedy_are_named() -> None:
    suite = EvalSuiteConfig(tasks=["piqa"])
    with pytest.raises(InputError, match=r"piqa are on the hub.*eval_suite\.mirror"):
        load_tasks(suite, {}, offline=True)
    with pytest.raises(InputError, match=r"piqa cannot be had from the hub.*eval_suite\.mirror"):
        load_tasks(suite, {}, offline=False)


def test_solved_examples_come_from_the_mirror_s_own_file(tmp_path: Path) -> None:
    mirror = write_mirror(tmp_path)
    suite = suite_on(mirror, ["piqa"], num_fewshot=2)
    with pytest.raises(InputError, match=r"no train\.jsonl"):
        load_tasks(suite, mirror_files(suite), offline=True)
    train = mirror / "piqa" / "train.jsonl"
    train.write_text((mirror / "piqa" / "validation.jsonl").read_text().replace("shirt", "sock"))
    task = load_tasks(suite, mirror_files(suite), offline=True)["piqa"]
    prompt = task.fewshot_context(task.task_docs[0], 2)
    assert prompt.count("dry a sock?") == 2
    assert prompt.endswith("Question: How does Ada dry a shirt?\nAnswer:")


def test_loading_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    suite = suite_on(write_mirror(tmp_path), PAPER)
    load_tasks(suite, mirror_files(suite), offline=True)
    assert capfd.readouterr() == ("", "")
