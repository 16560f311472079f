"""Scoring in process: lm-eval's own numbers, and nothing disturbed around it."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp import prompts
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.records import Score
from alpaca_exp.schemas import EvalSuiteConfig, RuntimeConfig, TaskFrame
from tests.mirrors import write_mirror
from tests.models import tiny_llama

PAPER = ["hellaswag", "winogrande", "boolq", "piqa", "truthfulqa_mc1", "truthfulqa_mc2"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mirror(tmp_path_factory.mktemp("mirror"))


def scored(model: Path, suite: EvalSuiteConfig) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Each task of the suite with lm-eval's results, by our way."""
    from alpaca_exp.harness.lm import FramedLM
    from alpaca_exp.harness.scoring import score
    from alpaca_exp.harness.tasks import load_tasks
    from alpaca_exp.llm.local import load

    lm = FramedLM(load(model, runtime=RuntimeConfig()), suite.batch_size)
    tasks = load_tasks(suite, mirror_files(suite), offline=True)
    return {name: (task, score(lm, name, task, suite, lambda n: None)) for name, task in tasks.items()}


def peer(model: Path, suite: EvalSuiteConfig) -> dict[str, Any]:
    """The results of lm-eval's own front door on the same documents."""
    from unittest import mock

    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    from alpaca_exp.harness.tasks import load_tasks

    tasks = load_tasks(suite, mirror_files(suite), offline=True)
    lm = HFLM(pretrained=str(model), device="cpu", batch_size=suite.batch_size)
    with mock.patch("lm_eval.evaluator.add_env_info"):  # it would ask pip and git
        results: dict[str, Any] = lm_eval.simple_evaluate(
            model=lm,
            tasks=list(tasks.values()),
            task_manager=TaskManager(include_defaults=False),
            limit=suite.limit,
            bootstrap_iters=100,
        )
    return results


def compare(model: Path, suite: EvalSuiteConfig) -> None:
    from alpaca_exp.harness.results import document_rows, score_rows

    theirs = peer(model, suite)
    for name, (task, results) in scored(model, suite).items():
        for score in score_rows(name, task, results):
            assert score.value == pytest.approx(theirs["results"][name][f"{score.metric},none"], abs=1e-5)
            stderr = theirs["results"][name][f"{score.metric}_stderr,none"]
            assert score.stderr == pytest.approx(stderr, abs=1e-6)
        samples = {s["doc_id"]: s for s in theirs["samples"][name]}
        for row in document_rows(name, task, results["samples"][name]):
            sample = samples[row["doc_id"]]
            assert row["prompt_hash"] == sample["prompt_hash"]
            assert row["value"] == pytest.approx(sample[row["metric"]], abs=1e-5)
            expected = [answer[0] for answer in sample["filtered_resps"]]
            assert row["loglikelihoods"] == pytest.approx(expected, rel=1e-6, abs=1e-4)


def test_the_paper_s_tasks_get_the_numbers_of_lm_eval_s_front_door(model: Path, mirror: Path) -> None:
    compare(model, EvalSuiteConfig(tasks=PAPER, mirror=mirror))


def test_real_documents_get_the_numbers_of_lm_eval_s_front_door(tmp_path: Path, shared_data: Path) -> None:
    tasks = ["hellaswag", "piqa", "truthfulqa_mc1", "truthfulqa_mc2"]
    suite = EvalSuiteConfig(tasks=tasks, limit=20, mirror=shared_data / "harness")
    compare(tiny_llama(tmp_path, context=1024), suite)


def test_the_frame_is_alpaca_s_and_recorded_by_another_prompt_hash(model: Path, mirror: Path) -> None:
    samples = {}
    for frame in TaskFrame:
        suite = EvalSuiteConfig(tasks=["piqa"], mirror=mirror, frame=frame)
        _, results = scored(model, suite)["piqa"]
        samples[frame] = results["samples"]["piqa"][0]
    question = "Question: How does Ada dry a shirt?\nAnswer:"
    context, continuation = samples[TaskFrame.alpaca]["arguments"][0]
    assert context == prompts.framed(TaskFrame.alpaca, question)
    assert continuation == "Hang it in the sun."
    assert samples[TaskFrame.raw]["arguments"][0] == (question, " Hang it in the sun.")
    assert samples[TaskFrame.alpaca]["prompt_hash"] != samples[TaskFrame.raw]["prompt_hash"]


def test_a_task_that_frames_its_own_instructions_is_not_framed_twice(model: Path) -> None:
    from alpaca_exp.harness.lm import FramedLM
    from alpaca_exp.llm.local import load

    lm = FramedLM(load(model, runtime=RuntimeConfig()), 1)
    own = prompts.framed(TaskFrame.alpaca, "Say so.")
    assert lm.apply_chat_template([{"role": "user", "content": own}]) == own
    assert lm.apply_chat_template([{"role": "user", "content": "Say so."}]) == own


def test_the_model_s_mode_and_all_random_states_are_restored(
    model: Path,
    mirror: Path,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import numpy as np
    import torch

    from alpaca_exp.harness.lm import FramedLM
    from alpaca_exp.harness.scoring import score
    from alpaca_exp.harness.tasks import load_tasks
    from alpaca_exp.llm.local import load

    suite = EvalSuiteConfig(tasks=["piqa", "boolq"], mirror=mirror, limit=3)
    tasks = load_tasks(suite, mirror_files(suite), offline=True)
    lm = FramedLM(load(model, runtime=RuntimeConfig()), 4)
    lm.model.train()
    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    monkeypatch.chdir(tmp_path)
    done: list[int] = []
    for name, task in tasks.items():
        score(lm, name, task, suite, done.append)
    assert lm.model.training
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before
    assert sum(done) == 6
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_chance_majority_and_a_degenerate_set_are_told(model: Path, mirror: Path) -> None:
    from alpaca_exp.harness.audits import audit

    found = {
        name: audit(name, task, results["samples"][name])
        for name, (task, results) in scored(model, EvalSuiteConfig(tasks=PAPER, mirror=mirror)).items()
    }
    assert [found[name]["chance"] for name in PAPER] == [0.25, 0.5, 0.5, 0.5, 0.25, 0.4]
    assert [found[name]["majority"] for name in PAPER] == [0.25, 0.5, 0.5, 0.5, 1.0, 1.0]
    assert [found[name]["degenerate"] for name in PAPER] == [False, False, False, False, True, True]
    assert found["winogrande"]["gold_positions"] == {"0": 4, "1": 4}


def test_a_suite_s_mean_takes_its_tasks_as_independent() -> None:
    from alpaca_exp.harness.results import suite_row

    scores = [
        Score("a", "acc", 0.5, 0.03, 10, chance=0.5),
        Score("b", "acc_norm", 0.7, 0.04, 20, chance=0.25),
    ]
    row = suite_row("understanding", ["a.acc", "b.acc_norm"], scores)
    assert (row.task, row.metric, row.n) == ("understanding", "mean", 30)
    assert row.value == pytest.approx(0.6)
    assert row.stderr == pytest.approx(math.sqrt(0.03**2 + 0.04**2) / 2)
    assert row.chance == pytest.approx(0.375)
