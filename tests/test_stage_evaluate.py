"""The stage evaluate: what it writes, that it repeats to the byte, and that it goes on after a kill."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.records import read_jsonl, write_jsonl
from alpaca_exp.schemas import (
    BaseModelConfig,
    EvalSuiteConfig,
    PretrainedModelConfig,
    RuntimeConfig,
    TaskFrame,
    WorldConfig,
    WorldSuiteConfig,
)
from alpaca_exp.stages.evaluate import evaluate
from tests.evaluating import evaluated
from tests.mirrors import write_mirror
from tests.models import tiny_llama
from tests.stories import start_in

TASKS = ["hellaswag", "piqa", "truthfulqa_mc1", "truthfulqa_mc2"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("train") / "0123456789abcdef"
    tiny_llama(folder / "model")
    return Artifact(folder)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> EvalSuiteConfig:
    return EvalSuiteConfig(
        tasks=TASKS,
        mirror=write_mirror(tmp_path_factory.mktemp("mirror")),
        understanding=["hellaswag.acc_norm", "piqa.acc_norm"],
        truthfulness=["truthfulqa_mc1.acc", "truthfulqa_mc2.acc"],
    )


@pytest.fixture
def run(tmp_path: Path, model: Artifact) -> Callable[..., Path]:
    def evaluated(suite: EvalSuiteConfig, name: str = "out", **model_or_weights: Any) -> Path:
        out = tmp_path / name
        out.mkdir(exist_ok=True)
        given = model_or_weights or {"model": model}
        evaluate(suite, mirror_files(suite), "0", runtime=RuntimeConfig(offline=True), out=out, **given)
        return out

    return evaluated


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def test_scores_and_documents_are_written_as_the_contract_says(
    run: Callable[..., Path], suite: EvalSuiteConfig
) -> None:
    out = run(suite)
    assert sorted(contents(out)) == ["audit.json", "documents.jsonl", "scores.jsonl"]
    scores = list(read_jsonl(out / "scores.jsonl"))
    columns = "task metric filter value stderr n higher_is_better chance task_version"
    assert all(list(row) == columns.split() for row in scores)
    assert [(row["task"], row["metric"], row["n"]) for row in scores] == [
        ("hellaswag", "acc", 8),
        ("hellaswag", "acc_norm", 8),
        ("piqa", "acc", 8),
        ("piqa", "acc_norm", 8),
        ("truthfulqa_mc1", "acc", 8),
        ("truthfulqa_mc2", "acc", 8),
        ("understanding", "mean", 16),
        ("truthfulness", "mean", 8),
    ]
    assert [row["chance"] for row in scores[:6]] == [0.25, 0.25, 0.5, 0.5, 0.25, 0.4]
    assert all(row["stderr"] is not None for row in scores)
    documents = list(read_jsonl(out / "documents.jsonl"))
    columns = "task doc_id doc_hash prompt_hash metric value loglikelihoods gold"
    assert all(list(row) == columns.split() for row in documents)
    of_piqa = [row["value"] for row in documents if (row["task"], row["metric"]) == ("piqa", "acc")]
    assert sum(of_piqa) / 8 == pytest.approx(scores[2]["value"])
    audit = json.loads((out / "audit.json").read_text())
    assert (audit["frame"], [task["task"] for task in audit["tasks"]]) == ("raw", TASKS)


def test_only_the_first_documents_are_scored_under_a_limit(
    run: Callable[..., Path], suite: EvalSuiteConfig
) -> None:
    out = run(EvalSuiteConfig(tasks=["piqa"], mirror=suite.mirror, limit=3))
    assert [row["doc_id"] for row in read_jsonl(out / "documents.jsonl") if row["metric"] == "acc"] == [
        0,
        1,
        2,
    ]


def test_killed_in_the_third_of_five_tasks_the_first_two_are_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from alpaca_exp.harness import scoring

    tasks = ["hellaswag", "piqa", "boolq", "winogrande", "truthfulqa_mc1"]
    weights, mirror = tiny_llama(tmp_path / "weights"), write_mirror(tmp_path / "mirror")
    third = mirror / "boolq" / "validation.jsonl"
    rows = list(read_jsonl(third))
    write_jsonl([rows[i % 8] | {"passage": f"Cat {i}. " * 40} for i in range(120)], third)
    whole = contents(evaluated(weights, mirror, tmp_path / "whole", tasks))
    words = [str(weights), str(mirror), str(tmp_path / "killed"), *tasks]
    child = start_in(tmp_path, *words, module="tests.evaluating")
    kept = tmp_path / "killed" / "tasks"
    while not (kept / "piqa.json").exists():
        assert child.poll() is None, "it ended before it was killed"
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert sorted(path.name for path in kept.iterdir() if path.suffix == ".json") == [
        "hellaswag.json",
        "piqa.json",
    ]

    scored: list[str] = []
    score = scoring.score

    def counted(lm: Any, name: str, *rest: Any) -> Any:
        scored.append(name)
        return score(lm, name, *rest)

    monkeypatch.setattr(scoring, "score", counted)
    assert contents(evaluated(weights, mirror, tmp_path / "killed", tasks)) == whole
    assert scored == tasks[2:]
    said = "evaluate: 2 of 5 tasks are kept from an earlier attempt; it goes on with boolq"
    assert said in capsys.readouterr().err


def test_who_stops_an_evaluation_is_told_how_far_it_is(
    run: Callable[..., Path],
    suite: EvalSuiteConfig,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from alpaca_exp.harness import scoring

    score = scoring.score

    def stopped_in_the_second(lm: Any, name: str, *rest: Any) -> Any:
        if name == "piqa":
            raise KeyboardInterrupt
        return score(lm, name, *rest)

    monkeypatch.setattr(scoring, "score", stopped_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        run(suite)
    assert capsys.readouterr().err.endswith("evaluate: stopped; 1 of 4 tasks are scored and kept\n")


def test_the_miniature_s_tasks_need_no_mirror(run: Callable[..., Path]) -> None:
    world = WorldConfig(people=16, documents=8)
    suite = WorldSuiteConfig(
        tasks=["world_facts", "world_truth"],
        world=world,
        frame=TaskFrame.raw,
        understanding=["world_facts.acc"],
        truthfulness=["world_truth.acc"],
    )
    scores = list(read_jsonl(run(suite) / "scores.jsonl"))
    assert [row["task"] for row in scores if row["metric"] == "mean"] == ["understanding", "truthfulness"]
    assert {row["chance"] for row in scores} == {0.25}


def test_weights_in_a_folder_score_like_the_artifact_that_holds_them(
    run: Callable[..., Path], suite: EvalSuiteConfig, model: Artifact
) -> None:
    weights = PretrainedModelConfig(path=str(model / "model"))
    assert contents(run(suite, "weights", weights=weights)) == contents(run(suite, "artifact"))


def test_every_model_that_cannot_be_loaded_is_refused_in_a_sentence(
    run: Callable[..., Path], suite: EvalSuiteConfig, tmp_path: Path, model: Artifact
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text('{"model_type": "llama"}')
    for path, sentence in [
        (str(tmp_path / "nowhere"), "nowhere does not exist"),
        (str(tmp_path), "is no model: it has no config.json"),
        (str(broken), "broken cannot be loaded"),
        ("nobody/nothing-7b", "nobody/nothing-7b is not on this machine"),
    ]:
        with pytest.raises(InputError, match=sentence):
            run(suite, weights=PretrainedModelConfig(path=path))
    with pytest.raises(InputError, match="no model to evaluate"):
        run(suite, weights=BaseModelConfig())


def test_a_tokenizer_that_knows_more_words_than_its_model_is_refused(
    run: Callable[..., Path], suite: EvalSuiteConfig, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    path = tiny_llama(tmp_path / "mismatched")
    tokenizer = AutoTokenizer.from_pretrained(path)
    tokenizer.add_tokens([f"word{i}" for i in range(9)])
    tokenizer.save_pretrained(path)
    with pytest.raises(InputError, match="they do not belong together"):
        run(suite, weights=PretrainedModelConfig(path=str(path)))


def test_documents_beyond_the_model_s_context_are_counted_and_told_and_too_many_refused(
    run: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"goal": "So?" if i else "So? " * 90, "sol1": "Yes.", "sol2": "No.", "label": 0} for i in range(8)
    ]
    (tmp_path / "mirror" / "piqa").mkdir(parents=True)
    write_jsonl(rows, tmp_path / "mirror" / "piqa" / "validation.jsonl")
    piqa = EvalSuiteConfig(tasks=["piqa"], mirror=tmp_path / "mirror")
    short = PretrainedModelConfig(path=str(tiny_llama(tmp_path / "short", context=64)))
    (audit,) = json.loads((run(piqa, weights=short) / "audit.json").read_text())["tasks"]
    assert (audit["truncated"], audit["context"]) == (1, 64)
    assert (
        "1 of 8 documents of piqa are longer than the model's context of 64" in audit["flags"][0]["sentence"]
    )
    assert "evaluate: 1 task scored: piqa.acc " in capsys.readouterr().err
    shorter = PretrainedModelConfig(path=str(tiny_llama(tmp_path / "shorter", context=8)))
    with pytest.raises(InputError, match="the model"):
        run(piqa, "refused", weights=shorter)
