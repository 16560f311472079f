"""Runs of which something is gone or torn: no number rests on them, and whoever reads a report is told."""

from __future__ import annotations

import os
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from alpaca_exp.records import write_json
from alpaca_exp.report.__main__ import main
from alpaca_exp.report.kept import Kept
from tests.made_outputs import Outputs, filled, refusal, report

RUN = "runs/cleaned/20260101T000000Z-000003"
NAME = "cleanedsmall0"
WORDS = "--metrics truthfulness --where scale=small"


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    """Three runs a cell, one of them with records of its files."""
    made = filled(tmp_path / "outputs")
    made.evaluation(NAME, 0.0, [1, 0] * 200)
    for folder in (made.path / "evaluate" / f"e-{NAME}", made.path / "judge" / f"j-{NAME}"):
        recorded(folder)
    return made


def recorded(folder: Path) -> None:
    """Write the record as a stage does: last, with what each file hashes to."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != "record.json")
    told = {str(file.relative_to(folder)): sha256(file.read_bytes()).hexdigest() for file in files}
    identity = {"suite": {"type": "WorldSuiteConfig", "truthfulness": ["world_truth.acc"]}}
    usage = {"usd": 0.0, "usd_avoided": 0.0}
    write_json({"identity": identity, "inputs": {}, "files": told, "usage": usage}, folder / "record.json")


def told(capsys: pytest.CaptureFixture[str], outputs: Outputs) -> str:
    """What stderr says of the table, which says the same below; the run counts in no cell."""
    text = report(capsys, outputs, f"{WORDS} --format latex")
    assert r"(2 $\times$ " in text and r"(3 $\times$ " in text, "two of the three are left"
    said = [line for line in text.splitlines() if line.startswith("% left out: ")]
    report_ = report(capsys, outputs, WORDS)
    assert [f"- {line.removeprefix('% ')}" for line in said] == [
        line for line in report_.splitlines() if line.startswith("- left out: ")
    ]
    (one,) = said
    return one.removeprefix("% left out: ")


def test_runs_that_are_whole_count_and_nothing_is_said(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    assert "left out" not in report(capsys, outputs, WORDS)


@pytest.mark.parametrize("gone", [f"evaluate/e-{NAME}", f"judge/j-{NAME}/record.json"])
def test_a_run_without_one_of_its_artifacts_is_left_out_and_its_command_makes_it_again(
    capsys: pytest.CaptureFixture[str], outputs: Outputs, gone: str
) -> None:
    place = outputs.path / gone
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    artifact = gone.removesuffix("/record.json")
    assert told(capsys, outputs) == f"{RUN}: {artifact} is missing; run its command again to remake it"


def test_a_file_that_lost_a_line_or_all_leaves_its_run_out_with_a_remedy_that_harms_nothing(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    folder = outputs.path / "evaluate" / f"e-{NAME}"
    file = folder / "documents.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    expected = (
        f"{RUN}: evaluate/e-{NAME}/documents.jsonl is missing or not what its record says; "
        f"delete {folder} and run again to remake it"
    ).replace(str(outputs.path), "outputs")
    assert told(capsys, outputs) == expected


def test_a_file_that_a_crash_left_empty_is_noticed_whatever_its_time(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    file = outputs.path / "evaluate" / f"e-{NAME}" / "scores.jsonl"
    file.write_bytes(b"")
    os.utime(file, (0, 0))
    assert f"evaluate/e-{NAME}/scores.jsonl is missing or not" in told(capsys, outputs)


def test_a_copy_whose_files_are_newer_than_their_record_counts_and_is_hashed_once(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    folder = outputs.path / "evaluate" / f"e-{NAME}"
    later = (folder / "record.json").stat().st_mtime + 60
    for file in (folder / "scores.jsonl", folder / "documents.jsonl"):
        os.utime(file, (later, later))
    assert "left out" not in report(capsys, outputs, WORDS)
    digest = sha256((folder / "scores.jsonl").read_bytes()).hexdigest().encode()
    assert Kept(outputs.path).of(folder / "scores.jsonl", "sound") == digest


def test_weights_may_be_deleted_to_make_room(capsys: pytest.CaptureFixture[str], outputs: Outputs) -> None:
    folder = outputs.path / "train" / f"t-{NAME}"
    (folder / "model").mkdir()
    (folder / "model" / "model.safetensors").write_bytes(b"weights")
    recorded(folder)
    shutil.rmtree(folder / "model")
    assert "left out" not in report(capsys, outputs, WORDS)


def test_a_torn_line_of_an_artifact_is_nothing_to_mend_by_hand(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    folder = outputs.path / "evaluate" / "e-cleanedsmall1"
    (folder / "scores.jsonl").write_text('{"task": "world_tr')
    said = refusal(capsys, outputs.path, WORDS)
    assert "line 1, is not valid JSON" in said and "mend" not in said
    assert said.endswith(f"delete {folder} and run again to remake it\n")


def test_where_no_run_is_whole_that_is_one_sentence_after_the_others(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    made = Outputs(tmp_path / "outputs")
    made.run("cleaned", artifacts={"evaluate": "gone"})
    shutil.rmtree(made.path / "evaluate")
    first, last = refusal(capsys, made.path, WORDS).splitlines()
    assert "evaluate/gone is missing" in first and last.endswith("is whole; make them again as said above")


@pytest.mark.parametrize(
    ("format_", "sign"), [("markdown", "- "), ("html", "<li>"), ("latex", "% "), ("csv", "# ")]
)
def test_claims_say_which_runs_no_verdict_rests_on(
    capsys: pytest.CaptureFixture[str], outputs: Outputs, format_: str, sign: str
) -> None:
    shutil.rmtree(outputs.path / "judge" / f"j-{NAME}")
    sides = "left: {dataset_variant: cleaned}, right: 0.5"
    claims = outputs.path / "claims.yaml"
    claims.write_text(f"one: {{statement: s, metric: truthfulness, relation: greater, {sides}}}\n")
    main(
        ["claims", str(outputs.path), "--claims", str(claims), "--where", "scale=small", "--format", format_]
    )
    said = f"{sign}left out: {RUN}: judge/j-{NAME} is missing; run its command again to remake it"
    assert said in capsys.readouterr().out
