"""On a real SLURM: sweeps that start inside a job, hold secrets, want several machines, or are refused."""

from __future__ import annotations

import pickle
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.sweeping import agents
from alpaca_exp.sweeping.agents import Agent
from alpaca_exp.sweeping.sent import Sent
from tests.children import ROOT
from tests.servers import Server
from tests.slurm.cluster import Cluster, cluster, missing
from tests.slurm.sweeps import DATA, GRID, SWEEPS, jobs, said, submitted, until
from tests.stories import TINIEST, rows, run_in, start_in

PASSWORD, KEY = "swordfish-7", "sk-not-to-be-seen"
DDP = ("runtime.accelerator=cpu", "runtime.strategy=ddp", "judge=none")

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("slurm"), nodes=2) as found:
        yield found


def inside(slurm: Cluster, place: Path, *words: str) -> str:
    """What a sweep prints that an sbatch script starts, and the script's exit code behind it."""
    command = shlex.join([sys.executable, "-m", "alpaca_exp", *words])
    script = place / "outer.sh"
    script.write_text(
        f"#!/bin/bash\ncd {shlex.quote(str(place))}\nexport PYTHONPATH={shlex.quote(str(ROOT))}\n"
        f"export SLURM_OF_OUTER=1\n{command}\necho ended with $?\n"
    )
    out = place / "outer.log"
    slurm("sbatch", "-n", "2", "--mem=2500", "-J", "outer", "-o", str(out), str(script))
    until(lambda: "ended with" in said(out))
    return said(out)


@pytest.mark.long
def test_a_refused_sweep_is_started_again_with_what_was_mended(tmp_path: Path, slurm: Cluster) -> None:
    words = (*DATA, "teacher.seed=0,1", "name=mended")
    refused = run_in(tmp_path, *words, "hydra.launcher.partition=nope", **slurm.environment)
    assert refused.returncode == 2 and "hydra.launcher.partition (now nope)" in refused.stderr
    mended = run_in(
        tmp_path, *words, "hydra.launcher.partition=main", "runtime.max_restarts=3", **slurm.environment
    )
    assert mended.returncode == 0, mended.stderr
    assert "another one than before" not in mended.stdout
    assert "0 found from before, 2 to run" in mended.stdout and "2 jobs: 2 done" in mended.stdout


def test_what_nobody_waits_for_must_be_left_to_slurm(tmp_path: Path) -> None:
    alone = run_in(
        tmp_path, "--multirun", *TINIEST, "seed=0,1", "judge=none", "name=alone", "runtime.detach=true"
    )
    assert alone.returncode == 2 and "add hydra/launcher=submitit_slurm" in alone.stderr
    assert not (tmp_path / "outputs").exists()


@pytest.mark.long
def test_no_file_and_no_answer_of_slurm_has_what_is_secret(tmp_path: Path, slurm: Cluster) -> None:
    with Server() as server:
        place = server.base_url.replace("://", f"://user:{PASSWORD}@")
        asked = ("teacher=openai", "teacher.model=fake", "teacher.num_examples=6", "teacher.budget_usd=1")
        words = (*DATA, *asked, "teacher.base_url=${oc.env:PLACE}", "teacher.seed=0,1", "name=secret")
        environment = {**slurm.environment, "PLACE": place, "OPENAI_API_KEY": KEY}
        done = run_in(tmp_path, *words, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert server.count
    sweep = tmp_path / "outputs" / "sweeps" / "secret"
    told = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    told += [repr(config).encode() for config in _sent(sweep)]
    told += [
        slurm("scontrol", "show", "job", "-dd").encode(),
        slurm("squeue", "-t", "all", "-O", "all").encode(),
    ]
    assert len(_sent(sweep)) == 2
    for secret in (PASSWORD, KEY):
        assert not any(secret.encode() in one for one in told)


@pytest.mark.long
def test_two_starts_of_one_sweep_at_once_submit_each_job_once(tmp_path: Path, slurm: Cluster) -> None:
    words = (*DATA, "teacher.seed=0,1,2", "name=both")
    starts = [start_in(tmp_path, *words, **slurm.environment) for _ in range(2)]
    printed = [one.communicate(timeout=200) for one in starts]
    assert [one.returncode for one in starts] == [0, 0], printed
    units = [row["unit"] for row in rows(tmp_path / "outputs" / "sweeps" / "both" / "slurm.jsonl")]
    assert {"0", "1", "2"} <= set(units) and len(units) == len(set(units))
    assert all("3 jobs: " in said and "failed" not in said for said, _ in printed)


def _sent(sweep: Path) -> list[Any]:
    """The configurations that lie in submitit's files, unpacked."""
    found = [pickle.loads(file.read_bytes()) for file in sweep.glob(".submitit/*/*_submitted.pkl")]
    units = [one.args[0] for one in found]
    assert all(isinstance(one, Sent) for one in units)
    return [one.unit.job.config for one in units]


def test_an_agents_words_have_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ["--multirun", "name=s", f"hydra.sweeper.storage=postgresql://me:{PASSWORD}@host/db", "seed=1,2"]
    monkeypatch.setattr(sys, "argv", ["alpaca_exp", *typed])
    words = agents._words(tmp_path / "s", "postgresql://me@host/db")
    agent, secret = Agent("agent-0", tmp_path, words, 3).sealed()
    assert PASSWORD not in repr(agent) and not secret
    assert words[:3] == ("--multirun", "name=s", "seed=1,2")
    assert words[-2:] == ("hydra.sweeper.storage='postgresql://me@host/db'", "runtime.workers=1")


@pytest.mark.long
def test_a_sweep_that_starts_inside_a_job_asks_for_its_own(tmp_path: Path, slurm: Cluster) -> None:
    asked = ("hydra.launcher.mem_gb=null", "hydra.launcher.mem_per_cpu=900M", "hydra.launcher.timeout_min=20")
    setup = "hydra.launcher.setup=['env > $SLURM_JOB_ID.env']"
    printed = inside(slurm, tmp_path, *GRID, *asked, setup, "seed=0,1", "judge=none", "name=inner")
    assert "2 jobs: 2 done" in printed and "ended with 0" in printed, printed
    found = list(tmp_path.glob("*.env"))
    assert len(found) >= 2
    for file in found:
        variables = said(file)
        assert "SLURM_OF_OUTER" not in variables and "SLURM_MEM_PER_NODE" not in variables
        assert "SLURM_JOB_NAME=inner" in variables and "SLURM_MEM_PER_CPU=900" in variables


@pytest.mark.long
@pytest.mark.parametrize("more", [("runtime.workers=2",), (*DDP, "runtime.devices=2")])
def test_a_sweep_that_starts_inside_a_job_can_stay_there(
    tmp_path: Path, slurm: Cluster, more: tuple[str, ...]
) -> None:
    words = ("--multirun", "+experiment=original", *TINIEST, *more, "seed=0,1", "judge=none", "name=local")
    printed = inside(slurm, tmp_path, *words)
    assert "2 jobs: 2 done" in printed and "ended with 0" in printed, printed
    assert "SLURM" not in said(tmp_path / "outputs/sweeps/local/0/job.log"), "two tasks are not two ranks"


@pytest.mark.long
def test_several_machines_train_one_model_each_with_its_own_devices(tmp_path: Path, slurm: Cluster) -> None:
    asked = (
        "runtime.num_nodes=2",
        "runtime.devices=2",
        "hydra.launcher.nodes=2",
        "hydra.launcher.cpus_per_task=2",
    )
    done = run_in(tmp_path, *GRID, *DDP, *asked, "seed=0", "name=wide", **slurm.environment)
    assert done.returncode == 0, done.stdout + done.stderr
    sweep = tmp_path / "outputs" / "sweeps" / "wide"
    [job] = submitted(sweep).values()
    told = slurm("scontrol", "show", "job", job)
    assert "NumNodes=2" in told and "NumTasks=2" in told and "CPUs/Task=2" in told, told
    assert jobs(sweep)[0]["status"] == "done"
    status = run_in(tmp_path, "status", str(sweep), module=SWEEPS, **slurm.environment)
    assert re.search(r"0  done +[\d.]+ s", status.stdout)
