"""The score of a group, against what lm-eval's own evaluator makes of the same answers."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import pytest
from lm_eval.api.model import LM
from lm_eval.evaluator import simple_evaluate
from lm_eval.tasks import TaskManager

from alpaca_exp.harness.groups import group_rows
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.harness.names import resolve
from alpaca_exp.harness.quiet import muted
from alpaca_exp.harness.results import score_rows
from alpaca_exp.harness.tasks import load_tasks
from alpaca_exp.records import Score, write_jsonl
from alpaca_exp.schemas import EvalSuiteConfig
from tests.mirrors import MORE

ANATOMY = MORE["mmlu_anatomy"][3]


class Guesser(LM):  # type: ignore[misc]
    """Answers any request in a way that its text alone decides."""

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        return [(-float(zlib.crc32(repr(request.args).encode()) % 997), False) for request in requests]

    def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
        raise AssertionError("no task here asks for it")

    def generate_until(self, requests: list[Any]) -> list[str]:
        raise AssertionError("no task here asks for it")


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> EvalSuiteConfig:
    """MMLU with three to nine documents a task."""
    mirror = tmp_path_factory.mktemp("mirror")
    for place, name in enumerate(resolve(["mmlu"]).tasks):
        (mirror / name).mkdir()
        rows = ({**ANATOMY(i % 8), "question": f"{name} {i}?"} for i in range(3 + place % 7))
        write_jsonl(rows, mirror / name / "test.jsonl")
    return EvalSuiteConfig(tasks=["mmlu"], mirror=mirror)


@pytest.fixture(scope="module")
def theirs(suite: EvalSuiteConfig) -> dict[str, Any]:
    """lm-eval's results of all tasks and groups, from the same documents."""
    from lm_eval.api.group import Group
    from lm_eval.config.group import GroupConfig

    tasks = load_tasks(suite, mirror_files(suite), offline=True)
    found: list[Any] = []
    for told in resolve(suite.tasks).groups:
        fields = {key: value for key, value in told.config.items() if key != "task"}
        group = Group.from_config(GroupConfig(**fields))
        for name in told.tasks:
            group.add(tasks[name])
        found.append(group)
    manager = TaskManager(include_defaults=False)
    with muted():
        results = simple_evaluate(model=Guesser(), tasks=found[:1], task_manager=manager)
    return {**results, "groups_found": found, "tasks": tasks}


def task_scores(theirs: dict[str, Any]) -> list[Score]:
    return [row for name, task in theirs["tasks"].items() for row in score_rows(name, task, theirs)]


def test_a_group_s_score_and_its_error_are_lm_eval_s(suite: EvalSuiteConfig, theirs: dict[str, Any]) -> None:
    (mmlu, *inner) = group_rows(suite, task_scores(theirs))
    of_theirs = theirs["results"]["mmlu"]
    assert mmlu.value == pytest.approx(of_theirs["acc,none"], abs=1e-12)
    assert mmlu.stderr == pytest.approx(of_theirs["acc_stderr,none"], abs=1e-12)
    assert (mmlu.task, mmlu.metric, mmlu.n) == ("mmlu", "acc", sum(3 + i % 7 for i in range(57)))
    assert (mmlu.chance, mmlu.task_version) == (pytest.approx(0.25), "2")
    for row, group in zip(inner, theirs["groups_found"][1:], strict=True):
        metrics = group.aggregate(theirs["results"])
        assert (row.task, row.value) == (group.name, pytest.approx(metrics["acc,none"], abs=1e-12))
        assert row.stderr == pytest.approx(metrics["acc_stderr,none"], abs=1e-12)


def test_a_plain_mean_over_tasks_has_its_own_error(theirs: dict[str, Any], monkeypatch: Any) -> None:
    from alpaca_exp.harness import groups

    (told, *_) = resolve(["mmlu"]).groups
    plain = {**told.config, "aggregate_metric_list": [{"metric": "acc", "weight_by_size": False}]}
    monkeypatch.setattr(groups, "groups_of", lambda suite: (replace(told, config=plain),))
    (row,) = group_rows(EvalSuiteConfig(tasks=["mmlu"]), task_scores(theirs))
    group = theirs["groups_found"][0]
    group.aggregate_metric_list[0].weight_by_size = False
    metrics = group.aggregate(theirs["results"])
    assert row.value == pytest.approx(metrics["acc,none"], abs=1e-12)
    assert row.stderr == pytest.approx(metrics["acc_stderr,none"], abs=1e-12)


def test_without_a_task_s_error_the_group_has_none(suite: EvalSuiteConfig, theirs: dict[str, Any]) -> None:
    first, *rest = task_scores(theirs)
    rows = group_rows(suite, [replace(first, stderr=None), *rest])
    assert {row.task: row.stderr is None for row in rows} == {
        "mmlu": True, "mmlu_stem": True, "mmlu_other": False, "mmlu_social_sciences": False,
        "mmlu_humanities": False,
    }  # fmt: skip
