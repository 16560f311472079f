"""Jobs of sweeps and studies that train on two devices: each rank is its job's own, none is left behind.

Ranks are known by what they write down of themselves: a `sitecustomize` beside the sweep makes each note its
process, its job's settings and the folder that Lightning was given, and fail where a test says so.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stories import TINIEST, Started, rows, run_in, start_in
from tests.studies import sweep_in, trials

SPY = """
import json, os, sys
if "alpaca_exp.tuning.rank" in sys.orig_argv:
    import alpaca_exp.tuning.ranks as ranks
    take = ranks.take
    def noting(job):
        import pytorch_lightning
        fit, told = pytorch_lightning.Trainer.fit, job.call.keywords
        rate, rank = told["trainer"].learning_rate, job.place.rank
        def note(trainer, *given, **named):
            row = {"pid": os.getpid(), "rank": rank, "rate": rate, "out": str(told["out"]),
                   "root": str(trainer.default_root_dir), "trial": str(told["runtime"].trial)}
            with open(os.environ["SPY"], "a") as file:
                file.write(json.dumps(row) + "\\n")
            if os.environ.get("FAILS") == f"{rank} {rate:g}":
                raise RuntimeError("as the test wants it")
            return fit(trainer, *given, **named)
        pytorch_lightning.Trainer.fit = note
        return take(job)
    ranks.take = noting
"""
TWO = ("runtime.devices=2", "runtime.strategy=ddp", "runtime.accelerator=cpu")
TRAINING = (*TINIEST, "world.corpus_tokens=8192", "name=study", "eval_suite=none", "judge=none")
RATES = "trainer.learning_rate=0.001,0.002"
LONG = "trainer.epochs=300"
STUDY = (
    "hydra/sweeper=optuna", "hydra.sweeper.objectives={rows: maximize}", "hydra.sweeper.sampler.kind=grid",
)  # fmt: skip
PAUSE_S = 0.05
PATIENCE_S = 90.0


@dataclass(frozen=True)
class Rank:
    """What a rank noted of itself."""

    pid: int
    rank: int
    rate: float
    out: str
    root: str
    trial: str

    @property
    def lives(self) -> bool:
        """Whether this process, or one that it started, is still there."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            found += [int(folder.name)] if stat[0] != "Z" and int(stat[2]) == self.pid else []
        return bool(found)  # a rank leads a process group of its own


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base model and the data that all jobs share, made by one process."""
    folder = tmp_path_factory.mktemp("made")
    said = run_in(folder, *TRAINING)
    assert said.returncode == 0, said.stderr
    for name in ("train", "runs"):
        shutil.rmtree(folder / "outputs" / name)
    return folder / "outputs"


@pytest.fixture
def begin(made: Path, tmp_path: Path) -> Callable[..., Started]:
    """Begins a sweep whose ranks write down what they are."""
    shutil.copytree(made, tmp_path / "outputs")
    (tmp_path / "spy").mkdir()
    (tmp_path / "spy" / "sitecustomize.py").write_text(SPY)
    root = Path(__file__).parents[1]

    def start(*words: str, **more: str) -> Started:
        told = {"SPY": str(tmp_path / "ranks.jsonl"), "PYTHONPATH": f"{tmp_path / 'spy'}:{root}", **more}
        return start_in(tmp_path, "--multirun", *TRAINING, *TWO, *words, fresh=True, **told)

    return start


def ranks(folder: Path) -> list[Rank]:
    file = folder / "ranks.jsonl"
    return [Rank(**row) for row in rows(file)] if file.exists() else []


def ended(sweep: Started) -> tuple[int, str]:
    """Its exit code, and all that it said."""
    said, complained = sweep.communicate(timeout=300)
    assert sweep.returncode is not None
    return sweep.returncode, said + complained


def until(happened: Callable[[], bool], sweep: Started | None = None) -> None:
    end = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end and (sweep is None or sweep.poll() is None)
        time.sleep(PAUSE_S)


def trains(folder: Path, jobs: int = 1) -> bool:
    """Whether so many jobs have come to their first steps, on both devices."""
    begun = [file for file in folder.glob("outputs/train/*/metrics.csv") if len(file.read_text()) > 200]
    return len(begun) >= jobs and len(ranks(folder)) >= 2 * jobs


def statuses(folder: Path) -> Counter[str]:
    """How often a job came to each status, over all starts."""
    return Counter(row["status"] for row in rows(sweep_in(folder) / "jobs.jsonl"))


def results(folder: Path) -> dict[str, bytes]:
    """The models that were trained, by their fingerprints."""
    files = folder.glob("outputs/train/*/model/model.safetensors")
    return {file.parent.parent.name: file.read_bytes() for file in files}


def nobody_is_left(folder: Path) -> None:
    until(lambda: not any(rank.lives for rank in ranks(folder)))


def each_rank_is_its_jobs_own(folder: Path) -> None:
    """It has its job's settings; what Lightning writes lies in the job's artifact, or is thrown away."""
    for first in (rank for rank in ranks(folder) if rank.rank == 0):
        identity = json.loads((folder / first.out / "record.json").read_text())["identity"]
        assert identity["trainer"]["learning_rate"] == first.rate and first.root == first.out
    roots = [rank.root for rank in ranks(folder) if rank.rank]
    assert len(set(roots)) == len(roots) and not any("outputs" in Path(root).parts for root in roots)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_two_jobs_train_on_two_devices_each_with_its_own_settings(
    begin: Callable[..., Started], tmp_path: Path, workers: int
) -> None:
    code, said = ended(begin(RATES, f"runtime.workers={workers}"))
    assert code == 0, said
    assert Counter((rank.rate, rank.rank) for rank in ranks(tmp_path)) == Counter(
        (rate, rank) for rate in (0.001, 0.002) for rank in (0, 1)
    )
    each_rank_is_its_jobs_own(tmp_path)
    nobody_is_left(tmp_path)
    first, second = results(tmp_path).values()
    assert first != second


@pytest.mark.long
@pytest.mark.parametrize("sweeper", [(), (*STUDY, "hydra.sweeper.max_failure_rate=1")])
def test_a_rank_that_fails_ends_its_job_alone_and_again_runs_just_that(
    begin: Callable[..., Started], tmp_path: Path, sweeper: tuple[str, ...]
) -> None:
    code, said = ended(begin(RATES, *sweeper, FAILS="1 0.002"))
    assert code == 4 and "as the test wants it" in said
    nobody_is_left(tmp_path)
    assert statuses(tmp_path) == {"waiting": 2, "running": 2, "done": 1, "failed": 1}
    code, said = ended(begin(RATES, *sweeper, *(["hydra.sweeper.failed=retry"] if sweeper else [])))
    assert code == 0, said
    assert Counter(rank.rate for rank in ranks(tmp_path)) == {0.001: 2, 0.002: 4}
    each_rank_is_its_jobs_own(tmp_path)
    nobody_is_left(tmp_path)


@pytest.mark.long
def test_trials_on_two_devices_are_given_up_by_both_ranks_and_not_tried_again(
    begin: Callable[..., Started], tmp_path: Path
) -> None:
    pruned = (*STUDY, LONG, "hydra.sweeper.pruner={kind: threshold, upper: 0}")
    code, said = ended(begin(RATES, *pruned, "runtime.workers=2"))
    assert code == 0, said
    nobody_is_left(tmp_path)
    told = trials(tmp_path)
    assert [row["state"] for row in told] == ["pruned", "pruned"] and not results(tmp_path)
    assert all(list(row["intermediate"]) == ["10"] and row["steps"] * 10 >= 300 for row in told)
    assert {Path(rank.trial).parent.name for rank in ranks(tmp_path)} == {"0", "1"}
    code, _ = ended(begin(RATES, *pruned))
    assert code == 0 and len(ranks(tmp_path)) == 4


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "sweeper", "workers"),
    [
        (signal.SIGTERM, (), 1),
        (signal.SIGINT, (), 2),
        (signal.SIGKILL, (), 2),
        (signal.SIGTERM, STUDY, 2),
        (signal.SIGKILL, STUDY, 2),
    ],
)
def test_a_sweep_that_is_ended_leaves_no_rank_and_goes_on_from_there(
    begin: Callable[..., Started],
    tmp_path: Path,
    number: signal.Signals,
    sweeper: tuple[str, ...],
    workers: int,
) -> None:
    words = (RATES, LONG, *sweeper, f"runtime.workers={workers}", "runtime.checkpoint_every_s=1")
    sweep = begin(*words)
    until(lambda: trains(tmp_path, workers), sweep)
    sweep.send_signal(number)
    code, said = ended(sweep)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 3), said
    nobody_is_left(tmp_path)
    assert statuses(tmp_path)["done"] == 0
    code, said = ended(begin(*words))
    assert code == 0, said
    assert statuses(tmp_path)["done"] == 2 and len(results(tmp_path)) == 2
    each_rank_is_its_jobs_own(tmp_path)
    nobody_is_left(tmp_path)


@pytest.mark.long
def test_a_rank_that_is_killed_ends_its_job_and_again_goes_on_from_its_checkpoint(
    begin: Callable[..., Started], tmp_path: Path
) -> None:
    words = ("trainer.learning_rate=0.001", LONG, "runtime.checkpoint_every_s=0.1")
    sweep = begin(*words)
    until(lambda: bool(list(tmp_path.glob("outputs/train/*/checkpoints/step-*.ckpt/rest.pt"))), sweep)
    (second,) = (rank for rank in ranks(tmp_path) if rank.rank == 1)
    os.kill(second.pid, signal.SIGKILL)
    code, said = ended(sweep)
    assert code == 4 and "rank 1 of 2 ended with -9" in said, said
    nobody_is_left(tmp_path)
    code, said = ended(begin(*words))
    assert code == 0, said
    assert "goes on behind step" in next(sweep_in(tmp_path).glob("*/job.log")).read_text()
    assert len(ranks(tmp_path)) == 4 and len(results(tmp_path)) == 1
    nobody_is_left(tmp_path)
