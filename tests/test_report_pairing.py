"""What the report compares document by document, what it refuses to, and the warnings that it passes on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.records import Row, write_json, write_jsonl
from tests.made_outputs import Outputs, report

ASKED = {
    "frame": "raw",
    "num_fewshot": None,
    "fewshot_seed": 1234,
    "limit": None,
    "backend": "transformers",
    "lm_eval": "0.4.13",
}
TASK = {
    "task": "piqa", "task_version": "1.0", "num_fewshot": 0, "prompts": "p", "n": 20, "degenerate": False,
    "truncated": 0, "empty_generations": None, "metrics": {"acc": {"stderr": "analytic"}}, "flags": [],
}  # fmt: skip


def measured(outputs: Outputs, variant: str, values: Sequence[float], seed: int = 0, **told: Any) -> None:
    """A run of `variant` whose evaluation scored piqa's documents; `told` changes what its audit says."""
    name = f"{variant}small{seed}"
    artifacts = {"evaluate": f"e-{name}", **({} if variant == "base" else {"train": f"t-{name}"})}
    outputs.run(variant, seed=seed, overrides=[f"seed={seed}"], artifacts=artifacts)
    task = TASK | {key: value for key, value in told.items() if key in TASK}
    asked = ASKED | {key: value for key, value in told.items() if key in ASKED}
    score = {
        "task": "piqa", "metric": "acc", "filter": "none", "value": sum(values) / len(values),
        "stderr": 0.1, "n": len(values), "higher_is_better": True, "chance": 0.5, "task_version": "1.0",
    }  # fmt: skip
    rows = [
        {
            "task": "piqa",
            "doc_id": n,
            "doc_hash": f"d{n}",
            "prompt_hash": f"p{n}",
            "metric": "acc",
            "value": one,
        }
        for n, one in enumerate(values)
    ]
    path = outputs.artifact(
        "evaluate", f"e-{variant}small{seed}", {"suite": {}}, scores=[score], documents=rows
    )
    write_json({**asked, "tasks": [task]}, path / "audit.json")


OURS, THEIRS = [1.0, 0.0] * 9 + [1.0, 1.0], [1.0, 0.0] * 10


def told(capsys: pytest.CaptureFixture[str], outputs: Outputs, words: str = "--metrics piqa.acc") -> str:
    return report(capsys, outputs, f"{words} --baseline base")


def test_what_was_asked_alike_is_paired_document_by_document(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    measured(outputs, "tuned", OURS)
    measured(outputs, "base", THEIRS)
    assert "Δ +0.050 [-0.055, +0.155]° |" in told(capsys, outputs)


@pytest.mark.parametrize(
    ("otherwise", "reason"),
    [
        ({"frame": "alpaca"}, "raw prompt against Alpaca frame"),
        ({"limit": 100}, "all documents against 100 documents a task"),
        ({"lm_eval": "0.4.12"}, "lm-eval 0.4.13 against 0.4.12"),
        ({"backend": "vllm"}, "scored by transformers against vllm"),
        ({"num_fewshot": 5}, "0 against 5 solved examples before a question"),
        ({"task_version": "2.0"}, "version 1.0 of piqa against 2.0"),
        ({"prompts": "q"}, "other documents or prompts in piqa"),
    ],
)
def test_what_was_asked_otherwise_has_no_difference_and_the_table_says_why(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, otherwise: Row, reason: str
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    measured(outputs, "tuned", OURS)
    measured(outputs, "base", THEIRS, **otherwise)
    text = told(capsys, outputs)
    assert "Δ +" not in text
    assert f"- tuned and base cannot be paired in piqa.acc: {reason}." in text
    rows = csv.DictReader(
        io.StringIO(told(capsys, outputs, "--metrics piqa.acc --format csv").partition("\n")[2])
    )
    assert [row["warnings"] for row in rows if row["experiment"] == "tuned"] == [f"not paired: {reason}"]


@pytest.mark.parametrize(
    ("otherwise", "rows"),
    [
        ({"frame": "alpaca"}, ("frame=alpaca", "frame=raw")),
        ({"limit": 30}, ("limit=30", "limit=all")),
        ({"num_fewshot": 5}, ("num_fewshot=0", "num_fewshot=5")),
        ({"lm_eval": "0.4.12"}, ("lm_eval=0.4.12", "lm_eval=0.4.13")),
        ({"backend": "vllm"}, ("backend=transformers", "backend=vllm")),
        ({"prompts": "q"}, ("documents=", "documents=")),
    ],
)
def test_what_was_asked_otherwise_is_a_row_of_its_own_that_says_in_what(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, otherwise: Row, rows: tuple[str, str]
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    measured(outputs, "tuned", OURS)
    measured(outputs, "tuned", THEIRS, seed=1, **otherwise)
    outputs.run("tuned", seed=2, artifacts={}, status="failed")
    text = report(capsys, outputs, "--metrics piqa.acc")
    labels = sorted(line.split(" | ")[0] for line in text.splitlines() if line.startswith("| tuned"))
    assert len(labels) == 2 and all(
        f"| tuned, {row}" in label for row, label in zip(rows, labels, strict=True)
    )
    assert "0.525" not in text and "†" not in text and text.count("; 1 failed)") == 1


def test_rows_of_two_worlds_bear_their_names(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    outputs = Outputs(tmp_path / "outputs")
    for seed, (world, prompts) in enumerate([("standard", "p"), ("tiny", "q")]):
        measured(outputs, "tuned", OURS, seed=seed, prompts=prompts)
        file = sorted(outputs.path.glob("runs/tuned/*/run.json"))[-1]
        row = json.loads(file.read_text(encoding="utf-8"))
        write_json({**row, "labels": {**row["labels"], "world": world}}, file)
    text = report(capsys, outputs, "--metrics piqa.acc")
    assert "| tuned, world=standard | " in text and "| tuned, world=tiny | " in text


def test_a_row_is_compared_with_the_baseline_that_was_asked_as_it_was(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    measured(outputs, "tuned", OURS)
    measured(outputs, "base", THEIRS, frame="alpaca")
    measured(outputs, "base", [1.0] * 20, seed=1)
    text = told(capsys, outputs)
    assert "| tuned | 0.550 [0.325, 0.756]° (1 x 20); Δ -0.450" in text and text.count("Δ -") == 1
    assert "cannot be paired" not in text
    other = report(capsys, outputs, "--metrics piqa.acc --columns seed --where seed=0 --baseline base")
    assert "- tuned and base cannot be paired in piqa.acc: raw prompt against Alpaca frame." in other


def test_a_warning_marks_its_cells_and_stands_below_with_the_rows_that_it_is_true_of(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    cut = {"kind": "truncated", "metrics": None, "sentence": "3 of 20 documents of piqa are longer"}
    other = {"kind": "guessing", "metrics": ["acc_norm"], "sentence": "piqa.acc_norm is no better"}
    measured(outputs, "tuned", OURS, flags=[cut, other], truncated=3)
    measured(outputs, "base", THEIRS)
    text = report(capsys, outputs, "--metrics piqa.acc")
    assert "| tuned | 0.550 [0.325, 0.756]°‡ (1 x 20) |" in text
    assert "- ‡ 3 of 20 documents of piqa are longer (tuned)." in text
    assert "no better" not in text


def test_each_filter_of_a_metric_is_a_metric_of_its_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    outputs.run("tuned")
    base = {"task": "gsm8k", "metric": "exact_match", "stderr": 0.02, "n": 400, "higher_is_better": True}
    scores = [
        {**base, "filter": name, "value": value, "chance": None, "task_version": "3"}
        for name, value in (("strict-match", 0.1), ("flexible-extract", 0.2))
    ]
    outputs.artifact("evaluate", "e-tunedsmall0", {}, scores=scores)
    words = "--metrics gsm8k.exact_match/strict-match,gsm8k.exact_match/flexible-extract"
    assert "| tuned | 0.100 [0.067, 0.146]° (1 x 400) | 0.200 [0.164, 0.242]° (1 x 400) |" in report(
        capsys, outputs, words
    )


def test_a_perplexity_is_no_mean_that_could_be_paired(tmp_path: Path) -> None:
    from alpaca_exp.report.documents import document_values

    outputs = Outputs(tmp_path / "outputs")
    measured(outputs, "tuned", OURS, metrics={"acc": {"stderr": "bootstrap"}})
    assert document_values("piqa.acc", {"evaluate": "e-tunedsmall0"}, outputs.path) == []


def test_a_group_s_difference_is_over_the_documents_of_all_its_tasks(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from alpaca_exp.report.documents import document_values

    outputs = Outputs(tmp_path / "outputs")
    measured(outputs, "tuned", OURS)
    path = outputs.path / "evaluate" / "e-tunedsmall0"
    base = {"metric": "acc", "filter": "none", "value": 0.5, "stderr": 0.1, "n": 2, "chance": 0.5}
    write_jsonl([{"task": "mmlu", **base}], path / "scores.jsonl")
    rows = [
        {"task": task, "doc_id": 0, "doc_hash": task, "metric": "acc", "value": float(task == "law")}
        for task in ("law", "art", "piqa")
    ]
    write_jsonl(rows, path / "documents.jsonl")
    write_json({**ASKED, "groups": {"mmlu": ["law", "art"]}, "tasks": [TASK]}, path / "audit.json")
    (values,) = document_values("mmlu.acc", {"evaluate": path.name}, outputs.path)
    assert sorted(values.values()) == [0.0, 1.0]
