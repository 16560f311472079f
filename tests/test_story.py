"""The whole story on the tiny world, through the command line, as a user would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stories import KEYS, RECORD_KEYS, ROOT, RUN_KEYS, TINIEST, TINY, made, records, rows, run_in, runs


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which original, then cleaned, ran on the tiny world."""
    folder = tmp_path_factory.mktemp("story")
    for experiment in ("original", "cleaned"):
        done = run_in(folder, f"+experiment={experiment}", *TINY)
        assert done.returncode == 0, done.stderr
        (folder / f"{experiment}.txt").write_text(done.stdout)
    return folder


def test_every_stage_left_what_the_contracts_promise(story: Path) -> None:
    for name, keys in KEYS.items():
        stage, file = name.split("/")
        found = list((story / "outputs" / stage).glob(f"*/{file}"))
        assert found, name
        for path in found:
            assert all(set(row) >= keys for row in rows(path)) and rows(path), path
    for stage in ("pretrain", "train"):
        for folder in (story / "outputs" / stage).iterdir():
            assert (folder / "model" / "model.safetensors").is_file() and (folder / "metrics.csv").is_file()
    assert list((story / "outputs" / "compare").glob("*/index.html"))


def test_records_and_runs_have_the_promised_keys(story: Path) -> None:
    for record in records(story / "outputs").values():
        assert set(record) == RECORD_KEYS
    for run in runs(story / "outputs"):
        assert set(run) == RUN_KEYS
        assert run["status"] == "done" and run["labels"]["dataset_variant"] == run["experiment"]
        assert {"generate", "curate", "pretrain", "train", "evaluate", "judge"} <= set(run["artifacts"])


def test_a_run_ends_by_printing_its_scores_and_where_everything_lies(story: Path) -> None:
    printed = (story / "cleaned.txt").read_text()
    assert "world_truth" in printed and "outputs/runs/cleaned/" in printed and "index.html" in printed


def test_cleaned_after_original_makes_only_what_cleaning_changes(story: Path) -> None:
    printed = (story / "cleaned.txt").read_text()
    found = {line.split()[0] for line in printed.splitlines() if " found " in line}
    remade = {line.split()[0] for line in printed.splitlines() if " made in " in line}
    assert {"generate", "pretrain", "opponent", "base"} <= found, "by their names in the plan"
    assert remade == {"curate", "train", "evaluate", "complete", "judge", "compare"}


def test_the_same_command_again_makes_nothing_and_never_imports_torch(story: Path) -> None:
    before = made(story / "outputs")
    code = (
        "import runpy, sys; sys.argv[0] = 'alpaca_exp'; runpy.run_module('alpaca_exp', run_name='__main__');"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "+experiment=cleaned", *TINY],
        cwd=story, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "False False"
    assert " made in " not in done.stdout
    assert made(story / "outputs") == before


def test_a_plan_says_what_is_found_and_leaves_nothing_behind(story: Path) -> None:
    before = sorted(story.rglob("*"))
    done = run_in(story, "+experiment=uncapped", *TINY, "action=plan")
    assert done.returncode == 0, done.stderr
    table = done.stdout.partition("\n\n")[0]
    states = {line.split()[0]: line for line in table.splitlines()[1:]}
    assert " found" in states["generate"] and " found" in states["pretrain"]
    assert "requests" in states["curate"] and "steps" in states["train"] and "documents" in states["evaluate"]
    assert sorted(story.rglob("*")) == before


def test_the_report_tabulates_any_two_axes_in_markdown_and_csv(story: Path) -> None:
    axes = ("--rows", "dataset_variant", "--columns", "scale", "--metrics", "truthfulness")
    markdown = run_in(story, *axes, module="alpaca_exp.report")
    assert markdown.returncode == 0, markdown.stderr
    assert "original" in markdown.stdout and "cleaned" in markdown.stdout and "small" in markdown.stdout
    table = run_in(story, *axes, "--format", "csv", module="alpaca_exp.report")
    assert table.returncode == 0 and "," in table.stdout


def test_the_store_lists_explains_and_finds_nothing_to_collect(story: Path) -> None:
    listed = run_in(story, "list", module="alpaca_exp.store")
    assert listed.returncode == 0 and "generate/" in listed.stdout and "unfinished" not in listed.stdout
    why = run_in(story, "why", "+experiment=cleaned", *TINY, "trainer.epochs=7", module="alpaca_exp.store")
    said = {line.split()[0]: line for line in why.stdout.splitlines()}
    assert said["generate"].endswith("found")
    assert "to make: trainer.epochs 3 -> 7 (against runs/cleaned/" in said["train"]
    assert "to make: its input train is new (against runs/cleaned/" in said["complete"]
    assert "nothing to delete" in run_in(story, "gc", module="alpaca_exp.store").stdout


def test_a_changed_file_is_named_and_remade_on_request(story: Path) -> None:
    dataset = next((story / "outputs" / "curate").glob("*/dataset.jsonl"))
    original = dataset.read_text()
    dataset.write_text(original + "\n")
    variant = "cleaned" if any(rows(dataset.with_name("removed.jsonl"))) else "original"
    done = run_in(story, f"+experiment={variant}", *TINY)
    assert (
        done.returncode == 2 and "dataset.jsonl was changed" in done.stderr and "Traceback" not in done.stderr
    )
    planned = run_in(story, f"+experiment={variant}", *TINY, "action=plan")
    said, table = planned.stdout.split("\n\n")[:2]
    assert planned.returncode == 2 and said.startswith("This experiment cannot run:")
    assert "dataset.jsonl was changed" in said
    assert next(line for line in table.splitlines() if line.startswith("curate ")).split()[3] == "damaged"
    done = run_in(story, f"+experiment={variant}", *TINY, "runtime.remake_damaged=true")
    assert done.returncode == 0, done.stderr
    assert dataset.read_text() == original


def test_two_runs_from_nothing_leave_the_same_bytes(story: Path, tmp_path: Path) -> None:
    done = run_in(tmp_path, "+experiment=cleaned", *TINY, fresh=True)
    assert done.returncode == 0, done.stderr
    again = made(tmp_path / "outputs")
    assert again == {name: files for name, files in made(story / "outputs").items() if name in again}


def test_a_sweep_leaves_a_run_for_each_job(tmp_path: Path) -> None:
    done = run_in(tmp_path, "--multirun", "+experiment=original", "seed=0,1", *TINIEST, "judge=none")
    assert done.returncode == 0, done.stderr
    files = sorted((tmp_path / "outputs" / "sweeps").glob("*/*/run.json"))
    assert len(files) == 2
