"""How a sweep in SLURM's hands is told of, by what squeue says: here a program in its place prints that."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from alpaca_exp.errors import InputError, JobsFailed
from alpaca_exp.sweep_folder import Entry
from alpaca_exp.sweeping.board import Board
from alpaca_exp.sweeping.gathering import Watched
from alpaca_exp.sweeping.restarts import Restarts
from alpaca_exp.sweeping.status import attach, raise_for, status
from alpaca_exp.sweeping.table import line

DESCRIBED = {"name": "study", "created": "now", "started": "now", "command": ["python"]}
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


def test_a_job_that_waits_for_no_stage_of_its_own_is_told_how_its_wave_stands(
    sweep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = (sweep / "jobs.jsonl").read_text().splitlines()
    alone = {**json.loads(jobs[7]), "fingerprints": {}}
    with (sweep / "jobs.jsonl").open("a") as file:
        file.write(json.dumps(alone) + "\n")
    waiting = {f"12_{number}": "PENDING|many|(Dependency)" for number in range(50)}
    queue(sweep, monkeypatch, {"11": "RUNNING|many|node7", **waiting})
    told = status(sweep)
    assert "1 job: waits for the wave of shared stages: 0 of 1 made" in told
    assert "49 jobs: waits for the shared stage pretrain of job 11" in told


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
    assert "running" not in told and "50 jobs: 50 failed" in told
    assert told.count("it never began (cancelled?); the same command submits it again") == 1


ENDS = {
    0: (
        "running",
        "OUT_OF_MEMORY",
        "killed: more memory than the 1 GB it asked for; raise hydra.launcher.mem_gb",
    ),
    1: ("stopped", "CANCELLED", "cancelled: somebody, or SLURM itself, ended it"),
    2: ("waiting", "CANCELLED", "it never began, since somebody, or SLURM itself, cancelled it"),
    3: ("waiting", None, "it never began (cancelled?); the same command submits it again"),
    4: ("running", "TIMEOUT", "ended at its time limit of 20 min"),
    5: ("running", None, "ended without a result, and SLURM no longer knows it: all was lost"),
    6: ("stopped", "COMPLETED", "stopped by a signal"),
}
"""What a job's last row says, how SLURM has it ended, and what is to be told of it."""


@pytest.fixture
def ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a sweep whose jobs SLURM has ended, each in its own way."""
    signal = {"stopped": "stopped by a signal"}
    jobs = [
        {"job": number, "label": f"seed={number}", "status": row, "error": signal.get(row)}
        for number, (row, _, _) in ENDS.items()
    ]
    asked = {"mem_gb": 1, "timeout_min": 20}
    sent = [{"unit": str(n), "slurm": f"12_{n}", "name": "many", "asked": asked} for n in ENDS]
    for name, rows in (("jobs.jsonl", jobs), ("slurm.jsonl", sent)):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    logs = tmp_path / ".submitit" / "12_5"
    logs.mkdir(parents=True)
    (logs / "12_5_0_log.err").write_text("all was lost\n")
    queue(tmp_path, monkeypatch, {f"12_{n}": f"{end}|many|x" for n, (_, end, _) in ENDS.items() if end})
    return tmp_path


def test_status_tells_the_fate_of_what_slurm_ended_and_writes_nothing(ended: Path) -> None:
    before = (ended / "jobs.jsonl").read_bytes()
    told = status(ended)
    for number, (_, _, why) in ENDS.items():
        word = "stopped" if number == 6 else "failed"
        assert f"job {number} {word}: {why}" in told
    assert "7 jobs: 6 failed, 1 stopped" in told and (ended / "jobs.jsonl").read_bytes() == before


def test_status_and_attach_tell_the_same_of_it_before_and_after(
    ended: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("alpaca_exp.sweeping.gathering.SURE_S", 0.0)
    monkeypatch.setattr("alpaca_exp.sweeping.gathering.SURE_OF_SUCCESS_S", 0.0)
    before = status(ended)
    with pytest.raises(JobsFailed, match="6 of 7"):
        attach(ended)
    shown = capfd.readouterr().out.partition("\n\n")[2]
    reasons = [line for line in before.splitlines() if line.startswith("job ")]
    assert len(reasons) == 7 and all(line in shown for line in reasons)
    assert status(ended) == before


def test_an_agent_that_is_lost_is_told_of_while_trials_are_to_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sweep.json").write_text(json.dumps({**DESCRIBED, "jobs": 3}))
    sent = [{"unit": f"agent-{n}", "slurm": str(11 + n), "name": "study"} for n in range(2)]
    (tmp_path / "slurm.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sent))
    queue(tmp_path, monkeypatch, {"11": "CANCELLED|study|x", "12": "RUNNING|study|node7"})
    told = status(tmp_path)
    assert "failed               agent-0: it never began, since somebody, or SLURM itself, cancelled" in told
    assert "running              agent-1 (job 12, node7)" in told
    (tmp_path / "sweep.json").write_text(json.dumps({**DESCRIBED, "jobs": 0}))
    assert "agent-0" not in status(tmp_path)


def test_whoever_waits_is_told_of_a_job_that_slurm_has_started_again(
    sweep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sweep / "0").mkdir()
    (sweep / "0" / "restarts.json").write_text(json.dumps({"slurm": "12_0", "restarts": 1}))
    queue(sweep, monkeypatch, {"12_0": "RUNNING|many|node7", "12_1": "PENDING|many|(Priority)"})
    watched = Watched(sweep, {"0", "1"})
    assert list(watched.look()) == [] and watched.running == {"0"}
    assert watched.restarts == {"0": 1}


def test_what_only_waits_is_not_said_to_go_on_now(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("alpaca_exp.sweeping.board.FIRST_WORD_S", 0.0)
    board = Board(2)
    board.meanwhile = "2 in SLURM's hands (Priority)"
    said = ""
    while not said:
        said = capfd.readouterr().out
    board.close()
    assert said.startswith("0 of 2 jobs; 2 in SLURM's hands (Priority)")


@pytest.mark.parametrize(("statuses", "said"), [("f", "1 of 1 job failed"), ("fd", "1 of 2 jobs failed")])
def test_how_many_jobs_failed_is_said_in_words(statuses: str, said: str) -> None:
    words = {"f": "failed", "d": "done"}
    with pytest.raises(JobsFailed, match=said):
        raise_for([Entry(number, "", words[one]) for number, one in enumerate(statuses)])


def test_a_sweeps_name_alone_is_told_where_its_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "outputs" / "sweeps" / "factorial"
    folder.mkdir(parents=True)
    (folder / "jobs.jsonl").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="did you mean outputs/sweeps/factorial"):
        status(Path("factorial"))
    with pytest.raises(InputError, match="there are outputs/sweeps/factorial"):
        status(Path("other"))


@pytest.mark.parametrize(("count", "said"), [(0, "requeued) 1 time, and"), (2, "requeued) 3 times, and")])
def test_how_often_slurm_stopped_a_job_is_said_in_words(count: int, said: str) -> None:
    assert said in Restarts(count, 0).verdict


def test_a_long_reason_is_cut_between_two_words() -> None:
    told = line(1, "seed=1", "failed", None, "because " * 40)
    assert told.endswith(": " + " ".join(["because"] * 20) + " ...")
    assert line(1, "seed=1", "failed", None, "short").endswith(": short")
