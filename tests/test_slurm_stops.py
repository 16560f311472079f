"""On a real SLURM: whatever a job is at when SLURM takes its machine away, it goes on from there."""

from __future__ import annotations

import functools
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batches import Body
from tests.servers import Reply, Server, sensible
from tests.slurm.cluster import Cluster, cluster, missing
from tests.slurm.sweeps import GRID, LONG, SWEEPS, jobs, said, submitted, until
from tests.stories import records, rows, run_in, start_in
from tests.studies import results, states, sweep_in

ASKED = ("teacher=openai", "teacher.model=fake", "teacher.num_examples=150", "trainer.epochs=1")
JUDGED = ("judge=openai", "judge.model=fake")
AT_ONCE = 2
"""Requests under way at a time."""

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("slurm")) as found:
        yield found


def preempt(slurm: Cluster) -> None:
    """Take the whole machine, for a moment."""
    slurm("sbatch", "-p", "high", "-n", "6", "--mem=60", "-o", "/dev/null", "--wrap", "sleep 1")


def test_a_shared_stage_that_is_preempted_goes_on_while_the_jobs_wait_for_it(
    tmp_path: Path, slurm: Cluster
) -> None:
    words = (*GRID, "world.corpus_tokens=1600000", "seed=0,1", "judge=none", "name=shared")
    sweep = tmp_path / "outputs" / "sweeps" / "shared"
    waiting = start_in(tmp_path, *words, **slurm.environment)
    until(lambda: list(sweep.glob("shared/pretrain-*.log")))
    [log] = sweep.glob("shared/pretrain-*.log")
    until(lambda: re.search(r"pretrain: [\d,]+ of", said(log)))
    status = run_in(tmp_path, "status", str(sweep), module=SWEEPS, **slurm.environment).stdout
    making = submitted(sweep)[log.stem]
    assert f"running              pretrain, shared by 2 jobs (job {making}" in status
    assert len(re.findall(rf"queued .*waits for .*the shared stage pretrain of job {making}", status)) == 2
    preempt(slurm)
    printed, complained = waiting.communicate(timeout=300)
    assert waiting.returncode == 0, printed + complained
    assert json.loads((sweep / "shared" / f"{log.stem}.restarts.json").read_text())["restarts"] == 1
    [behind] = re.findall(r"goes on behind step (\d+) of", said(log))
    assert int(behind) > 0
    for number in (0, 1):
        assert "pretrain   found" in said(sweep / str(number) / "job.log"), "made by nobody else"
        began = json.loads((sweep / str(number) / "restarts.json").read_text())
        assert began["restarts"] == 0, "it had not begun"


def test_data_that_a_teacher_writes_and_verdicts_of_a_judge_are_not_asked_for_again(
    tmp_path: Path, slurm: Cluster
) -> None:
    def slowly(body: Body, number: int) -> Reply:
        time.sleep(0.4)
        return sensible(body)

    with Server(slowly) as server:
        places = [
            f"{who}.{key}"
            for who in ("teacher", "judge")
            for key in (f"base_url={server.base_url}", f"concurrency={AT_ONCE}", "budget_usd=1")
        ]
        words = (*GRID, *ASKED, *JUDGED, *places, "seed=0", "name=asking")
        sweep = tmp_path / "outputs" / "sweeps" / "asking"
        environment = {**slurm.environment, "OPENAI_API_KEY": "sk-none"}
        waiting = start_in(tmp_path, *words, **environment)
        for again, stage in enumerate(("generate", "judge"), start=1):
            until(functools.partial(_is_asking, tmp_path / "outputs" / stage, server, server.count + 4))
            assert not list((tmp_path / "outputs" / stage).glob("*/record.json")), "in the midst of it"
            slurm("scontrol", "requeue", submitted(sweep)["0"])
            until(functools.partial(_has_begun_again, sweep, again))
        printed, complained = waiting.communicate(timeout=200)
        assert waiting.returncode == 0, printed + complained
    needed = sum(record["usage"]["requests"] for record in records(tmp_path / "outputs").values())
    assert needed <= server.count <= needed + 2 * AT_ONCE, "twice only what was under way"
    assert jobs(sweep)[0]["status"] == "done"


def _is_asking(stage: Path, server: Server, count: int) -> bool:
    return any(stage.glob("*")) and server.count >= count


def _has_begun_again(sweep: Path, times: int) -> bool:
    return bool(json.loads(said(sweep / "0" / "restarts.json"))["restarts"] == times)


def test_a_job_that_somebody_cancels_is_told_of_alone(tmp_path: Path, slurm: Cluster) -> None:
    words = (*GRID, *LONG, "trainer.epochs=150", "seed=0,1,2", "name=three")
    sweep = tmp_path / "outputs" / "sweeps" / "three"
    waiting = start_in(tmp_path, *words, **slurm.environment)
    until(lambda: "steps" in said(sweep / "1" / "job.log"))
    slurm("scancel", submitted(sweep)["1"])
    printed, complained = waiting.communicate(timeout=300)
    assert waiting.returncode == 4, printed + complained
    assert "3 jobs: 2 done, 1 failed" in printed
    assert "job 1 failed: cancelled: somebody, or SLURM itself, ended it" in printed
    assert {number: row["status"] for number, row in jobs(sweep).items()} == {
        0: "done",
        1: "failed",
        2: "done",
    }


def test_a_study_left_to_slurm_goes_on_with_a_preempted_trial_and_is_collected(
    tmp_path: Path, slurm: Cluster
) -> None:
    words = (
        *GRID, *LONG, "trainer.epochs=300", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=3", "name=study",
        "hydra.sweeper.objectives={understanding: maximize}", "hydra.launcher.array_parallelism=2",
        "trainer.learning_rate=tag(log,interval(1e-4,1e-2))", "runtime.detach=true",
    )  # fmt: skip
    left = run_in(tmp_path, *words, **slurm.environment)
    assert left.returncode == 0 and "2 submitted to SLURM" in left.stdout, left.stderr
    sweep = sweep_in(tmp_path)
    again = run_in(tmp_path, *words, **slurm.environment)
    assert "2 in SLURM's hands from before, 0 submitted" in again.stdout, "as many as were asked for"
    status = run_in(tmp_path, "status", str(sweep), module=SWEEPS, **slurm.environment)
    assert re.search(r"(running|queued) +agent-1 \(job \d+_1", status.stdout), status.stdout
    waiting = start_in(tmp_path, "attach", str(sweep), module=SWEEPS, **slurm.environment)
    until(lambda: sum(_trains(log) for log in sweep.glob("*/job.log")) == 2)
    preempt(slurm)
    printed, complained = waiting.communicate(timeout=400)
    assert waiting.returncode == 0, printed + complained
    assert states(tmp_path)["complete"] == 3 and results(tmp_path)["best_trial"]
    behind = [
        int(step) for log in sweep.glob("*/job.log") for step in re.findall(r"behind step (\d+)", said(log))
    ]
    assert behind and min(behind) > 0, "a trial that was stopped goes on from its last step"
    assert sum(row["status"] == "done" for row in rows(sweep / "jobs.jsonl")) == 3, "none was run twice"


def _trains(log: Path) -> bool:
    return re.search(r"^train: [\d,]+ of", said(log), re.MULTILINE) is not None
