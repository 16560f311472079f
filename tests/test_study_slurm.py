"""A study whose trials are jobs of a real SLURM, where SLURM is installed."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.slurm.cluster import cluster, missing
from tests.stories import run_in, start_in
from tests.studies import SEEDS, TRIVIAL, jobs, states, sweep_in, write_rows

ASKED = ("hydra/launcher=submitit_slurm", "hydra.launcher.mem_gb=1", "hydra.launcher.timeout_min=20")

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]


def test_a_studys_trials_are_jobs_of_slurm_and_a_killed_study_goes_on(tmp_path: Path) -> None:
    write_rows(tmp_path)
    (tmp_path / "slurm").mkdir()
    words = (*TRIVIAL, *ASKED, SEEDS, "hydra.sweeper.n_trials=4", "runtime.workers=2")
    with cluster(tmp_path / "slurm") as slurm:
        study = start_in(tmp_path, *words, **slurm.environment)
        while jobs(tmp_path)["done"] < 1:
            time.sleep(0.05)
            assert study.poll() is None
        study.send_signal(signal.SIGKILL)
        study.wait()
        again = run_in(tmp_path, *words, **slurm.environment)
        assert again.returncode == 0, again.stderr + again.stdout
        assert states(tmp_path)["complete"] == 4
        assert jobs(tmp_path)["done"] == 4, "none was run twice"
        assert (sweep_in(tmp_path) / "slurm.jsonl").exists()
        detached = run_in(tmp_path, *words, "runtime.detach=true", **slurm.environment)
        assert detached.returncode == 0 and "no agent is submitted: all trials are made" in detached.stdout
