"""One archive of some runs: the table comes out of it elsewhere, and nothing is paid for again."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.exporting import chosen, export
from alpaca_exp.report.__main__ import main as report
from alpaca_exp.report.page_writing import note
from alpaca_exp.store import main
from tests import report_pages
from tests.made_outputs import Outputs, filled
from tests.servers import Server
from tests.stories import records, run_in

ASKING = (
    "+experiment=original", "teacher=openai", "teacher.model=fake", "teacher.num_examples=6",
    "trainer=none", "eval_suite=none",
)  # fmt: skip
TABLE = ("outputs", "--rows", "experiment", "--metrics", "rows,usd")


@pytest.fixture(scope="module")
def bought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which data were bought from a server, which is gone since; and the archive of that run."""
    folder = tmp_path_factory.mktemp("bought")
    with Server() as server:
        done = run_in(folder, *ASKING, f"teacher.base_url={server.base_url}")
        (folder / "address").write_text(server.base_url)
    assert done.returncode == 0, done.stderr
    done = run_in(folder, "export", "original", module="alpaca_exp.store")
    assert done.returncode == 0, done.stderr
    assert "1 runs, 2 artifacts" in done.stdout and "original.tar.gz" in done.stdout
    return folder


def unpacked(bought: Path, into: Path) -> Path:
    with tarfile.open(bought / "original.tar.gz") as archive:
        archive.extractall(into, filter="data")
    return into / "original"


def test_the_table_is_the_same_where_the_archive_was_unpacked(bought: Path, tmp_path: Path) -> None:
    here = run_in(bought, *TABLE, module="alpaca_exp.report")
    there = run_in(unpacked(bought, tmp_path), *TABLE, module="alpaca_exp.report")
    assert here.returncode == 0 and "original" in here.stdout
    assert there.stdout == here.stdout


def test_a_stage_is_made_again_from_the_journal_without_its_server(bought: Path, tmp_path: Path) -> None:
    folder = unpacked(bought, tmp_path)
    before = records(bought / "outputs")
    shutil.rmtree(folder / "outputs" / "generate")
    shutil.rmtree(folder / "outputs" / "curate")
    address = f"teacher.base_url={(bought / 'address').read_text()}"
    done = run_in(folder, *ASKING, address)
    assert done.returncode == 0, done.stderr
    after = records(folder / "outputs")
    assert {name: one["files"] for name, one in after.items()} == {
        name: one["files"] for name, one in before.items()
    }
    assert all(one["usage"]["usd"] == 0 for one in after.values())
    assert [worth(one) for one in after.values()] == pytest.approx([worth(one) for one in before.values()])


def worth(record: dict[str, Any]) -> float:
    """Dollars that making it would cost, whoever paid."""
    return float(record["usage"]["usd"] + record["usage"]["usd_avoided"])


def test_what_the_guide_says_can_be_typed(bought: Path, tmp_path: Path) -> None:
    folder = unpacked(bought, tmp_path)
    guide = (folder / "README.txt").read_text()
    [report] = [line for line in guide.splitlines() if "alpaca_exp.report" in line]
    [again] = [line for line in guide.splitlines() if "runtime.outputs=" in line]
    printed = run_in(folder, *report.split()[3:], module="alpaca_exp.report")
    found = run_in(folder, *again.split()[3:])
    assert printed.returncode == found.returncode == 0
    assert " made in " not in found.stdout and " found " in found.stdout


def test_the_guide_to_a_sweep_makes_its_page_and_its_table_and_runs_its_jobs_in_their_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(tmp_path)
    folder = tmp_path / "sweeps" / "small"
    folder.mkdir(parents=True)
    for number, run in enumerate(sorted(tmp_path.glob("runs/*/*"), reverse=True)):
        run.rename(folder / str(number))
        row = json.loads((folder / str(number) / "run.json").read_text())
        row["overrides"] += [f"trainer.epochs={number}", "runtime.outputs=/gone"]
        (folder / str(number) / "run.json").write_text(json.dumps(row))
        report_pages.tell(folder, {"job": number, "label": str(number), "status": "done"})
    note(folder, {"rows": "dataset_variant", "columns": "scale", "metrics": ["truthfulness", "words"]})
    for file in tmp_path.glob("*/*/record.json"):
        named = {"stage": file.parent.parent.name, "fingerprint": file.parent.name}
        file.write_text(json.dumps(json.loads(file.read_text()) | named))
    export(["small"], tmp_path, tmp_path / "small.tar.gz")
    with tarfile.open(tmp_path / "small.tar.gz") as archive:
        archive.extractall(tmp_path / "there", filter="data")
    outputs = tmp_path / "there" / "small" / "outputs"
    lines = [line.split() for line in (outputs.parent / "README.txt").read_text().splitlines()]
    reports = [words[3:] for words in lines if words[:3] == ["python", "-m", "alpaca_exp.report"]]
    assert [words[0] for words in reports] == ["page", "outputs"]
    for words in reports:
        report([str(outputs) if word == "outputs" else word for word in words])
    said = capsys.readouterr()
    assert "| dataset_variant | large truthfulness | large words |" in said.out and not said.err
    assert (outputs / "reports" / "small" / "index.html").is_file()
    jobs = [words[-2:] for words in lines if words[:3] == ["python", "-m", "alpaca_exp"]]
    assert jobs == [[f"trainer.epochs={number}", "runtime.outputs=outputs"] for number in range(12)]


def test_the_manifest_names_every_file_by_its_content(bought: Path, tmp_path: Path) -> None:
    from alpaca_exp.content import sha256

    folder = unpacked(bought, tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {name: sha256(folder / name) for name in manifest["files"]} == manifest["files"]
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert there - set(manifest["files"]) == {"README.txt", "manifest.json", "outputs/journal/fake.jsonl"}


def test_the_same_runs_make_the_same_archive(bought: Path, tmp_path: Path) -> None:
    outputs = bought / "outputs"
    export(["original"], outputs, tmp_path / "a" / "x.tar.gz")
    export(["original"], outputs, tmp_path / "b" / "x.tar.gz")
    assert (tmp_path / "a" / "x.tar.gz").read_bytes() == (tmp_path / "b" / "x.tar.gz").read_bytes()


def test_only_answers_leave_the_journal_and_each_of_them_once(tmp_path: Path) -> None:
    outputs = judged(tmp_path / "outputs")
    journal = outputs.path / "journal" / "m.jsonl"
    journal.parent.mkdir()
    states = [("a", "sent"), ("a", "answered"), ("b", "failed"), ("a", "answered"), ("c", "answered")]
    rows = [
        {"key": key, "state": state, "account": "judge/j", "n": n} for n, (key, state) in enumerate(states)
    ]
    lines = [json.dumps(row) for row in rows]
    journal.write_text("\n".join([*lines, '{"key": "d", "state": "answered"']))
    made = export([], outputs.path, tmp_path / "all.tar.gz")
    with tarfile.open(made.file) as archive:
        kept = archive.extractfile("all/outputs/journal/m.jsonl").read().decode()  # type: ignore[union-attr]
    assert made.answers == 2
    assert [json.loads(line)["n"] for line in kept.splitlines()] == [3, 4]
    assert export([], outputs.path, tmp_path / "none.tar.gz", journal=False).answers == 0


def test_models_can_be_left_behind_and_that_is_said(tmp_path: Path) -> None:
    outputs = judged(tmp_path / "outputs")
    model = outputs.path / "judge" / "j" / "model"
    model.mkdir()
    (model / "model.safetensors").write_bytes(bytes(1000))
    made = export([], outputs.path, tmp_path / "x.tar.gz", weights=False)
    assert made.without == ("judge/j",) and "without the weights of 1" in made.summary()
    with tarfile.open(made.file) as archive:
        assert not [name for name in archive.getnames() if name.endswith(".safetensors")]


def test_a_sweeps_name_means_all_its_runs(tmp_path: Path) -> None:
    outputs = filled(tmp_path)
    row = outputs.run("original", seed=7)
    job = tmp_path / "sweeps" / "mine" / "0"
    job.mkdir(parents=True)
    (job / "run.json").write_text(json.dumps({**row, "experiment": "other"}))
    assert [run.name for run in chosen(["mine"], tmp_path)] == ["sweeps/mine/0"]
    assert [run.name for run in chosen([str(job.parent)], tmp_path)] == ["sweeps/mine/0"]
    assert len(chosen(["original"], tmp_path)) == 7
    assert [run.name for run in chosen(["mine/0", "other"], tmp_path)] == ["sweeps/mine/0"]


def test_what_cannot_be_exported_is_said_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = judged(tmp_path / "outputs")
    with pytest.raises(InputError, match="nothing names no run, sweep or experiment"):
        export(["nothing"], outputs.path, tmp_path / "x.tar.gz")
    (outputs.path / "judge" / "j" / "verdicts.jsonl").write_text("changed")
    with pytest.raises(InputError, match=r"verdicts\.jsonl was changed"):
        export([], outputs.path, tmp_path / "x.tar.gz")
    shutil.rmtree(outputs.path / "judge")
    with pytest.raises(InputError, match="needs j, which is not there"):
        export([], outputs.path, tmp_path / "x.tar.gz")
    assert main(["export", "--out", "x.zip", f"runtime.outputs={outputs.path}"]) == 2
    assert "must end in .tar.gz" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        export([], judged(tmp_path / "more").path, tmp_path / "file" / "x.tar.gz")
    assert not list(tmp_path.glob("*.draft"))


def judged(path: Path) -> Outputs:
    """One run that judged answers with the model m."""
    from alpaca_exp.content import sha256

    outputs = Outputs(path)
    outputs.run("original", artifacts={"judge": "j"})
    folder = outputs.artifact("judge", "j", {"judge": {"model": "m"}}, verdicts=[{"question_id": "q"}])
    record = json.loads((folder / "record.json").read_text())
    files = {"verdicts.jsonl": sha256(folder / "verdicts.jsonl")}
    told = {**record, "stage": "judge", "fingerprint": "j", "files": files}
    (folder / "record.json").write_text(json.dumps(told))
    return outputs
