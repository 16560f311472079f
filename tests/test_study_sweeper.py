"""Studies of the command line: told to a total, resumed, shared, failing, refused in a sentence."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Command
from tests.databases import PASSWORD, postgresql
from tests.stories import TINIEST, rows, run_in, start_in

pytestmark = pytest.mark.long  # tests/test_study.py proves the same in less time

WORDS = (
    "--multirun", "+experiment=original", "name=study", "dataset_variant.source=rows.jsonl",
    "hydra/sweeper=optuna", "trainer=none", "eval_suite=none", "judge=none",
    "hydra.sweeper.objectives={rows: maximize}",
)  # fmt: skip
SIZES = "dataset_variant.num_examples=int(interval(1,30))"
PAUSE_S = 0.02


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> None:
    """Thirty rows, of which a trial takes some: its value is how many it took."""
    lines = (
        json.dumps({"instruction": f"Add {i} and 1.", "input": "", "output": str(i + 1)}) for i in range(30)
    )
    (tmp_path / "rows.jsonl").write_text("".join(f"{line}\n" for line in lines))


def trials(folder: Path) -> list[dict[str, Any]]:
    file = folder / "outputs/sweeps/study/trials.jsonl"
    return rows(file) if file.exists() else []


def states(folder: Path) -> Counter[str]:
    return Counter(row["state"] for row in trials(folder))


def begun(folder: Path) -> Counter[int]:
    """How often each trial's job was begun."""
    history = rows(folder / "outputs/sweeps/study/jobs.jsonl")
    return Counter(row["job"] for row in history if row["status"] == "running")


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "random", "nsgaii"])
def test_a_study_runs_its_trials_and_tells_the_best(command: Command, tmp_path: Path, sampler: str) -> None:
    more = "dataset_variant.seed=int(interval(0,3))" if sampler == "cmaes" else "teacher.seed=0,1"
    said = command(*WORDS, SIZES, more.replace("dataset_variant.seed", "seed"), "hydra.sweeper.n_trials=6",
                   f"hydra.sweeper.sampler.kind={sampler}")  # fmt: skip
    assert said.returncode == 0, said.stderr
    found = trials(tmp_path)
    assert all(row["values"] == [row["params"]["dataset_variant.num_examples"]] for row in found)
    results = yaml.safe_load((tmp_path / "outputs/sweeps/study/optimization_results.yaml").read_text())
    assert str(max(row["values"][0] for row in found)).removesuffix(".0") in json.dumps(results)
    assert len(found) == 6 and len({json.dumps(row["params"]) for row in found}) > 1
    status = command("status", "outputs/sweeps/study", module="alpaca_exp.sweeps")
    assert status.returncode == 0 and "6 done" in status.stdout


def test_a_grid_is_searched_once_and_whole(command: Command, tmp_path: Path) -> None:
    said = command(
        *WORDS, "dataset_variant.num_examples=3,5,7", "seed=0,1", "hydra.sweeper.sampler.kind=grid"
    )
    assert said.returncode == 0, said.stderr
    points = {json.dumps(row["params"], sort_keys=True) for row in trials(tmp_path)}
    assert len(points) == len(trials(tmp_path)) == 6


def test_the_same_study_again_adds_what_is_missing_and_repeats_no_point(
    command: Command, tmp_path: Path
) -> None:
    words = (*WORDS, "dataset_variant.num_examples=int(interval(1,30))", "hydra.sweeper.sampler.kind=random")
    command(*words, "hydra.sweeper.n_trials=3")
    again = command(*words, "hydra.sweeper.n_trials=5")
    assert again.returncode == 0 and "3 from before, 2 to run" in again.stdout, again.stderr
    assert begun(tmp_path) == dict.fromkeys(range(5), 1)
    first = [row["params"] for row in trials(tmp_path)]
    assert first[3:] != first[:2], "the sampler's first points are not drawn again"
    none = command(*words, "hydra.sweeper.n_trials=5")
    assert none.returncode == 0 and sum(begun(tmp_path).values()) == 5


def test_killed_after_some_trials_exactly_the_others_run(tmp_path: Path) -> None:
    words = (*WORDS, SIZES, "hydra.sweeper.n_trials=10")
    study = start_in(tmp_path, *words)
    while states(tmp_path)["complete"] < 3:
        time.sleep(PAUSE_S)
        assert study.poll() is None
    study.send_signal(signal.SIGKILL)
    study.wait()
    ended = {
        row["job"] for row in rows(tmp_path / "outputs/sweeps/study/jobs.jsonl") if row["status"] == "done"
    }
    before = sum(begun(tmp_path).values())
    again = run_in(tmp_path, *words)
    assert again.returncode == 0, again.stderr
    assert sum(begun(tmp_path).values()) - before == 10 - len(ended)
    assert states(tmp_path)["complete"] == 10 and states(tmp_path)["running"] == 0


@pytest.mark.long
def test_a_failing_trial_does_not_end_the_others_and_says_why(command: Command, tmp_path: Path) -> None:
    rates = ("trainer.learning_rate=1e-3,1e30", "hydra.sweeper.sampler.kind=grid", "judge=none")
    objective = "hydra.sweeper.objectives={understanding: maximize}"
    said = command("--multirun", "name=study", "hydra/sweeper=optuna", objective, *TINIEST, *rates)
    assert said.returncode == 4 and "Traceback" not in said.stderr, said.stderr
    assert states(tmp_path) == {"complete": 1, "fail": 1}
    failed = next(row for row in trials(tmp_path) if row["state"] == "fail")
    assert "no finite number" in failed["error"] and failed["values"] is None
    assert "no finite number" in said.stdout


@pytest.mark.parametrize("storage", ["study.db", "journal://study.log"])
def test_processes_that_share_a_study_make_just_its_trials(tmp_path: Path, storage: str) -> None:
    words = (*WORDS, SIZES, "hydra.sweeper.n_trials=8", f"hydra.sweeper.storage={storage}")
    both = [start_in(tmp_path, *words) for _ in range(2)]
    said = [one.communicate(120) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert states(tmp_path) == {"complete": 8}
    assert begun(tmp_path) == dict.fromkeys(range(8), 1)


def test_a_database_is_used_and_its_password_written_nowhere(tmp_path: Path) -> None:
    with postgresql() as database:
        said = run_in(tmp_path, *WORDS, SIZES, "hydra.sweeper.n_trials=4",
                      f"hydra.sweeper.storage={database.address}", PGPASSWORD=PASSWORD)  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert states(tmp_path) == {"complete": 4}
    written = [path for path in (tmp_path / "outputs").rglob("*") if path.is_file()]
    assert not [path for path in written if PASSWORD.encode() in path.read_bytes()]
    assert PASSWORD not in said.stdout + said.stderr


def test_of_two_objectives_the_front_is_told(command: Command, tmp_path: Path) -> None:
    said = command(*WORDS[:-1], SIZES, "hydra.sweeper.objectives={rows: maximize, not_drawn: maximize}",
                   "hydra.sweeper.n_trials=5", "hydra.sweeper.sampler.kind=nsgaii")  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert all(row["values"][0] + row["values"][1] == 30 for row in trials(tmp_path)), (
        "so all are on the front"
    )


def test_a_key_is_searched_only_where_another_has_a_value(command: Command, tmp_path: Path) -> None:
    space = "{seed: [0, 1], dataset_variant.num_examples: {low: 3, high: 9, when: {seed: 1}}}"
    said = command(*WORDS, f"hydra.sweeper.search_space={space}",
                   "hydra.sweeper.n_trials=8", "hydra.sweeper.sampler.kind=random")  # fmt: skip
    assert said.returncode == 0, said.stderr
    found = trials(tmp_path)
    assert {row["params"]["seed"] for row in found} == {0, 1}
    assert all(
        ("dataset_variant.num_examples" in row["params"]) == (row["params"]["seed"] == 1) for row in found
    )


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("hydra.sweeper.objectives={row: maximize}", "did you mean rows"),
        ("hydra.sweeper.objectives={rows: most}", "maximize"),
        ("hydra.sweeper.n_trials=0", "it must be a whole number, 1 or more"),
        ("hydra.sweeper.sampler.kind=tp", "tpe"),
        ("dataset_variant.num_exampels=int(interval(1,3))", "did you mean dataset_variant.num_examples"),
        ("dataset_variant.num_examples=int(interval(-3,3))", "it must be 1 or more"),
        ("hydra.sweeper.storage=postgresql://nobody@127.0.0.1:9/none", "127.0.0.1"),
    ],
)
def test_what_cannot_be_searched_is_said_before_the_first_trial(
    command: Command, tmp_path: Path, word: str, sentence: str
) -> None:
    space = () if word.startswith("dataset") else (SIZES,)
    said = command(*[w for w in WORDS if w.partition("=")[0] != word.partition("=")[0]], *space, word)
    assert said.returncode == 2 and sentence in said.stderr and "Traceback" not in said.stderr, said.stderr
    assert not list(tmp_path.glob("outputs/sweeps/study/*/job.log"))


def test_another_space_under_the_same_name_is_refused_with_what_differs(command: Command) -> None:
    command(*WORDS, SIZES, "hydra.sweeper.n_trials=2")
    said = command(*WORDS, SIZES.replace("30", "20"), "hydra.sweeper.n_trials=4")
    assert said.returncode == 2
    assert "1 to 30 before, 1 to 20 now" in said.stderr and "choose another name" in said.stderr
