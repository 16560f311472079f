"""The texts of a suite's documents: what a model is shown of each."""

from __future__ import annotations

import json
from pathlib import Path

from alpaca_exp.cleaning.overlap import Document, OverlapIndex
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.harness.texts import suite_texts
from alpaca_exp.records import write_jsonl
from alpaca_exp.schemas import (
    EvalSuiteConfig,
    WorldConfig,
    WorldSuiteConfig,
)
from tests.mirrors import write_mirror

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
    made = suite_texts(suite, mirror_files(suite), offline=True)
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


def test_the_real_documents_and_alpaca_s_data_share_what_was_counted(shared_data: Path) -> None:
    suite = EvalSuiteConfig(tasks=["piqa"], mirror=shared_data / "harness")
    index = OverlapIndex(suite_texts(suite, mirror_files(suite), offline=True))
    rows = json.loads((shared_data / "alpaca" / "alpaca_data.json").read_text())
    hits = list(index.hits({"id": f"row-{i}", **row} for i, row in enumerate(rows)))
    assert {(hit.document.doc_id, hit.ngrams) for hit in hits} == {(998, ("to solve a rubiks cube",))}
