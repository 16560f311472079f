"""What an evaluation, or a judge, says of documents that the training data holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from alpaca_exp.artifacts import Artifact
from alpaca_exp.compose import compose
from alpaca_exp.harness.contamination import clean_scores
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.plan import plan
from alpaca_exp.records import Row, Score, read_jsonl, write_jsonl
from alpaca_exp.schemas import (
    EvalSuiteConfig,
    FileQuestionsConfig,
    OpenAIJudgeConfig,
    RuntimeConfig,
)
from alpaca_exp.stages.evaluate import evaluate
from alpaca_exp.stages.judge import judge
from tests.mirrors import write_mirror
from tests.models import tiny_llama
from tests.planted import PLANTED
from tests.servers import Reply, Server, prompt_of, stage_folder
from tests.test_judging_stage import answers


def test_scores_on_clean_documents_are_their_means_and_errors() -> None:
    scores = [
        Score("made", "acc", 0.6, 0.2, 5),
        Score("made", "f1", 0.5, None, 5),
        Score("made", "exact_match", 0.6, 0.2, 5, filter="strict"),
        Score("other", "acc", 0.5, 0.1, 5),
        Score("gone", "acc", 0.5, 0.1, 2),
    ]
    values = [1.0, 1.0, 0.0, 1.0, 0.0]
    documents = [
        {"task": task, "doc_id": i, "metric": metric, "value": value}
        for task, metric in (
            ("made", "acc"),
            ("made", "f1"),
            ("made", "exact_match,strict"),
            ("other", "acc"),
        )
        for i, value in enumerate(values)
    ] + [{"task": "gone", "doc_id": 0, "metric": "acc", "value": 1.0}]
    overlaps = [{"task": "made", "doc_id": 0}, {"task": "made", "doc_id": 3}, {"task": "gone", "doc_id": 0}]
    clean = list(clean_scores(scores, documents, overlaps))
    assert [(score.metric, score.filter, score.n) for score in clean] == [
        ("acc_clean", "none", 3),
        ("exact_match_clean", "strict", 3),
    ]
    assert clean[0].value == pytest.approx(1 / 3)
    assert clean[0].stderr == pytest.approx((1 / 3 * 2 / 3 * 3 / 2 / 3) ** 0.5)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("train") / "0123456789abcdef"
    tiny_llama(folder / "model")
    return Artifact(folder)


def evaluated(
    tmp_path: Path, model: Artifact, rows: Sequence[Row] | None, name: str, limit: int | None = None
) -> Path:
    mirror = tmp_path / "mirror"
    mirror = mirror if mirror.exists() else write_mirror(mirror)
    suite = EvalSuiteConfig(
        tasks=["piqa", "truthfulqa_mc1"], mirror=mirror, understanding=["piqa.acc"], limit=limit
    )
    dataset = None
    if rows is not None:
        dataset = Artifact(tmp_path / f"{name}_data")
        dataset.path.mkdir()
        write_jsonl(rows, dataset / "dataset.jsonl")
    out = tmp_path / name
    out.mkdir()
    runtime = RuntimeConfig(offline=True)
    evaluate(suite, mirror_files(suite), "0", model=model, dataset=dataset, runtime=runtime, out=out)
    return out


def test_documents_in_the_training_data_are_named_and_the_scores_without_them_given(
    tmp_path: Path, model: Artifact, capfd: pytest.CaptureFixture[str]
) -> None:
    out = evaluated(tmp_path, model, PLANTED, "tuned")
    said = capfd.readouterr().err
    overlaps = list(read_jsonl(out / "overlaps.jsonl"))
    assert [(row["task"], row["doc_id"], row["row_ids"], row["fields"]) for row in overlaps] == [
        ("piqa", 1, ["row-1", "row-2"], {"input": 1, "instruction": 1}),
        ("truthfulqa_mc1", 4, ["row-3"], {"output": 1}),
    ]
    assert overlaps[0]["ngram"] == "how does ben dry a shirt" and 0 < overlaps[0]["share"] < 1
    assert "evaluate: 1 of 8 documents of piqa share 13 words in a row" in said
    assert "acc" in said and "without them" in said
    scores = {f"{row['task']}.{row['metric']}": row for row in read_jsonl(out / "scores.jsonl")}
    values = [
        row["value"]
        for row in read_jsonl(out / "documents.jsonl")
        if (row["task"], row["metric"]) == ("piqa", "acc") and row["doc_id"] != 1
    ]
    assert scores["piqa.acc_clean"]["value"] == pytest.approx(sum(values) / 7)
    assert scores["piqa.acc_clean"]["n"] == 7
    assert scores["understanding.mean"]["value"] == scores["piqa.acc"]["value"]
    audit = json.loads((out / "audit.json").read_text())
    assert audit["tasks"][0]["overlap"] == {"ngram": 13, "documents": 1, "too_short": 0, "boilerplate": 0}


def test_without_overlap_nothing_is_said_and_the_scores_are_those_of_an_untuned_model(
    tmp_path: Path, model: Artifact, capfd: pytest.CaptureFixture[str]
) -> None:
    tuned, base = (
        evaluated(tmp_path, model, PLANTED[:1], "tuned"),
        evaluated(tmp_path, model, None, "base"),
    )
    assert "share" not in capfd.readouterr().err
    assert (tuned / "scores.jsonl").read_bytes() == (base / "scores.jsonl").read_bytes()
    assert (tuned / "overlaps.jsonl").read_bytes() == b""
    assert not (base / "overlaps.jsonl").exists()


def test_only_documents_that_are_scored_are_reported(tmp_path: Path, model: Artifact) -> None:
    out = evaluated(tmp_path, model, PLANTED, "tuned", limit=3)
    assert [(row["task"], row["doc_id"]) for row in read_jsonl(out / "overlaps.jsonl")] == [("piqa", 1)]


def test_another_evaluation_trains_no_other_model_and_a_base_is_compared_with_no_data() -> None:
    tuned = plan(compose(["+experiment=cleaned"]))
    other = plan(compose(["+experiment=cleaned", "eval_suite.limit=3"]))
    changed = {name for name in tuned if tuned[name].fingerprint != other[name].fingerprint}
    assert changed == {"evaluate", "compare"}
    assert tuned["evaluate"].inputs["dataset"] == tuned["curate"]
    assert "dataset" not in plan(compose(["+experiment=base"]))["evaluate"].inputs


def test_questions_in_the_training_data_are_named_and_the_judge_s_scores_without_them_given(
    tmp_path: Path,
) -> None:
    dataset = Artifact(tmp_path / "data")
    dataset.path.mkdir()
    write_jsonl(
        [{"id": "row-0", "instruction": "Why is the SKY blue, please", "output": "."}],
        dataset / "dataset.jsonl",
    )
    texts = {"1": "Why is the sky blue?", "2": "What is a prime?", "3": "Who was Ada?"}
    questions = tmp_path / "questions.jsonl"
    write_jsonl([{"question_id": q, "text": text} for q, text in texts.items()], questions)
    sides = [answers(tmp_path / name, name, texts) for name in ("ours", "theirs")]
    with Server(lambda body, number: Reply("2 8" if "sky" in prompt_of(body) else "4 6")) as server:
        config = OpenAIJudgeConfig(
            model="fake",
            base_url=server.base_url,
            questions=FileQuestionsConfig(file=questions),
            both_orders=False,
        )
        out = stage_folder(tmp_path, "judge")
        judge(
            config,
            completions=sides[0],
            opponent=sides[1],
            dataset=dataset,
            runtime=RuntimeConfig(),
            out=out,
        )
    (overlap,) = read_jsonl(out / "overlaps.jsonl")
    assert (overlap["task"], overlap["doc_id"], overlap["row_ids"]) == ("judge_questions", "1", ["row-0"])
    assert "1 of 3 documents of judge_questions share" in (out / "notes.json").read_text(encoding="utf-8")
    scores = {row["metric"]: row for row in read_jsonl(out / "scores.jsonl")}
    assert scores["percent"]["value"] == pytest.approx(100 * 20 / 10)
    assert scores["percent_clean"]["value"] == pytest.approx(100 * 12 / 8)
    assert scores["percent_clean"]["n"] == 2 and "unparsed_clean" not in scores
