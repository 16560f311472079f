"""How a sweep in SLURM's hands is told of, by what squeue says: here a program in its place prints that."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from alpaca_exp.sweeping.status import status

PRETRAIN = "pretrain-00000000000000aa"


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """The folder of a sweep of 50 jobs that share a stage, all submitted."""
    jobs = [
        {
            "job": number,
            "label": f"seed={number}",
            "status": "waiting",
            "fingerprints": {"pretrain": "00000000000000aa"},
        }
        for number in range(50)
    ]
    units = [(PRETRAIN, "11"), *((str(number), f"12_{number}") for number in range(50))]
    sent = [{"unit": unit, "slurm": job, "name": "many"} for unit, job in units]
    for name, rows in (("jobs.jsonl", jobs), ("slurm.jsonl", sent)):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def queue(path: Path, monkeypatch: pytest.MonkeyPatch, jobs: Mapping[str, str]) -> None:
    """Let squeue know these jobs, each with its state and reason."""
    programs = path / "programs"
    programs.mkdir(exist_ok=True)
    said = "".join(f"{job}|{state}\n" for job, state in jobs.items())
    (programs / "said").write_text(said)
    script = programs / "squeue"
    script.write_text(f"#!/bin/sh\ncat {programs}/said\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")


def listed(told: str) -> Sequence[str]:
    return [
        line for line in told.splitlines() if line.strip().startswith(tuple("0123456789")) and "(job" in line
    ]


def test_many_jobs_that_wait_are_counted_by_what_they_wait_for(
    sweep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = {f"12_{number}": "PENDING|many|(Dependency)" for number in range(50)}
    queue(sweep, monkeypatch, {"11": "RUNNING|many|node7", **waiting})
    told = status(sweep)
    assert "running              pretrain, shared by 50 jobs (job 11, node7)" in told
    assert "50 jobs: waits for the shared stage pretrain of job 11" in told
    assert not listed(told) and "50 jobs: 50 in SLURM's queue" in told


def test_a_job_that_runs_is_listed_with_its_machine_and_one_that_waits_with_slurms_reason(
    sweep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sweep / "shared").mkdir()
    (sweep / "shared" / f"{PRETRAIN}.json").write_text('{"status": "done"}')
    waiting = {f"12_{number}": "PENDING|many|(Priority)" for number in range(1, 50)}
    queue(sweep, monkeypatch, {"12_0": "RUNNING|many|node7", **waiting})
    told = status(sweep)
    assert listed(told) == ["    0  running              seed=0 (job 12_0, node7)"]
    assert "49 jobs: Priority" in told and "shared by" not in told


def test_that_slurm_gives_no_answer_is_said(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(sweep))
    told = status(sweep)
    assert "SLURM gives no answer here" in told and "50 jobs: 50 not started" in told


def test_a_job_of_another_name_with_the_same_number_is_not_ours(
    sweep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(sweep, monkeypatch, {"12_0": "RUNNING|somebody's|node7"})
    told = status(sweep)
    assert "running" not in told and "50 jobs: 50 not started" in told
