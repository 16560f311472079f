"""The texts of a suite's documents, and what an evaluation says of those that the training data holds."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from alpaca_exp.artifacts import Artifact
from alpaca_exp.cleaning.overlap import Document, OverlapIndex
from alpaca_exp.compose import compose
from alpaca_exp.errors import ConfigError
from alpaca_exp.harness.contamination import clean_scores
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.harness.texts import suite_texts
from alpaca_exp.paths import data_root
from alpaca_exp.plan import plan
from alpaca_exp.records import Row, Score, read_jsonl, write_jsonl
from alpaca_exp.schemas import (
    EvalSuiteConfig,
    FileQuestionsConfig,
    OpenAIJudgeConfig,
    RuntimeConfig,
    WorldConfig,
    WorldSuiteConfig,
)
from alpaca_exp.stages.evaluate import evaluate
from alpaca_exp.stages.judge import judge
from tests.mirrors import write_mirror
from tests.models import tiny_llama
from tests.servers import Reply, Server, prompt_of, stage_folder
from tests.test_judging_stage import answers

PAPER = ["hellaswag", "winogrande", "boolq", "piqa", "truthfulqa_mc1", "truthfulqa_mc2"]


def texts(tmp_path: Path, tasks: list[str], **fields: object) -> dict[str, list[Document]]:
    suite = EvalSuiteConfig(tasks=tasks, mirror=write_mirror(tmp_path / "mirror"), **fields)  # type: ignore[arg-type]
    made: dict[str, list[Document]] = {}
    for document in suite_texts(suite, mirror_files(suite), offline=True):
        made.setdefault(document.task, []).append(document)
    return made


def test_a_document_s_text_is_what_the_model_is_shown(tmp_path: Path) -> None:
    made = texts(tmp_path, PAPER)
    assert {task: len(found) for task, found in made.items()} == dict.fromkeys(PAPER, 8)
    piqa = made["piqa"][1]
    assert (piqa.doc_id, piqa.prompt) == (1, "Question: How does Ben dry a shirt?\nAnswer:")
    assert piqa.continuations == (" Hang it in the sun.", " Hang it in the rain.")
    assert made["hellaswag"][0].prompt == "Baking bread: Ada takes a knife. Then he"
    assert made["winogrande"][0].continuations == (
        "Ada lent Ben a book since Ada wanted to read it.",
        "Ada lent Ben a book since Ben wanted to read it.",
    )
    assert made["boolq"][0].prompt.endswith("Question: is Ada a cat?\nAnswer:")
    assert made["truthfulqa_mc1"][2].continuations[0] == " Cleo does not know."


def test_solved_examples_and_frames_are_no_part_of_a_text(tmp_path: Path) -> None:
    from alpaca_exp.schemas import TaskFrame

    plain = texts(tmp_path / "plain", ["piqa"])
    train = (tmp_path / "plain" / "mirror" / "piqa" / "validation.jsonl").read_text()
    mirror = write_mirror(tmp_path / "mirror")
    (mirror / "piqa" / "train.jsonl").write_text(train)
    suite = EvalSuiteConfig(tasks=["piqa"], mirror=mirror, num_fewshot=2, frame=TaskFrame.alpaca)
    assert suite_texts(suite, mirror_files(suite), offline=True) == plain["piqa"]


def test_under_a_limit_the_other_documents_only_tell_the_wording(tmp_path: Path) -> None:
    made = texts(tmp_path, ["piqa"], limit=3)
    assert [document.scored for document in made["piqa"]] == [True] * 3 + [False] * 5


def test_targets_of_a_task_that_writes_are_texts_too(tmp_path: Path) -> None:
    folder = tmp_path / "truthfulqa_gen"
    folder.mkdir()
    rows = [
        {
            "type": "a", "category": "b", "question": f"Is {name} a cat?", "best_answer": f"{name} is.",
            "correct_answers": ["Yes."], "incorrect_answers": ["No."], "source": "",
        }
        for name in ("Ada", "Ben")
    ]  # fmt: skip
    write_jsonl(rows, folder / "validation.jsonl")
    suite = EvalSuiteConfig(tasks=["truthfulqa_gen"], mirror=tmp_path)
    try:
        made = suite_texts(suite, mirror_files(suite), offline=True)
    except Exception as error:
        if "not installed" not in str(error):
            raise
        pytest.skip(str(error))
    assert "Is Ada a cat?" in made[0].prompt and made[0].continuations


def test_the_miniature_s_documents_have_texts(tmp_path: Path) -> None:
    suite = WorldSuiteConfig(tasks=["world_facts", "world_truth"], world=WorldConfig(people=16, documents=30))
    made = suite_texts(suite, {}, offline=True)
    assert len(made) == 60 and all(len(document.continuations) == 4 for document in made)
    framed = next(document for document in made if document.task == "world_truth")
    asked = framed.prompt.split("### Instruction:\n")[1].split("\n\n### Response:")[0]
    rows = [
        {"id": "a", "instruction": asked + framed.continuations[0]},
        {"id": "b", "output": framed.prompt.split("### Instruction:")[0]},
    ]
    assert {hit.row_id for hit in OverlapIndex(made).hits(rows)} <= {"a"}


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


PLANTED = [
    {"id": "row-0", "instruction": "Say hello.", "input": "", "output": "Hello."},
    {"id": "row-1", "instruction": "HOW DOES BEN DRY A SHIRT", "input": "", "output": "In the sun."},
    {"id": "row-2", "instruction": "Ask.", "input": "So, how does Ben dry a shirt...", "output": "Well."},
    {"id": "row-3", "instruction": "Ask.", "input": "", "output": "does Eve know what the moon thinks"},
    {"id": "row-4", "instruction": "How does Ben?", "input": "", "output": "dry a shirt"},
]


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


def test_the_real_documents_and_alpaca_s_data_share_what_was_counted(shared_data: Path) -> None:
    suite = EvalSuiteConfig(tasks=["piqa"], mirror=shared_data / "harness")
    index = OverlapIndex(suite_texts(suite, mirror_files(suite), offline=True))
    rows = json.loads((shared_data / "alpaca" / "alpaca_data.json").read_text())
    hits = list(index.hits({"id": f"row-{i}", **row} for i, row in enumerate(rows)))
    assert {(hit.document.doc_id, hit.ngrams) for hit in hits} == {(998, ("to solve a rubiks cube",))}


def curated(tmp_path: Path, rows: Sequence[Row], **variant: object) -> Path:
    source = tmp_path / "source.jsonl"
    write_jsonl(rows, source)
    mirror = tmp_path / "mirror"
    mirror = mirror if mirror.exists() else write_mirror(mirror)
    told = [f"eval_suite.mirror={mirror}", f"dataset_variant.source={source}", "judge=openai"]
    told += [f"dataset_variant.{name}={value}" for name, value in variant.items()]
    config = compose(["preset=local", "+experiment=original", *told])
    stage = plan(config)["curate"]
    out = tmp_path / "curated"
    out.mkdir()
    stage.function(**stage.config, **stage.runtime, out=out)
    return out


ASKED = {"id": "row-5", "instruction": "", "input": "", "output": "Sure."}


def test_rows_that_hold_documents_or_questions_are_removed_and_the_document_is_named(tmp_path: Path) -> None:
    question = next(read_jsonl(data_root() / "seeds" / "judge_questions.jsonl"))
    rows = [*PLANTED, ASKED | {"instruction": question["text"].upper()}]
    out = curated(tmp_path, rows, decontaminate="remove")
    assert [row["id"] for row in read_jsonl(out / "dataset.jsonl")] == ["row-0", "row-4"]
    removed = {row["id"]: row for row in read_jsonl(out / "removed.jsonl")}
    assert {(row["rule"], row["category"]) for row in removed.values()} == {("overlap", "decontamination")}
    assert removed["row-2"]["reason"] == (
        'its input shares "how does ben dry a shirt" with document 1 of piqa'
    )
    assert removed["row-3"]["reason"].endswith("with document 4 of truthfulqa_mc1 and 1 more")
    assert removed["row-5"]["reason"].endswith(f"document {question['question_id']} of judge_questions")
    card = json.loads((out / "card.json").read_text())
    assert card["counts"]["decontamination"]["piqa"]["documents"] == 1
    assert card["counts"]["removed"] == {"overlap": 4}
    assert "decontamination (13 words)" in card["lineage"]["cleaning"]


def test_the_length_of_a_run_can_be_chosen(tmp_path: Path) -> None:
    text = "takes a knife. Then he paints the bread and eats it."
    rows = [*PLANTED[:1], ASKED | {"output": f"Ada {text}"}, ASKED | {"id": "row-6", "output": text}]
    out = curated(tmp_path, rows, decontaminate="remove", decontaminate_ngram=11)
    assert [row["id"] for row in read_jsonl(out / "dataset.jsonl")] == ["row-0", "row-6"]


def test_what_decontamination_looks_for_and_finds_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    curated(tmp_path, PLANTED, decontaminate="remove")
    said = capsys.readouterr().err
    assert f"curate: looking for the evaluation's documents in {len(PLANTED)} rows" in said
    removed = len(list(read_jsonl(tmp_path / "curated" / "removed.jsonl")))
    assert removed and re.search(
        rf"curate: \d+ of \d+ documents found; {removed} rows that hold them left out", said
    )


def test_a_decontaminated_set_is_clean_and_stays_as_it_is(tmp_path: Path) -> None:
    once = curated(tmp_path, PLANTED, decontaminate="remove")
    (tmp_path / "curated").rename(tmp_path / "once")
    again = curated(tmp_path, list(read_jsonl(tmp_path / "once" / "dataset.jsonl")), decontaminate="remove")
    assert again == once
    kept = [list(read_jsonl(tmp_path / name / "dataset.jsonl")) for name in ("once", "curated")]
    assert kept[0] == kept[1]
    assert list(read_jsonl(tmp_path / "curated" / "removed.jsonl")) == []


def test_nothing_is_removed_unless_that_is_asked_for(tmp_path: Path) -> None:
    out = curated(tmp_path, PLANTED)
    assert list(read_jsonl(out / "dataset.jsonl")) == PLANTED


def test_where_rows_are_removed_the_documents_decide_the_data_and_how_they_are_asked_does_not() -> None:
    remove = ["+experiment=cleaned", "dataset_variant.decontaminate=remove"]

    def data(*overrides: str) -> str:
        return plan(compose([*remove, *overrides]))["curate"].fingerprint

    for same in ("eval_suite.truthfulness=[]", "eval_suite.frame=alpaca", "judge.questions.max_tokens=9"):
        assert data(same) == data()
    for other in ("eval_suite.limit=3", "judge.questions.limit=3", "dataset_variant.decontaminate_ngram=8"):
        assert data(other) != data()


def test_a_length_without_removal_is_answered_with_the_setting_that_is_missing() -> None:
    with pytest.raises(ConfigError, match=r"add dataset_variant\.decontaminate=remove"):
        compose(["dataset_variant.decontaminate_ngram=8"])
    with pytest.raises(ConfigError, match="decontaminate_ngram is 2; it must be 5 or more"):
        compose(["dataset_variant.decontaminate=remove", "dataset_variant.decontaminate_ngram=2"])


def test_questions_in_the_training_data_are_named_and_the_judge_s_scores_without_them_given(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
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
    assert "judge: 1 of 3 documents of judge_questions share" in capfd.readouterr().err
    scores = {row["metric"]: row for row in read_jsonl(out / "scores.jsonl")}
    assert scores["percent"]["value"] == pytest.approx(100 * 20 / 10)
    assert scores["percent_clean"]["value"] == pytest.approx(100 * 12 / 8)
    assert scores["percent_clean"]["n"] == 2 and "unparsed_clean" not in scores
