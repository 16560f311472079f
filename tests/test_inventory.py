"""Keeping house: what nobody needs may go, what may still be needed stays."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from alpaca_exp.artifacts import Artifact, Stage, run
from alpaca_exp.errors import InputError
from alpaca_exp.inventory import OLD_S, entries, remove, unused
from alpaca_exp.ledger import report
from alpaca_exp.records import Usage
from alpaca_exp.store import main


def write(*, out: Path) -> None:
    (out / "text.txt").write_text("text")


def made(outputs: Path, age_s: float = 0.0) -> Artifact:
    artifact = run(Stage("write", write, {}), outputs)
    for file in artifact.path.iterdir():
        past = file.stat().st_mtime - age_s
        os.utime(file, (past, past))
    return artifact


def test_an_artifact_is_kept_for_a_day_since_its_run_may_still_be_going(
    tmp_path: Path,
) -> None:
    made(tmp_path)
    assert unused(tmp_path) == []


def test_an_old_artifact_goes_unless_a_run_names_it(tmp_path: Path) -> None:
    artifact = made(tmp_path, age_s=OLD_S + 60)
    assert [entry.path for entry in unused(tmp_path)] == [artifact.path]
    folder = tmp_path / "runs" / "mine" / "1"
    folder.mkdir(parents=True)
    row = {
        "experiment": "mine", "preset": "miniature", "scale": "small", "seed": 0, "labels": {},
        "overrides": [], "artifacts": {"write": artifact.path.name}, "status": "done",
        "started": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(row))
    assert unused(tmp_path) == []
    (folder / "run.json").write_text(json.dumps(row)[:40])
    with pytest.raises(InputError, match="cannot be read"):
        unused(tmp_path)
    (folder / "run.json").unlink()
    remove(unused(tmp_path)[0])
    assert not artifact.path.exists()


def replay(*, out: Path) -> None:
    report(out, Usage(usd=0.0, usd_avoided=1.09))


def stop(*, out: Path) -> None:
    report(out, Usage(usd=0.75))
    raise KeyboardInterrupt


def test_the_list_tells_what_it_would_cost_and_what_was_paid_also_of_what_was_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(Stage("replay", replay, {}), tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(Stage("stop", stop, {}), tmp_path)
    found = {entry.path.parent.name: (entry.usd, entry.paid) for entry in entries(tmp_path, [])}
    assert found == {"replay": (1.09, 0.0), "stop": (0.75, 0.75)}
    assert main(["list", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "1.0900    0.0000" in said and "0.7500    0.7500" in said and "whoever paid" in said
