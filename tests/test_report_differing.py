"""What stands under a table of how its rows differ: settings, stages, versions, and what no row can tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.records import Row, write_json, write_jsonl
from alpaca_exp.report.columns import columns
from alpaca_exp.report.kept import kept
from alpaca_exp.report.measured import Document
from alpaca_exp.report.runs import ABSENT
from tests.made_outputs import Outputs, filled, refusal, report


def trained(outputs: Outputs, name: str, trainer: Row, **more: Any) -> None:
    """The record of a training; keyword arguments replace parts of it."""
    record = {
        "version": 2, "identity": {"trainer": {"type": "TrainerConfig", **trainer}, "seed": int(name[-1])},
        "git": "a" * 40, "packages": {"torch": "2.13.0"}, "usage": {"usd": 0.0}, **more,
    }  # fmt: skip
    write_json(record, outputs.path / "train" / f"t-{name}" / "record.json")


def differing(text: str) -> list[str]:
    """The lines under "Its rows differ in"."""
    return text.partition("Its rows differ in:\n\n")[2].partition("\n\n")[0].splitlines()


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    made = filled(tmp_path / "outputs")
    for variant in ("original", "cleaned"):
        for scale in ("small", "large"):
            for seed in (0, 1, 2):
                epochs = 5 if variant == "cleaned" else 3
                trained(made, f"{variant}{scale}{seed}", {"epochs": epochs, "optimizer": "adamw"})
    return made


COMMAND = "--rows dataset_variant --columns scale --metrics truthfulness"


def test_settings_in_which_rows_differ_are_named_and_those_they_share_are_not(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    assert differing(report(capsys, outputs, COMMAND)) == ["- trainer.epochs: 5 (cleaned); 3 (original)"]
    by_seed = report(capsys, outputs, "--rows seed --where dataset_variant=cleaned --metrics truthfulness")
    assert differing(by_seed) == [], "the axis itself is left out"
    by_epochs = report(capsys, outputs, "--rows scale --metrics truthfulness")
    assert differing(by_epochs) == [], "every row has both"


def test_a_file_of_one_machine_is_named_without_its_folder(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    for seed in (0, 1, 2):
        trained(outputs, f"cleanedsmall{seed}", {"epochs": 3, "start": "/data/of/mine/weights"})
        trained(outputs, f"originalsmall{seed}", {"epochs": 3, "start": "/data/of/mine/others"})
    text = report(capsys, outputs, f"{COMMAND} --where scale=small")
    assert differing(text) == ["- trainer.start: weights (cleaned); others (original)"]


def test_versions_of_stages_and_packages_that_differ_are_named(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    for seed in (0, 1, 2):
        told = {"version": 3, "packages": {"torch": "2.14.0"}, "git": "b" * 40 + "+"}
        trained(outputs, f"cleanedsmall{seed}", {"epochs": 3}, **told)
        trained(outputs, f"originalsmall{seed}", {"epochs": 3})
    assert differing(report(capsys, outputs, f"{COMMAND} --where scale=small")) == [
        "- version of train: 3 (cleaned); 2 (original)",
        "- torch: 2.14.0 (cleaned); 2.13.0 (original)",
        "- commit: bbbbbbb+ (cleaned); aaaaaaa (original)",
    ]


def test_runs_of_one_cell_that_other_code_made_are_no_sample_of_one_thing(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    trained(outputs, "cleanedsmall1", {"epochs": 5}, version=3)
    text = report(capsys, outputs, f"{COMMAND} --baseline original")
    assert "| 0.800† (3 x 400) |" in text and "| 0.900 [0.872, 0.922] (3 x 400); Δ" in text
    assert "† A mean over runs that differ in more than their seeds: train version (2, 3)." in text


def test_a_stage_that_a_row_goes_without_is_named(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    labels = {"dataset_variant": "none", "critic": "miniature"}
    outputs.run("base", labels=labels, artifacts={"evaluate": "e-base"})
    outputs.evaluation("base", 0.75)
    lines = differing(report(capsys, outputs, "--rows experiment --metrics truthfulness --where scale=small"))
    assert "- train: none (base)" in lines and "- curate: none (base)" in lines


def test_many_settings_are_counted(capsys: pytest.CaptureFixture[str], outputs: Outputs) -> None:
    for seed in (0, 1, 2):
        trained(outputs, f"cleanedsmall{seed}", {f"x{n}": n for n in range(40)})
        trained(outputs, f"originalsmall{seed}", {f"x{n}": -n - 1 for n in range(40)})
    lines = differing(report(capsys, outputs, f"{COMMAND} --where scale=small"))
    assert len(lines) == 25 and lines[-1].startswith("- and 16 more settings; record.json")


def test_a_metric_that_some_rows_lack_and_an_axis_with_one_value_are_said(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    words = "--rows dataset_variant --where dataset_variant=cleaned --metrics truthfulness,judge.win_rate"
    text = report(capsys, outputs, f"{words} --where scale=small --baseline cleaned")
    assert f"(3 x 400) | {ABSENT} |" in text and f"{ABSENT} No finished run has it." in text
    assert "All runs stand at cleaned on dataset_variant." in text


def test_a_record_that_cannot_be_read_leaves_its_run_out_and_says_the_remedy(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    file = outputs.path / "train" / "t-cleanedsmall0" / "record.json"
    file.write_text('{"version": ')
    text = report(capsys, outputs, "--metrics truthfulness")
    remedy = f"{file} is not a record; delete {file.parent} and run again to remake it"
    assert remedy.replace(str(outputs.path), "outputs") in text and "(5 x 400)" in text


def line(doc: int, value: str, **more: Any) -> str:
    asked = f'"doc_id": {doc}, "doc_hash": "h{doc}", "prompt_hash": "p"'
    head = f'{{"task": "t", {asked}, "metric": "acc", "value": '
    return head + value + "".join(f', "{key}": {json.dumps(told)}' for key, told in more.items()) + "}"


@pytest.mark.parametrize(
    ("second", "values"),
    [
        ([line(0, "0.0", gold=1), line(1, "1.0", gold=0)], {"0": 0.0, "1": 1.0}),
        ([line(0, "0.25"), line(1, "1e-3", gold=0)], {"0": 0.25, "1": 0.001}),
        ([line(0, "null", gold=1), line(1, "1.0", gold=0)], {"1": 1.0}),
        ([line(0, "true", gold=1), line(1, "NaN", gold=0)], {"0": 1.0}),
        ([line(1, "1.0", gold=1), line(0, "0.5", gold=0)], {"1": 1.0, "0": 0.5}),
        ([line(0, "1.0", gold=1)], {"0": 1.0}),
        (
            [line(0, "0.0", text='a, "value": 3, "cluster": '), line(1, "1.0", gold=[0, 1])],
            {"0": 0.0, "1": 1.0},
        ),
    ],
    ids=["right or wrong", "other numbers", "no value", "true", "another order", "fewer", "texts like keys"],
)
def test_documents_of_a_second_evaluation_are_read_as_they_stand_however_like_the_first(
    tmp_path: Path, second: list[str], values: dict[str, float]
) -> None:
    first, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text("\n".join([line(0, "1.0", gold=1), line(1, "0.0", gold=1)]) + "\n")
    other.write_text("\n".join(second) + "\n")
    columns(first)
    found = columns(other).get(("t", "acc"), {})
    assert {document.doc_id: value for document, value in found.items()} == values


def test_documents_that_gained_a_cluster_are_not_taken_for_those_without(tmp_path: Path) -> None:
    rows = [{"task": "t", "doc_id": n, "doc_hash": f"h{n}", "metric": "acc", "value": 1.0} for n in (0, 1)]
    for name, more in (("a", {}), ("b", {"cluster": "c"}), ("c", {"cluster": "d"}), ("d", {"cluster": "d"})):
        write_jsonl([{**row, **more} for row in rows], tmp_path / name)
    found = {name: next(iter(columns(tmp_path / name)["t", "acc"])) for name in "abcd"}
    assert [found[name].cluster for name in "abcd"] == [None, "c", "d", "d"]
    assert found["a"] == Document("0", "h0")


def test_a_second_report_reads_what_the_first_kept_and_notices_what_changed_since(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    for variant, right in {"original": [1, 0] * 20, "cleaned": [1, 0] * 15 + [1] * 10}.items():
        outputs.run(variant)
        outputs.evaluation(f"{variant}small0", 0, right)
    words = "--metrics truthfulness --baseline original"
    first = report(capsys, outputs, words)
    cache = outputs.path / ".cache" / "report"
    assert cache.stat().st_size < 8_000 and "+0.125 [" in first
    file = outputs.path / "evaluate" / "e-cleanedsmall0" / "documents.jsonl"
    before = forgetting(file)
    assert report(capsys, outputs, words) == first and before == [1.0, 0.0] * 15 + [1.0] * 10
    file.write_text(file.read_text().replace('"value": 0', '"value": 0.5', 1))
    assert forgetting(file)[:4] == [1.0, 0.5, 1.0, 0.0]
    whole = cache.read_bytes()
    for torn in (whole[:-1], whole[:100], b"", b"{}\n", whole.replace(b"version", b"vision")):
        cache.write_bytes(torn)
        assert forgetting(file)[:4] == [1.0, 0.5, 1.0, 0.0]
        assert forgetting(file.parents[1] / "e-originalsmall0" / file.name) == [1.0, 0.0] * 20


def forgetting(file: Path) -> list[float]:
    """The values of its documents, as a new process reads them."""
    columns.cache_clear()
    kept.cache_clear()
    return list(columns(file)["world_truth", "acc"].values())


def test_outputs_that_cannot_be_written_to_are_reported_all_the_same(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    (outputs.path / ".cache").write_text("no folder")
    assert "| 0.800 [0.774, 0.824] (3 x 400) |" in report(capsys, outputs, COMMAND)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("scores.jsonl", '{"task": "world_truth", "metric": "acc"}', "line 1, lacks value, stderr, n"),
        ("scores.jsonl", '{"task": ', "line 1, is not valid JSON"),
        ("documents.jsonl", '{"task": "world_truth", "doc_id": 0, "metric": "acc"}', "line 1, lacks value"),
        ("audit.json", "{", "audit.json is not JSON; delete"),
    ],
)
def test_a_torn_file_of_an_evaluation_is_named_with_what_it_lacks(
    capsys: pytest.CaptureFixture[str], outputs: Outputs, file: str, text: str, said: str
) -> None:
    (outputs.path / "evaluate" / "e-cleanedsmall0" / file).write_text(text)
    assert said in refusal(capsys, outputs.path, COMMAND)
