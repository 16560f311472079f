"""What a suite would end with is told before anything runs: its metrics, shots, answers that are too long."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from alpaca_exp.compose import compose
from alpaca_exp.errors import ConfigError
from alpaca_exp.harness.foretold import DEFAULT_METRICS, suite_obstacles, suite_remarks, too_short
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.plan import plan
from alpaca_exp.readiness import obstacles, remarks
from alpaca_exp.schemas import (
    ConfiguredModelConfig,
    EvalSuiteConfig,
    FileModelConfig,
    InstructionSuiteConfig,
    PretrainedModelConfig,
    WorldConfig,
    WorldSuiteConfig,
)
from tests.mirrors import write_mirror


def file_model(context: int) -> FileModelConfig:
    return FileModelConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=context,
    )


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        (
            EvalSuiteConfig(tasks=["hellaswag"], understanding=["hellaswag.acc_nrm"]),
            "eval_suite names the metric hellaswag.acc_nrm, but the task hellaswag measures acc, acc_norm",
        ),
        (
            EvalSuiteConfig(tasks=["mmlu"], understanding=["mmlu.acc_norm"]),
            "eval_suite names the metric mmlu.acc_norm, but the task mmlu measures acc",
        ),
        (
            WorldSuiteConfig(tasks=["world_facts"], understanding=["world_facts.mc1"], world=WorldConfig()),
            "eval_suite names the metric world_facts.mc1, but the task world_facts measures acc, acc_norm",
        ),
    ],
)
def test_a_misspelt_metric_is_said_at_once(suite: EvalSuiteConfig, said: str) -> None:
    assert list(suite_obstacles(suite)) == [said]


@pytest.mark.parametrize("option", ["paper", "knowledge", "traits", "truthfulness", "local", "miniature"])
def test_the_suites_name_only_metrics_that_there_are(option: str) -> None:
    config = compose([f"eval_suite={option}"])
    assert list(suite_obstacles(config.eval_suite)) == []


def test_the_metrics_of_a_task_that_names_none_are_lm_eval_s() -> None:
    from lm_eval.api.registry import DEFAULT_METRIC_REGISTRY

    assert {kind: list(names) for kind, names in DEFAULT_METRICS.items()} == DEFAULT_METRIC_REGISTRY


def test_a_misspelt_metric_stops_the_plan(tmp_path: Path) -> None:
    mirror = write_mirror(tmp_path / "mirror")
    config = compose(["preset=local", "+experiment=base", "eval_suite.understanding=[hellaswag.acc_nrm]"])
    suite = replace(config.eval_suite, mirror=mirror)
    config = replace(config, eval_suite=suite, runtime=replace(config.runtime, outputs=tmp_path))
    said = [problem for problem in obstacles(plan(config), config) if "eval_suite" in problem]
    assert said == [
        "eval_suite names the metric hellaswag.acc_nrm, but the task hellaswag measures acc, acc_norm"
    ]


def test_answers_that_alone_fill_the_context_are_said_with_the_setting_that_mends_it(tmp_path: Path) -> None:
    suite = InstructionSuiteConfig(tasks=list(InstructionSuiteConfig.TASKS))
    assert too_short(suite, file_model(512)) == [
        "the task user_oriented_instructions writes up to 512 tokens, but the model reads 512 in all; set "
        "base_model.max_position_embeddings to more, lower eval_suite.user_max_tokens, or leave the task out "
        "of eval_suite.tasks"
    ]
    assert too_short(suite, file_model(513)) == []
    stock = EvalSuiteConfig(tasks=["truthfulqa_gen", "piqa"])
    assert "truthfulqa_gen writes up to 256 tokens" in too_short(stock, file_model(256))[0]
    (tmp_path / "config.json").write_text(json.dumps({"max_position_embeddings": 128}))
    (said,) = too_short(stock, PretrainedModelConfig(path=str(tmp_path)))
    assert "the model reads 128 in all; take a model with a longer context" in said
    assert too_short(stock, ConfiguredModelConfig(config={"model_type": "gpt2", "n_positions": 64}))
    assert too_short(stock, PretrainedModelConfig(path="some/model")) == []


def test_a_misspelt_name_among_the_shots_is_answered_with_the_suite_s_own() -> None:
    said = list(suite_obstacles(EvalSuiteConfig(tasks=["piqa"], shots={"pika": 3})))
    assert said == ["eval_suite.shots names pika, and lm-eval has no task pika; did you mean piqa?"]


def test_shots_of_a_task_that_is_not_asked_are_remarked_upon() -> None:
    suite = EvalSuiteConfig(tasks=["piqa", "mmlu"], shots={"arc_easy": 5, "piqa": 1, "mmlu_stem": 2})
    assert [said.partition(",")[0] for said in suite_remarks(suite)] == ["eval_suite.shots names arc_easy"]
    config = compose(["eval_suite=knowledge", "eval_suite.tasks=[arc_easy]"])
    assert any("eval_suite.shots names mmlu" in remark for remark in remarks(config))
    misspelt = EvalSuiteConfig(tasks=["piqaa"], shots={"piqa": 5})
    assert list(suite_remarks(misspelt)) == []


@pytest.mark.parametrize(
    ("told", "setting"),
    [({"shots": {"piqa": 9}}, "eval_suite.shots.piqa="), ({"num_fewshot": 9}, "eval_suite.num_fewshot=")],
)
def test_too_few_solved_examples_are_said_before_any_work_with_the_setting_that_asks_for_them(
    told: dict[str, object], setting: str, tmp_path: Path
) -> None:
    mirror = write_mirror(tmp_path)
    suite = EvalSuiteConfig(tasks=["piqa"], mirror=mirror, **told)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=rf"no train\.jsonl .* or set {setting}0"):
        mirror_files(suite)
    rows = (mirror / "piqa" / "validation.jsonl").read_text()
    (mirror / "piqa" / "train.jsonl").write_text(rows)
    with pytest.raises(ConfigError, match=f"piqa is to show 9 solved .* there are 8; set {setting}8 or less"):
        mirror_files(suite)
