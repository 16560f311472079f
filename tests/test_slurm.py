"""Sweeps on a real SLURM of one machine, where SLURM is installed."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster, cluster, missing
from tests.slurm.sweeps import DATA, GRID, LONG, MEMORY, SLURM, STEPS, SWEEPS, jobs, running, submitted, until
from tests.stories import rows, run_in, start_in

THREE = "dataset_variant=original,cleaned,rated"

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """SLURM without accounting, as many small ones are."""
    folder = tmp_path_factory.mktemp("slurm")
    with cluster(folder) as found:
        yield found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, slurm: Cluster) -> Path:
    """A folder in which a grid of three jobs ran."""
    folder = tmp_path_factory.mktemp("place")
    done = run_in(folder, *DATA, THREE, "name=grid", **slurm.environment)
    assert done.returncode == 0, done.stderr + done.stdout
    (folder / "said").write_text(done.stdout)
    return folder


def test_a_grid_runs_as_jobs_of_slurm_with_what_they_share_made_once(place: Path) -> None:
    said = (place / "said").read_text()
    assert "3 submitted to SLURM" in said and "3 jobs: 3 done" in said
    sweep = place / "outputs" / "sweeps" / "grid"
    assert {row["status"] for row in jobs(sweep).values()} == {"done"}
    units = [row["unit"] for row in rows(sweep / "slurm.jsonl")]
    assert len(units) == len(set(units)) and {"0", "1", "2"} < set(units)
    assert len(list((place / "outputs" / "generate").iterdir())) == 1
    assert all("curate     made" in (sweep / str(n) / "job.log").read_text() for n in range(3))


def test_jobs_wait_for_the_shared_stages_that_they_need_and_for_no_others(
    place: Path, slurm: Cluster
) -> None:
    """In one sweep two pairs of jobs, each of which shares data that the other does not need."""
    words = (*DATA, "teacher.seed=60,61", "dataset_variant=original,cleaned", "runtime.detach=true")
    slurm("scontrol", "update", "partitionname=main", "state=down")
    try:
        for name, limit in (("apart", 256), ("bounded", 3)):
            left = run_in(
                place,
                *words,
                f"name={name}",
                f"hydra.launcher.array_parallelism={limit}",
                **slurm.environment,
            )
            assert left.returncode == 0, left.stderr
        given = {name: submitted(place / "outputs" / "sweeps" / name) for name in ("apart", "bounded")}
        queued = slurm("squeue", "-h", "-r", "-o", "%i|%E")
        told = (row.split("|") for row in queued.splitlines())
        waits = {job: set(re.findall(r"\d+(?:_\d+|_\*)?", of)) for job, of in told}
    finally:
        slurm("scancel", "-n", "apart")
        slurm("scancel", "-n", "bounded")
        slurm("scontrol", "update", "partitionname=main", "state=up")
    apart = {frozenset(waits[given["apart"][str(number)]]) for number in range(4)}
    assert len(apart) == 2 and not frozenset.intersection(*apart) and all(apart)
    bounded = {frozenset(waits[given["bounded"][str(number)]]) for number in range(4)}
    assert len(bounded) == 1, "one array, which alone heeds how many may run at a time"


def test_the_same_sweep_again_submits_nothing(place: Path, slurm: Cluster) -> None:
    done = run_in(place, *DATA, THREE, "name=grid", **slurm.environment)
    assert done.returncode == 0 and "3 found from before, 0 to run" in done.stdout


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("partition=nope", "hydra.launcher.partition (now nope)"),
        ("mem_gb=9000", "hydra.launcher.mem_gb"),
        ("constraint=nope", "hydra.launcher.constraint (now nope)"),
        ("timeout_min=0", "hydra.launcher.timeout_min is 0; it must be 1 or more"),
        ("tasks_per_node=2", "hydra.launcher.tasks_per_node is 2; it must be 1"),
        ("nodes=2", "runtime.num_nodes is 1"),
    ],
)
def test_what_slurm_refuses_is_one_sentence_and_nothing_is_submitted(
    place: Path, slurm: Cluster, asked: str, told: str
) -> None:
    words = (*SLURM, f"hydra.launcher.{asked}", "seed=90,91", "name=refused")
    done = run_in(place, *words, **slurm.environment)
    assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr
    assert slurm("squeue", "-h", "-n", "refused") == ""


def test_a_sweep_can_be_left_looked_at_and_collected(place: Path, slurm: Cluster) -> None:
    words = (*DATA, "teacher.seed=3,4", "name=left", "runtime.detach=true")
    slurm("scontrol", "update", "partitionname=main", "state=down")  # so that nothing ends too soon
    left = run_in(place, *words, **slurm.environment)
    assert left.returncode == 0 and "sweeps attach outputs/sweeps/left" in left.stdout
    status = run_in(place, "status", "outputs/sweeps/left", module=SWEEPS, **slurm.environment)
    assert re.search(r"(running|queued) .*teacher.seed=3 \(job \d+_0", status.stdout), status.stdout
    again = run_in(place, *words, **slurm.environment)
    assert "2 are in SLURM's hands from before" in again.stdout and "0 submitted" in again.stdout
    slurm("scontrol", "update", "partitionname=main", "state=up")
    collected = run_in(place, "attach", "outputs/sweeps/left", module=SWEEPS, **slurm.environment)
    assert collected.returncode == 0 and "2 jobs: 2 done" in collected.stdout


def test_a_job_that_is_killed_costs_no_other_its_result(place: Path, slurm: Cluster) -> None:
    words = (*GRID, "trainer.epochs=150,1", "name=killed", "judge=none")
    sweep = place / "outputs" / "sweeps" / "killed"
    waiting = start_in(place, *words, **slurm.environment)
    log = sweep / "0" / "job.log"
    until(
        lambda: log.exists() and "opponent" not in log.read_text() and jobs(sweep)[0]["status"] == "running"
    )
    [first] = [row["slurm"] for row in rows(sweep / "slurm.jsonl") if row["unit"] == "0"]
    slurm("scancel", "-s", "KILL", "-f", first)
    printed, complained = waiting.communicate(timeout=120)
    assert waiting.returncode == 4, printed + complained
    assert "2 jobs: 1 done, 1 failed" in printed and re.search(
        r"job 0 failed: (killed|ended|cancelled)", printed
    )
    mended = run_in(place, *GRID, "trainer.epochs=150,1", "name=killed", "judge=none", **slurm.environment)
    assert mended.returncode == 0 and "1 found from before, 1 to run" in mended.stdout


@pytest.mark.long
def test_jobs_that_are_preempted_go_on_from_their_last_step(place: Path, slurm: Cluster) -> None:
    words = (*GRID, *LONG, "seed=10,11,12,13,14,15", "name=preempted", "runtime.checkpoint_every_s=2")
    sweep, trained = place / "outputs" / "sweeps" / "preempted", place / "outputs" / "train"
    others = set(trained.glob("*"))
    waiting = start_in(place, *words, **slurm.environment)
    late = "*/checkpoints/step-*[3-9]??.ckpt"  # three hundred steps, or more, are saved
    until(lambda: len({file.parents[1] for file in trained.glob(late)} - others) == 6)
    slurm("sbatch", "-p", "high", "-n", "6", "--mem=60", "-o", "/dev/null", "--wrap", "sleep 1")
    printed, complained = waiting.communicate(timeout=600)
    assert waiting.returncode == 0 and "6 jobs: 6 done" in printed, printed + complained
    for number in range(6):
        log = (sweep / str(number) / "job.log").read_text()
        counted = json.loads((sweep / str(number) / "restarts.json").read_text())
        assert counted["restarts"] == 1, "each was preempted once"
        [stopped] = re.findall(rf"stopped after step (\d+) of {STEPS}", log)
        [behind] = re.findall(rf"goes on behind step (\d+) of {STEPS}", log)
        assert 0 < int(behind) == int(stopped), "nothing was trained twice"
        train = json.loads((sweep / str(number) / "run.json").read_text())["artifacts"]["train"]
        lines = (trained / train / "metrics.csv").read_text().splitlines()
        assert [int(line.split(",")[0]) for line in lines[1:]] == list(range(1, STEPS + 1))


@pytest.mark.long
def test_a_training_that_outlives_its_time_limit_goes_on_in_the_next(place: Path, slurm: Cluster) -> None:
    limits = ("hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=50")
    words = (*SLURM, MEMORY, *limits, *LONG, "trainer.epochs=6000", "seed=20", "name=timed")
    sweep = place / "outputs" / "sweeps" / "timed"
    waiting = start_in(place, *words, **slurm.environment)
    log = sweep / "0" / "job.log"
    until(lambda: log.exists() and "goes on behind step" in log.read_text(), seconds=200)
    os.kill(waiting.pid, signal.SIGKILL)
    restarts = json.loads((sweep / "0" / "restarts.json").read_text())
    assert restarts["restarts"] >= 1
    status = run_in(place, "status", "outputs/sweeps/timed", module=SWEEPS, **slurm.environment)
    assert re.search(r"started again \d+ times?\)", status.stdout), status.stdout
    slurm("scancel", "-n", "timed")
    again = run_in(place, "attach", "outputs/sweeps/timed", module=SWEEPS, **slurm.environment)
    assert again.returncode == 4 and "cancelled" in again.stdout


@pytest.mark.long
def test_starts_are_bounded_by_max_restarts(place: Path, slurm: Cluster) -> None:
    words = (*GRID, *LONG, "trainer.epochs=6000", "seed=30", "name=bounded", "runtime.max_restarts=0")
    sweep = place / "outputs" / "sweeps" / "bounded"
    waiting = start_in(place, *words, **slurm.environment)
    log = sweep / "0" / "job.log"
    until(lambda: log.exists() and "steps" in log.read_text())
    slurm("scontrol", "requeue", [row["slurm"] for row in rows(sweep / "slurm.jsonl")][-1])
    printed, _ = waiting.communicate(timeout=200)
    assert waiting.returncode == 4
    assert "runtime.max_restarts=0 allows no further start" in printed


@pytest.mark.long
def test_a_sweep_that_is_killed_submits_only_what_slurm_does_not_have(place: Path, slurm: Cluster) -> None:
    words = (*GRID, "seed=40,41,42,43,44,45", "name=again", "hydra.launcher.array_parallelism=2")
    sweep = place / "outputs" / "sweeps" / "again"
    waiting = start_in(place, *words, **slurm.environment)
    until(lambda: sum(row["status"] == "done" for row in jobs(sweep).values()) >= 2)
    os.kill(waiting.pid, signal.SIGKILL)
    slurm("scancel", "-n", "again", "-t", "PENDING")
    until(lambda: running(slurm, "again") == 0)
    done = sum(row["status"] == "done" for row in jobs(sweep).values())
    assert 2 <= done < 6
    before = len(rows(sweep / "slurm.jsonl"))
    ended = run_in(place, *words, **slurm.environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(rows(sweep / "slurm.jsonl")) - before == 6 - done
    assert all(row["status"] == "done" for row in jobs(sweep).values())


@pytest.mark.long
def test_a_job_that_takes_too_much_memory_says_so(place: Path, slurm: Cluster) -> None:
    words = (*SLURM, "hydra.launcher.mem_per_cpu=50M", "seed=50", "name=greedy")
    done = run_in(place, *words, **slurm.environment)
    assert done.returncode == 4
    assert (
        "more memory than the 50M (mem_per_cpu) it asked for; raise hydra.launcher.mem_per_cpu" in done.stdout
    )


@pytest.mark.long
def test_two_devices_train_one_model_in_one_task(place: Path, slurm: Cluster) -> None:
    ddp = ("runtime.devices=2", "runtime.accelerator=cpu", "runtime.strategy=ddp")
    done = run_in(
        place, *GRID, *ddp, "hydra.launcher.cpus_per_task=2", "seed=60", "name=ddp", **slurm.environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 jobs: 1 done" in done.stdout or "1 job: 1 done" in done.stdout


@pytest.mark.long
@pytest.mark.skipif(missing(accounting=True) is not None, reason=str(missing(accounting=True)))
def test_with_accounting_a_cancelled_job_is_told_from_a_failed_one(tmp_path: Path) -> None:
    with cluster(tmp_path / "slurm", accounting=True) as slurm:
        refused = run_in(
            tmp_path, *GRID, "hydra.launcher.account=nope", "seed=0", "name=a", **slurm.environment
        )
        assert refused.returncode == 2 and "hydra.launcher.account (now nope)" in refused.stderr
        waiting = start_in(tmp_path, *GRID, *LONG, "seed=0", "name=b", **slurm.environment)
        log = tmp_path / "outputs" / "sweeps" / "b" / "0" / "job.log"
        until(lambda: log.exists() and "steps" in log.read_text())
        slurm("scancel", "-n", "b")
        printed, _ = waiting.communicate(timeout=120)
        assert waiting.returncode == 4 and "cancelled: somebody, or SLURM itself, ended it" in printed
