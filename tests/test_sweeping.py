"""Sweeps of the command line: resumed, shared, failing, stopped, side by side."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
import pytest
import yaml
from hydra._internal.hydra import Hydra
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from alpaca_exp.compose import compose
from alpaca_exp.config import register_schemas
from alpaca_exp.errors import ConfigError
from alpaca_exp.paths import data_root
from alpaca_exp.sweeping.composing import Composer
from alpaca_exp.sweeping.grid import expand
from tests.conftest import Command
from tests.stories import TINIEST, rows, run_in, start_in

DATA_ONLY = ("trainer=none", "eval_suite=none", "judge=none")
PAUSE_S = 0.02


@pytest.fixture
def trivial(tmp_path: Path) -> tuple[str, ...]:
    """Words of a sweep whose jobs only read a small file."""
    (tmp_path / "rows.jsonl").write_text('{"instruction": "Add 1 and 2.", "input": "", "output": "3"}\n' * 3)
    return ("--multirun", "+experiment=original", "dataset_variant.source=rows.jsonl", *DATA_ONLY)


@contextmanager
def composing() -> Iterator[tuple[Hydra, ConfigLoader]]:
    """Hydra over this project's own configuration, as the command line has it."""
    register_schemas()
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(data_root() / "conf"), version_base="1.3"):
        found = GlobalHydra.instance().hydra
        assert found is not None
        yield found, found.config_loader


def loader() -> ConfigLoader:
    with composing() as (_, found):
        return found


def history(folder: Path, name: str = "original") -> list[dict[str, Any]]:
    return rows(folder / "outputs" / "sweeps" / name / "jobs.jsonl")


def begun(folder: Path, name: str = "original") -> Counter[int]:
    """How often each job was begun."""
    return Counter(row["job"] for row in history(folder, name) if row["status"] == "running")


def ended(folder: Path, name: str = "original") -> dict[int, str]:
    return {row["job"]: row["status"] for row in history(folder, name)}


def done(folder: Path, name: str) -> int:
    file = folder / "outputs" / "sweeps" / name / "jobs.jsonl"
    return file.read_text().count('"status": "done"') if file.exists() else 0


def test_a_sweep_says_how_many_jobs_and_leaves_what_became_of_each(
    command: Command, tmp_path: Path, trivial: tuple[str, ...]
) -> None:
    said = command(*trivial, "teacher.seed=0,1", "seed=range(0,3)")
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith(
        "original: 2 teacher.seed x 3 seed = 6 jobs\n0 found from before, 6 to run\n"
    )
    assert "6 jobs: 6 done" in said.stdout
    sweep = tmp_path / "outputs" / "sweeps" / "original"
    told = json.loads((sweep / "sweep.json").read_text())
    assert told["grid"]["teacher.seed"] == ["0", "1"] and told["jobs"] == 6
    assert "teacher.seed=0,1" in told["command"] and "hydra-core" in told["versions"]["packages"]
    last = history(tmp_path)[-1]
    keys = {"job", "overrides", "fingerprints", "status", "started", "seconds", "error", "log", "run"}
    assert keys <= set(last) and last["status"] == "done"
    run = json.loads((sweep / last["run"]).read_text())
    assert run["artifacts"] == last["fingerprints"] and run["overrides"] == last["overrides"]
    assert "found" in (sweep / last["log"]).read_text()
    config = (sweep / str(last["job"]) / ".hydra" / "config.yaml").read_text()
    assert "source: rows.jsonl" in config
    status = command("status", str(sweep), module="alpaca_exp.sweeps")
    assert status.returncode == 0 and "6 jobs: 6 done" in status.stdout
    missed = command("status", "outputs/sweeps/orignal", module="alpaca_exp.sweeps")
    assert missed.returncode == 2 and "there are outputs/sweeps/original" in missed.stderr


def test_again_only_what_has_no_result_is_run_and_a_longer_list_adds_jobs(
    command: Command, tmp_path: Path, trivial: tuple[str, ...]
) -> None:
    command(*trivial, "teacher.seed=0,1")
    same = command(*trivial, "teacher.seed=0,1", "runtime.max_restarts=3")
    assert "another one than before" not in same.stdout, "where and how jobs run makes no other grid"
    assert "2 found from before, 0 to run" in same.stdout
    fingerprint = history(tmp_path)[-1]["fingerprints"]["curate"]
    (tmp_path / "outputs" / "curate" / fingerprint / "record.json").unlink()
    more = command(*trivial, "teacher.seed=2,1,0")
    assert more.returncode == 0 and "The grid is another one than before: 1 job is new\n" in more.stdout
    assert "1 found from before, 2 to run" in more.stdout
    assert begun(tmp_path) == {0: 1, 1: 2, 2: 1}, "each job keeps its number, in whatever order it is named"
    again = command(*trivial, "teacher.seed=1,0", "runtime.num_threads=1,2")
    assert "2 of them would do the same as another one" in again.stdout
    assert "The grid is another one than before: 1 other stays as it is\n" in again.stdout
    assert "2 found from before, 0 to run" in again.stdout and sum(begun(tmp_path).values()) == 4
    known = command(*trivial, "teacher.seed=2,1,0")
    assert "another one than before" not in known.stdout, "nothing is new, and nothing is left out"


def test_what_cannot_run_is_said_for_all_jobs_before_the_first(
    command: Command, tmp_path: Path, trivial: tuple[str, ...]
) -> None:
    mistyped = "hydra.sweeper.params={sed: '1,2'}"
    said = command(*trivial, "dataset_variant.num_examples=-1,2,-2", "seed=0,1")
    assert said.returncode == 2 and not (tmp_path / "outputs").exists()
    assert said.stderr.count("it must be 1 or more") == 2, "each fault once"
    assert "2 of 6 jobs: dataset_variant.num_examples=-1 seed=0;" in said.stderr
    said = command(*trivial, mistyped)
    assert said.returncode == 2 and said.stderr.count("sed is not a key; did you mean seed?") == 1


def test_a_range_is_no_list_of_values() -> None:
    with pytest.raises(ConfigError, match="a grid wants values, such as seed=1,2,3"):
        expand({"seed": "interval(0,1)"}, [], loader())


def test_a_grid_is_read_in_hydras_own_words_and_the_command_line_wins() -> None:
    params = {"scale": "glob(*)", "seed": "range(0,4)", "name": "a"}
    grid = expand(params, ["seed=choice(3,5)", "world=tiny"], loader())
    assert grid.shape == "2 scale x 2 seed = 4 jobs"
    assert grid.jobs[1] == ("scale=large", "seed=5", "name=a", "world=tiny")
    assert grid.label(grid.jobs[1]) == "scale=large seed=5"


@pytest.mark.parametrize("file", sorted((data_root() / "sweeps").glob("*.yaml")), ids=lambda file: file.stem)
def test_a_sweeps_file_opens_with_its_question_its_command_and_how_many_jobs_it_is(file: Path) -> None:
    text = file.read_text()
    comment = [line[2:] for line in text.splitlines() if line.startswith("# ")]
    assert "?" in comment[1] or ":" in comment[1]
    assert any(re.match(rf"python -m alpaca_exp --multirun .*\+sweep={file.stem}$", line) for line in comment)
    sweeper = yaml.safe_load(text)["hydra"]["sweeper"]
    said = re.search(r"(\d+) (runs|trials)", text)
    assert said
    jobs = len(expand(sweeper["params"], [], loader()).jobs) if said[2] == "runs" else sweeper["n_trials"]
    assert int(said[1]) == jobs
    assert yaml.safe_load(text)["name"] == file.stem


def test_a_configuration_composed_beside_others_is_the_one_composed_alone() -> None:
    words = ["+sweep=data_quality", "world=tiny", "trainer.epochs=2"]
    with composing() as (ours, found):
        master = ours.compose_config("config", words, run_mode=RunMode.MULTIRUN, with_log_configuration=False)
        composer = Composer(found, master)
        jobs = [
            (*words, f"critic={critic}", f"seed={seed}") for critic in ("none", "oracle") for seed in (1, 2)
        ]
        together = [composer(job)[0] for job in jobs]
    assert together == [compose(job) for job in jobs]


def test_a_failing_job_does_not_end_the_others_and_says_why(command: Command, tmp_path: Path) -> None:
    sweep = ("--multirun", "name=rates", *TINIEST, "judge=none", "trainer.learning_rate=1e-3,1e30,2e-3")
    said = command(*sweep)
    assert said.returncode == 4 and "Traceback" not in said.stderr
    assert "3 jobs: 2 done, 1 failed" in said.stdout
    assert "job 1 failed: The loss or its gradient is no finite number" in said.stdout
    assert "log: outputs/sweeps/rates/1/job.log" in said.stdout
    assert "no finite number" in (tmp_path / "outputs/sweeps/rates/1/job.log").read_text()
    assert begun(tmp_path, "rates") == {0: 1, 1: 1, 2: 1}


def test_a_server_that_is_not_there_is_said_once_before_the_first_job(
    command: Command, tmp_path: Path
) -> None:
    asked = ("teacher=openai", "teacher.base_url=http://127.0.0.1:9", "teacher.budget_usd=1", "seed=0,1,2")
    said = command("--multirun", *asked, "world=tiny", "judge=none")
    assert said.returncode == 2 and said.stderr.count("Nothing answers at") == 1
    assert not (tmp_path / "outputs" / "sweeps").exists()


def test_what_fails_all_jobs_alike_is_tried_and_said_once(command: Command, tmp_path: Path) -> None:
    words = (*TINIEST, "judge=none", "trainer.learning_rate=1e30", "eval_suite.limit=4,5,6", "name=diverging")
    said = command("--multirun", *words)
    assert said.returncode == 4
    assert begun(tmp_path, "diverging") == {0: 1}
    assert set(ended(tmp_path, "diverging").values()) == {"failed"}
    assert said.stdout.count("jobs 0, 1, 2 failed: The loss or its gradient is no finite number") == 1


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_killed_after_some_jobs_exactly_the_others_run(
    tmp_path: Path, trivial: tuple[str, ...], workers: int
) -> None:
    words = (*trivial, "teacher.seed=range(0,8)", f"runtime.workers={workers}")
    sweep = start_in(tmp_path, *words, module="alpaca_exp")
    while done(tmp_path, "original") < 2:
        time.sleep(PAUSE_S)
        assert sweep.poll() is None
    sweep.send_signal(signal.SIGKILL)
    sweep.wait()
    time.sleep(0.5)  # workers see that they are alone
    kept = done(tmp_path, "original")
    before = sum(begun(tmp_path).values())
    again = run_in(tmp_path, *words)
    assert again.returncode == 0, again.stderr
    assert sum(begun(tmp_path).values()) - before == 8 - kept
    assert f"8 jobs: {8 - kept} done, {kept} found from before" in again.stdout
    assert set(ended(tmp_path).values()) == {"done"}


def test_a_killed_job_is_told_from_a_running_one(tmp_path: Path) -> None:
    words = ("--multirun", "name=killed", *TINIEST, "judge=none", "seed=0,1")
    sweep = start_in(tmp_path, *words)
    folder = tmp_path / "outputs" / "sweeps" / "killed"
    while not (folder / "jobs.jsonl").exists() or not begun(tmp_path, "killed"):
        time.sleep(PAUSE_S)
    running = run_in(tmp_path, "status", str(folder), module="alpaca_exp.sweeps")
    assert "1 running, 1 not started" in running.stdout
    sweep.send_signal(signal.SIGKILL)
    sweep.wait()
    killed = run_in(tmp_path, "status", str(folder), module="alpaca_exp.sweeps")
    assert "1 killed, 1 not started" in killed.stdout


def test_ctrl_c_stops_all_cleanly_and_the_same_command_goes_on(tmp_path: Path) -> None:
    words = ("--multirun", "name=stopped", *TINIEST, "trainer.epochs=60", "judge=none", "seed=0,1,2")
    sweep = start_in(tmp_path, *words)
    while not list(tmp_path.glob("outputs/train/*/metrics.csv")):
        time.sleep(PAUSE_S)
        assert sweep.poll() is None
    sweep.send_signal(signal.SIGINT)
    said, complained = sweep.communicate(60)
    assert sweep.returncode == 3 and "Traceback" not in complained, complained
    assert "3 jobs: 1 stopped, 2 not started" in said
    assert "the same command goes on" in complained
    assert ended(tmp_path, "stopped") == {0: "stopped", 1: "waiting", 2: "waiting"}
    run = json.loads((tmp_path / "outputs/sweeps/stopped/0/run.json").read_text())
    assert run["status"] == "stopped"


def test_workers_run_jobs_side_by_side_and_what_these_share_is_made_once(
    tmp_path: Path, trivial: tuple[str, ...]
) -> None:
    said = run_in(tmp_path, *trivial, "seed=0,1,2", "teacher.seed=0,1", "runtime.workers=2")
    assert said.returncode == 0 and "6 jobs: 6 done" in said.stdout, said.stderr
    assert "waiting for" not in said.stderr
    sweep = tmp_path / "outputs" / "sweeps" / "original"
    assert len(list((sweep / "shared").glob("curate-*.log"))) == 2
    assert all("found" in log.read_text() for log in sweep.glob("*/job.log"))
    assert len({row["by"]["pid"] for row in history(tmp_path) if row["status"] == "done"}) == 2


@pytest.mark.long
def test_workers_make_shared_stages_once_and_the_same_bytes(tmp_path: Path) -> None:
    words = ("--multirun", "+experiment=original", "scale=small,large", "seed=0,1", "judge=none", *TINIEST)
    made = {}
    for workers in (1, 2):
        (tmp_path / str(workers)).mkdir()
        said = run_in(tmp_path / str(workers), *words, f"runtime.workers={workers}")
        assert said.returncode == 0 and "4 jobs: 4 done" in said.stdout, said.stderr
        found = (tmp_path / str(workers) / "outputs").glob("*/*/record.json")
        made[workers] = {path.parent.name: json.loads(path.read_text())["files"] for path in found}
        assert "waiting for" not in said.stderr
    assert made[1] == made[2]
    stages = Counter(path.parent.parent.name for path in (tmp_path / "2" / "outputs").glob("*/*/record.json"))
    assert stages == {"generate": 1, "curate": 1, "pretrain": 2, "train": 4, "evaluate": 4}


@pytest.mark.long
def test_a_worker_that_dies_costs_its_own_job_only(tmp_path: Path) -> None:
    words = ("--multirun", "name=dying", *TINIEST, "judge=none", "trainer.epochs=40", "seed=0,1,2")
    sweep = start_in(tmp_path, *words, "runtime.workers=2")
    while not (tmp_path / "outputs/sweeps/dying/jobs.jsonl").exists() or len(begun(tmp_path, "dying")) < 2:
        time.sleep(PAUSE_S)
        assert sweep.poll() is None
    victim = next(row for row in history(tmp_path, "dying") if row["status"] == "running")
    os.kill(victim["by"]["pid"], signal.SIGKILL)
    said, _ = sweep.communicate(120)
    assert sweep.returncode == 4
    assert f"job {victim['job']} failed: the worker was killed by SIGKILL; was there enough memory?" in said
    assert Counter(ended(tmp_path, "dying").values()) == {"failed": 1, "done": 2}


def test_two_processes_that_start_the_same_sweep_share_its_jobs(
    tmp_path: Path, trivial: tuple[str, ...]
) -> None:
    words = (*trivial, "teacher.seed=range(0,8)")
    both = [start_in(tmp_path, *words) for _ in range(2)]
    said = [one.communicate(120)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert begun(tmp_path) == dict.fromkeys(range(8), 1), "each job once"
    assert all("8 jobs: " in text and "failed" not in text for text in said)


LAUNCHER = '''
import pickle, subprocess, sys
import cloudpickle
from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore
from hydra.core.singleton import Singleton

FAR = {"_target_": "hydra_plugins.far.far.Far"}
ConfigStore.instance().store(group="hydra/launcher", name="far", node=FAR)

class Far(BasicLauncher):
    """Each job in an interpreter of its own, which knows what it is sent; the second is killed."""

    def launch(self, job_overrides, initial_job_idx):
        for index, overrides in enumerate(job_overrides):
            config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            sent = cloudpickle.dumps((self.task_function, config, Singleton.get_state(), index == 1))
            subprocess.run([sys.executable, "-c", CHILD], input=sent)
        raise RuntimeError("one job is gone, and with it what all returned")

CHILD = """
import os, pickle, sys
task, config, state, dies = pickle.load(sys.stdin.buffer)
from hydra.core.singleton import Singleton
from hydra.core.utils import run_job, setup_globals
from hydra.types import HydraContext
from hydra._internal.callbacks import Callbacks
if dies:
    os.kill(os.getpid(), 9)
Singleton.set_state(state)
setup_globals()
context = HydraContext(config_loader=None, callbacks=Callbacks())
run_job(hydra_context=context, task_function=task, config=config, job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir", configure_logging=False)
"""
'''


@pytest.mark.long
def test_any_launcher_gets_the_jobs_and_loses_no_result(tmp_path: Path, trivial: tuple[str, ...]) -> None:
    plugin = tmp_path / "plugins" / "hydra_plugins" / "far"
    plugin.mkdir(parents=True)
    (plugin / "__init__.py").write_text("")
    (plugin / "far.py").write_text(LAUNCHER)
    words = (*trivial, "teacher.seed=0,1,2", "hydra/launcher=far")
    path = os.pathsep.join([str(tmp_path / "plugins"), str(Path(__file__).parent.parent)])
    said = run_in(tmp_path, *words, fresh=True, PYTHONPATH=path)
    assert said.returncode == 4, said.stderr
    assert "3 jobs: 2 done, 1 failed" in said.stdout, said.stdout
    assert "one job is gone" in said.stdout and begun(tmp_path) == {0: 1, 2: 1}
    again = run_in(tmp_path, *words, fresh=True, PYTHONPATH=path)
    assert again.returncode == 0 and "3 jobs: 1 done, 2 found from before" in again.stdout
