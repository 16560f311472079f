"""What `sweeps status` and `attach` tell of a sweep that another process runs, or ran until it was killed."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.errors import Stopped
from alpaca_exp.records import Row
from alpaca_exp.report.jobs import standing
from alpaca_exp.sweep_folder import at_work
from alpaca_exp.sweeping.status import attach, status

LOST = "its process ended without a word"
RESULTS = {"objectives": {"usd": "minimize"}, "n_trials": 2, "retried": 0}


def job(number: int, state: str, **more: Any) -> Row:
    return {"job": number, "label": f"seed={number}", "status": state, "fingerprints": {}, **more}


def trial(number: int, state: str, retry_of: int | None = None, error: str | None = None) -> Row:
    value = [1.0] if state == "complete" else None
    told = {"number": number, "state": state, "params": {"seed": number}, "values": value, "steps": None}
    more = {"distributions": {}, "intermediate": {}, "seconds": 1.0, "folder": None, "ended": "1"}
    return {**told, **more, "retry_of": retry_of, "error": error}


def lay(sweep: Path, jobs: list[Row], trials: list[Row] | None = None) -> Path:
    """The folder of a grid with these jobs, or of a study of two trials."""
    kind = "grid" if trials is None else "study"
    told = {"name": "some", "kind": kind, "created": "0", "started": "0", "command": ["python"], "jobs": 2}
    if trials is None:
        told["numbers"] = [0, 1]
    else:
        told["study"] = {"objectives": RESULTS["objectives"], "study_name": "some", "n_trials": 2}
        states = [one["state"] for one in trials]
        count = {name: states.count(name) for name in ("complete", "pruned", "fail", "running", "waiting")}
        retried = sum(one["retry_of"] is not None for one in trials)
        found = {**RESULTS, "retried": retried, "trials": count}
        (sweep / "optimization_results.yaml").write_text(json.dumps(found))
        (sweep / "trials.jsonl").write_text("".join(json.dumps(row) + "\n" for row in trials))
    (sweep / "sweep.json").write_text(json.dumps(told))
    (sweep / "jobs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in jobs))
    return sweep


def test_attach_waits_for_a_sweep_that_another_process_runs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path, [job(0, "done", seconds=1.0), job(1, "waiting")])
    begun = threading.Event()

    def run() -> None:
        with at_work(tmp_path):
            begun.set()
            time.sleep(0.8)
            with (tmp_path / "jobs.jsonl").open("a") as file:
                file.write(json.dumps(job(1, "done", seconds=2.0)) + "\n")

    other = threading.Thread(target=run)
    other.start()
    begun.wait()
    assert [one.status for one in attach(tmp_path)] == ["done", "done"]
    other.join()
    told = capfd.readouterr().out
    assert "another process runs it; waiting for its end" in told
    assert "2 jobs: 2 done" in told


@pytest.mark.parametrize("state", ["waiting", "running"])
def test_attach_says_that_nobody_is_at_what_has_no_result(tmp_path: Path, state: str) -> None:
    lay(tmp_path, [job(0, "done"), job(1, state)])
    with pytest.raises(Stopped, match="1 of 2 jobs has no result, and nobody is at it; the same command"):
        attach(tmp_path)


def test_attach_says_that_a_study_lacks_trials_that_were_never_asked_for(tmp_path: Path) -> None:
    lay(tmp_path, [job(0, "done")], [trial(0, "complete")])
    with pytest.raises(Stopped, match="1 of 2 trials has no result, and nobody is at it"):
        attach(tmp_path)


def test_a_study_that_was_killed_is_counted_as_its_jobs_are(tmp_path: Path) -> None:
    lay(tmp_path, [job(0, "done"), job(1, "running")], [trial(0, "complete"), trial(1, "running")])
    told = status(tmp_path)
    assert "2 jobs: 1 done, 1 killed" in told and "1 of 2 trials: 1 complete, 1 killed" in told


def test_a_killed_trial_that_was_tried_again_names_the_one_that_took_its_place(tmp_path: Path) -> None:
    jobs = [job(0, "done"), job(1, "running"), job(2, "done")]
    trials = [trial(0, "complete"), trial(1, "fail", error=LOST), trial(2, "complete", retry_of=1)]
    told = status(lay(tmp_path, jobs, trials))
    assert f"1  retried              seed=1: {LOST}; tried again as trial 2" in told
    assert "starting the sweep again" not in told
    assert "3 jobs: 2 done, 1 ended early and tried again" in told
    shown = standing(tmp_path)
    assert shown is not None and (shown.counts, shown.lacking) == (
        {"found from before": 2, "tried again": 1},
        0,
    )
    assert [one.status for one in attach(tmp_path)] == ["done", "retried", "done"]


def test_a_point_that_waits_to_be_tried_again_is_told_of_with_its_trial(tmp_path: Path) -> None:
    jobs, again = [job(0, "done"), job(1, "running")], trial(2, "waiting", retry_of=1)
    lay(tmp_path, jobs, [trial(0, "complete"), trial(1, "fail", error=LOST), again])
    assert f"job 1 killed: {LOST}; its point is queued again, as trial 2" in status(tmp_path)


def test_why_a_trial_was_pruned_stands_beside_it(tmp_path: Path) -> None:
    why = "pruned at 20 % of its steps: loss was 3.1"
    lay(tmp_path, [job(0, "done"), job(1, "pruned", seconds=0.7, error=why)], [trial(0, "complete")])
    assert f"1  pruned        0.7 s  seed=1: {why}" in status(tmp_path)
