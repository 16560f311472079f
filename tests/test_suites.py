"""Every stock suite of conf/eval_suite runs whole from a mirror and gives the metrics that it names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alpaca_exp.artifacts import Artifact
from alpaca_exp.compose import compose
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.harness.names import resolve
from alpaca_exp.records import Row, read_jsonl
from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.stages.evaluate import evaluate
from tests.mirrors import MORE, write_mirror, write_plain
from tests.models import tiny_llama

METRICS = {
    "understanding": [
        "hellaswag.acc_norm", "winogrande.acc", "boolq.acc", "piqa.acc_norm", "understanding.mean",
    ],
    "truthfulness": [
        "truthfulqa_mc1.acc", "truthfulqa_mc2.acc", "truthfulqa_gen.bleu_acc", "truthfulqa_gen.rouge1_acc",
        "truthfulqa_gen.rouge2_diff", "truthfulqa_gen.rougeL_max", "truthfulness.mean",
    ],
    "knowledge": [
        "arc_easy.acc_norm", "arc_challenge.acc_norm", "openbookqa.acc_norm", "mmlu_anatomy.acc",
        "mmlu_stem.acc", "mmlu.acc",
    ],
    "traits": [
        "crows_pairs_english.pct_stereotype", "crows_pairs_english.likelihood_diff", "winogender_all.acc",
        "simple_cooccurrence_bias.pct_male_preferred", "simple_cooccurrence_bias.likelihood_diff",
        "toxigen.acc",
    ],
}  # fmt: skip
"""By suite, what README and its own file promise."""


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_mirror(tmp_path_factory.mktemp("mirror"))
    for task in MORE:
        write_plain(folder, task)
    for task in resolve(["mmlu"]).tasks:
        (folder / task).mkdir(exist_ok=True)
        for split in ("test", "dev"):
            lines = (folder / "mmlu_anatomy" / "test.jsonl").read_text()
            (folder / task / f"{split}.jsonl").write_text(lines)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("train") / "0123456789abcdef"
    tiny_llama(folder / "model", context=2048)
    return Artifact(folder)


@pytest.mark.parametrize("name", METRICS)
def test_a_suite_gives_the_metrics_that_it_is_for(
    name: str, mirror: Path, model: Artifact, tmp_path: Path
) -> None:
    suite = replace(compose([f"eval_suite={name}"]).eval_suite, mirror=mirror, limit=2)
    runtime = RuntimeConfig(offline=True)
    evaluate(suite, mirror_files(suite), "0", model=model, runtime=runtime, out=tmp_path)
    scores: dict[str, Row] = {
        f"{row['task']}.{row['metric']}": row for row in read_jsonl(tmp_path / "scores.jsonl")
    }
    assert set(METRICS[name]) <= set(scores)
    assert all(scores[metric]["stderr"] is not None for metric in METRICS[name])
    if name == "knowledge":
        prompts = {row["task"]: row for row in read_jsonl(tmp_path / "documents.jsonl")}
        assert (len(prompts), scores["mmlu.acc"]["n"]) == (60, 57 * 2)
