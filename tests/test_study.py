"""Studies from the command line: asked for, told of, resumed, stopped, failing, shared, planned."""

from __future__ import annotations

import json
import os
import shlex
import signal
import time
from pathlib import Path

import pytest

from alpaca_exp.compose import compose
from alpaca_exp.plan import plan
from alpaca_exp.study.objectives import unmeasured
from alpaca_exp.study.overview import OVERVIEW, write_overview
from tests.conftest import Command
from tests.databases import PASSWORD, Database, postgresql
from tests.stories import TINIEST, run_in, start_in
from tests.studies import ROWS, SEEDS, TRIVIAL, jobs, results, states, sweep_in, trials, write_rows

PAUSE_S = 0.01


@pytest.fixture(autouse=True)
def ten_rows(tmp_path: Path) -> None:
    write_rows(tmp_path)


@pytest.fixture(scope="module")
def database() -> Database:  # type: ignore[misc]
    with postgresql() as found:
        yield found


def count(number: int) -> str:
    return f"hydra.sweeper.n_trials={number}"


def test_a_study_runs_its_trials_and_leaves_what_they_came_to(command: Command, tmp_path: Path) -> None:
    first = "hydra.sweeper.enqueue=[{dataset_variant.num_examples:7}]"
    said = command(*TRIVIAL, ROWS, count(4), first)
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith(
        "study: tpe over dataset_variant.num_examples; 4 trials in all; rows (maximize)"
    )
    assert "0 from before, 4 to run" in said.stdout and "4 jobs: 4 done" in said.stdout
    assert said.stdout.count(" done  ") == 4, "a line a trial, said once"
    told = trials(tmp_path)
    assert [row["number"] for row in told] == [0, 1, 2, 3]
    assert all(row["values"] == [row["params"]["dataset_variant.num_examples"]] for row in told)
    assert told[0]["params"] == {"dataset_variant.num_examples": 7}, "the first point comes first"
    found = results(tmp_path)
    assert found["best_value"] == max(row["values"][0] for row in told)
    assert found["trials"] == {"complete": 4, "pruned": 0, "fail": 0, "running": 0, "waiting": 0}
    assert found["objectives"] == {"rows": "maximize"}
    number = found["best_trial"]["number"]
    run = json.loads((sweep_in(tmp_path) / found["best_trial"]["folder"] / "run.json").read_text())
    assert run["status"] == "done" and run["overrides"] == told[number]["words"]
    sweep = json.loads((sweep_in(tmp_path) / "sweep.json").read_text())
    assert sweep["kind"] == "study" and sweep["study"]["n_trials"] == 4
    note = json.loads((sweep_in(tmp_path) / "2" / "trial.json").read_text())
    assert (note["number"], note["study_name"]) == (2, "study")
    command_again = found["best_trial"]["command"]
    assert command_again in said.stdout
    alone = command(*shlex.split(command_again)[3:])
    assert alone.returncode == 0 and "curate     found" in alone.stdout
    status = command("status", str(sweep_in(tmp_path)), module="alpaca_exp.sweeps")
    assert "4 jobs: 4 done" in status.stdout and "4 of 4 trials: 4 complete" in status.stdout


def test_again_only_what_is_missing_is_added_and_no_point_is_repeated(
    command: Command, tmp_path: Path
) -> None:
    command(*TRIVIAL, SEEDS, count(3))
    before = trials(tmp_path)
    same = command(*TRIVIAL, SEEDS, count(3))
    assert "3 from before, 0 to run" in same.stdout and trials(tmp_path) == before
    more = command(*TRIVIAL, SEEDS, count(6))
    assert "3 from before, 3 to run" in more.stdout and "3 done, 3 found from before" in more.stdout
    assert len({row["params"]["teacher.seed"] for row in trials(tmp_path)}) == 6


def test_a_name_that_another_study_has_is_refused_with_what_differs(command: Command, tmp_path: Path) -> None:
    command(*TRIVIAL, SEEDS, count(1))
    refused = command(*TRIVIAL, "teacher.seed=interval(0,9)", "dataset_variant.max_words=9", count(2))
    assert refused.returncode == 2 and jobs(tmp_path)["done"] == 1
    assert "another space (teacher.seed: 0 to 100000 before, 0 to 9 now)" in refused.stderr
    assert "other settings (now dataset_variant.max_words=9)" in refused.stderr
    assert "choose another name=..." in refused.stderr
    refused = command(*TRIVIAL, "dataset_variant.num_examples=interval(-3,5)", count(2))
    assert "another space" in refused.stderr and "it must be 1" not in refused.stderr, "before any point"
    refused = command(*TRIVIAL, SEEDS, "hydra.sweeper.study_name=other", count(2))
    assert refused.returncode == 2
    assert "holds the study study in sqlite:///outputs/sweeps/study/study.db" in refused.stderr


def test_what_cannot_run_is_said_before_the_first_trial(command: Command, tmp_path: Path) -> None:
    for words, said in (
        (("teacher.sed=interval(0,9)",), "teacher.sed is not a key; did you mean teacher.seed?"),
        (
            ("dataset_variant.num_examples=interval(-3,5)",),
            "num_examples is -3; it must be 1 or more, or null (1 of 2 points:",
        ),
        ((SEEDS, "hydra.sweeper.pruner.kind=median"), "these trials train nothing; leave it out"),
        ((SEEDS, "hydra.sweeper.objectives={rowz: maximize}"), "no such metric; did you mean rows?"),
        (
            (SEEDS, "hydra.sweeper.objectives={truthfulness: maximize}"),
            "nothing is evaluated (eval_suite=none)",
        ),
        (
            ("teacher.temperature=interval(9,10)", "hydra.sweeper.storage=postgresql://me@127.0.0.1:9/x"),
            "storage postgresql://me@127.0.0.1:9/x",
        ),
        ((SEEDS, "hydra.sweeper.storage=rows.jsonl/study.db"), "rows.jsonl/study.db cannot be reached"),
    ):
        refused = command(*TRIVIAL, *words)
        assert refused.returncode == 2 and said in refused.stderr, refused.stderr
        assert "Traceback" not in refused.stderr
    assert not sweep_in(tmp_path).exists()


@pytest.mark.parametrize(
    ("metric", "nearest"), [("world_truth.ac", "world_truth.acc"), ("judge.winrate", "judge.win_rate")]
)
def test_a_metric_that_no_run_has_is_named_with_the_nearest(metric: str, nearest: str) -> None:
    config = compose(["world=tiny"])
    (said,) = unmeasured([metric], config, plan(config))
    assert said.endswith(f"there is no such metric; did you mean {nearest}?") or nearest in said
    assert not list(unmeasured([nearest, "usd", "truthfulness", "words", "rows"], config, plan(config)))


@pytest.mark.long
@pytest.mark.parametrize("kind", ["cmaes", "random", "nsgaii", "qmc", "gp"])
def test_every_sampler_searches(tmp_path: Path, kind: str) -> None:
    options = {"nsgaii": ("+hydra.sweeper.sampler.population_size=4",)}.get(kind, ())
    words = (
        ROWS,
        "dataset_variant.max_words=interval(50,90)",
        f"hydra.sweeper.sampler.kind={kind}",
        *options,
    )
    said = run_in(tmp_path, *TRIVIAL, *words, count(6))
    assert said.returncode == 0, said.stderr
    assert states(tmp_path) == {"complete": 6}


@pytest.mark.long
def test_a_grid_tries_every_point_once_conditions_included(command: Command, tmp_path: Path) -> None:
    space = (
        "hydra.sweeper.search_space={teacher.seed:[0,1],dataset_variant.num_examples:"
        "{choices:[2,3],when:{teacher.seed:1}}}"
    )
    words = (*TRIVIAL, space, "hydra.sweeper.sampler.kind=grid")
    command(*words, count(2))
    said = command(*words, count(99))
    assert "2 from before, 1 to run" in said.stdout, said.stderr
    points = [tuple(row["params"].items()) for row in trials(tmp_path)]
    assert len(points) == 3 == len(set(points)) and states(tmp_path) == {"complete": 3}


@pytest.mark.long
def test_several_objectives_end_with_those_that_none_beats(command: Command, tmp_path: Path) -> None:
    goals = "hydra.sweeper.objectives={rows: maximize, not_drawn: maximize}"  # together always ten
    said = command(*TRIVIAL, ROWS, goals, count(5))
    assert said.returncode == 0, said.stderr
    found = results(tmp_path)
    assert len(found["solutions"]) == 5 and "best_trial" not in found
    assert all(sum(one["values"].values()) == 10 for one in found["solutions"])
    assert said.stdout.count("none better in all: trial") == 5


def test_a_trial_without_its_metric_or_with_no_number_fails_with_the_reason(
    command: Command, tmp_path: Path
) -> None:
    diverging = (
        "--multirun", "hydra/sweeper=optuna", "name=study", *TINIEST, "judge=none",
        "hydra.sweeper.objectives={truthfulness: maximize}",
        "trainer.learning_rate=1e-3,1e30", "hydra.sweeper.sampler.kind=grid", "hydra.sweeper.n_trials=2",
        "hydra.sweeper.max_failure_rate=1",
    )  # fmt: skip
    said = command(*diverging)
    assert said.returncode == 4 and "Traceback" not in said.stderr
    assert states(tmp_path) == {"complete": 1, "fail": 1}
    failed = next(row for row in trials(tmp_path) if row["state"] == "fail")
    assert "no finite number" in failed["error"] and "no finite number" in said.stdout
    again = command(*diverging, "hydra.sweeper.failed=retry")  # finds what the first one made
    assert again.returncode == 4 and "had failed, and is queued again" in again.stdout
    assert [row["retry_of"] for row in trials(tmp_path)] == [None, None, failed["number"]]


@pytest.mark.long
def test_most_trials_failing_end_the_study(command: Command, tmp_path: Path) -> None:
    words = ("--multirun", "hydra/sweeper=optuna", "name=study", *TINIEST, "judge=none",
             "hydra.sweeper.objectives={truthfulness: maximize}",
             "trainer.learning_rate=interval(1e29,1e30)", "hydra.sweeper.n_trials=9")  # fmt: skip
    said = command(*words)
    assert said.returncode == 4 and "more than hydra.sweeper.max_failure_rate=0.5 allows" in said.stderr
    assert states(tmp_path) == {"fail": 4}


def killed_after(folder: Path, ended: int, *words: str, whole: bool = True) -> int:
    """Begin the sweep, kill it after `ended` jobs; how many had come to their end by then."""
    sweep = start_in(folder, *words)
    while jobs(folder)["done"] < ended:
        time.sleep(PAUSE_S)
        assert sweep.poll() is None
    sweep.send_signal(signal.SIGKILL)
    sweep.wait()
    time.sleep(0.5)  # workers see that they are alone
    return jobs(folder)["done"]


@pytest.mark.parametrize(
    ("workers", "storage"),
    [
        (1, "null"),
        pytest.param(2, "study.log", marks=pytest.mark.long),
        pytest.param(3, "null", marks=pytest.mark.long),
    ],
)
def test_killed_after_some_trials_exactly_the_others_run(tmp_path: Path, workers: int, storage: str) -> None:
    words = (*TRIVIAL, SEEDS, count(8), f"runtime.workers={workers}", f"hydra.sweeper.storage={storage}")
    kept = killed_after(tmp_path, 3, *words)
    begun = jobs(tmp_path)["running"]
    again = run_in(tmp_path, *words)
    assert again.returncode == 0, again.stderr
    assert jobs(tmp_path)["running"] - begun == 8 - kept
    assert states(tmp_path)["complete"] == 8
    assert results(tmp_path)["trials"]["running"] == 0


@pytest.mark.long
def test_a_trial_whose_process_is_gone_is_queued_again_and_says_of_which(tmp_path: Path) -> None:
    words = ("--multirun", "hydra/sweeper=optuna", "name=study", *TINIEST, "judge=none", "trainer.epochs=400",
             "hydra.sweeper.objectives={truthfulness: maximize}", "seed=interval(0,9)", count(1))  # fmt: skip
    sweep = start_in(tmp_path, *words)
    while not list(tmp_path.glob("outputs/train/*/metrics.csv")):
        time.sleep(PAUSE_S)
        assert sweep.poll() is None
    status = run_in(tmp_path, "status", str(sweep_in(tmp_path)), module="alpaca_exp.sweeps")
    assert "1 job: 1 running" in status.stdout
    sweep.send_signal(signal.SIGKILL)
    sweep.wait()
    again = start_in(tmp_path, *words)
    while jobs(tmp_path)["running"] < 2:
        time.sleep(PAUSE_S)
        assert again.poll() is None
    again.send_signal(signal.SIGINT)
    said, complained = again.communicate(60)
    assert again.returncode == 3 and "Traceback" not in complained, complained
    assert "trial 0: its process ended without a word; its point is queued again" in said
    told = trials(tmp_path)
    assert [row["state"] for row in told] == ["fail", "fail", "waiting"], "stopped, it waits to be taken up"
    assert [row["retry_of"] for row in told] == [None, 0, 1]
    assert told[0]["params"] == told[1]["params"]


def side_by_side(folder: Path, processes: int, *words: str) -> None:
    """The same study, begun by several processes at once: all end well, and no point is tried twice."""
    both = [start_in(folder, *TRIVIAL, SEEDS, *words) for _ in range(processes)]
    said = [one.communicate(240) for one in both]
    assert [one.returncode for one in both] == [0] * processes, "".join(told for _, told in said)
    told = trials(folder)
    assert {row["state"] for row in told} == {"complete"}
    assert len({row["params"]["teacher.seed"] for row in told}) == len(told), "no point twice"


@pytest.mark.parametrize("storage", ["null", pytest.param("study.log", marks=pytest.mark.long)])
def test_several_processes_share_a_study_and_make_no_trial_too_many(tmp_path: Path, storage: str) -> None:
    side_by_side(tmp_path, 3, f"hydra.sweeper.storage={storage}", count(6))
    assert len(trials(tmp_path)) == 6


@pytest.mark.long
@pytest.mark.parametrize("storage", ["null", "study.log"])
def test_four_processes_make_forty_trials(tmp_path: Path, storage: str) -> None:
    side_by_side(tmp_path, 4, f"hydra.sweeper.storage={storage}", count(40))
    assert len(trials(tmp_path)) == 40


def test_a_study_in_postgresql_is_shared_and_its_password_is_written_nowhere(
    tmp_path: Path, database: Database
) -> None:
    quoted = PASSWORD.replace(" ", "%20").replace("&", "%26")
    address = database.address.replace("@", f":{quoted}@")
    side_by_side(tmp_path, 2, f"hydra.sweeper.storage='{address}'", count(4))
    assert len(trials(tmp_path)) == 4
    assert results(tmp_path)["storage"] == database.address
    files = [file for file in (tmp_path / "outputs").rglob("*") if file.is_file()]
    assert files and not any(
        word in file.read_bytes() for file in files for word in (PASSWORD.encode(), quoted.encode())
    )
    again = run_in(
        tmp_path, *TRIVIAL, SEEDS, f"hydra.sweeper.storage={database.address}", count(5), PGPASSWORD=PASSWORD
    )
    assert again.returncode == 0 and "4 from before, 1 to run" in again.stdout, again.stderr
    refused = run_in(tmp_path, *TRIVIAL, SEEDS, f"hydra.sweeper.storage={database.address}", count(6))
    assert refused.returncode == 2 and "password" in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.long
def test_four_processes_make_forty_trials_in_postgresql(tmp_path: Path, database: Database) -> None:
    address = database.address
    os.environ["PGPASSWORD"] = PASSWORD
    try:
        side_by_side(
            tmp_path, 4, f"hydra.sweeper.storage={address}", "hydra.sweeper.study_name=forty", count(40)
        )
    finally:
        del os.environ["PGPASSWORD"]
    assert len(trials(tmp_path)) == 40


def test_a_plan_of_a_study_tells_what_it_could_cost_and_begins_nothing(
    command: Command, tmp_path: Path
) -> None:
    fewer = ("--multirun", "+sweep=lora", "world=tiny", "action=plan")
    refused = command(*fewer, "teacher.num_examples=300")
    assert refused.returncode == 2 and "the teacher can think of 200 tasks" in refused.stderr
    said = command(*fewer)
    assert said.returncode == 0, said.stderr
    assert "All 24 trials, at most:" in said.stdout and "once, for all of them:" in said.stdout
    assert said.stdout.count("trainer=miniature_lora") >= 1
    assert not (tmp_path / "outputs").exists()


def test_what_plots_need_lies_in_the_folder_of_a_study(command: Command, tmp_path: Path) -> None:
    space = (
        "hydra.sweeper.search_space={dataset_variant.num_examples:{low:1,high:10},seed:[0,1],"
        "teacher.seed:{low:0,high:9,when:{seed:1}}}"
    )
    command(*TRIVIAL, space, count(12), "hydra.sweeper.sampler.kind=random")
    found = json.loads((sweep_in(tmp_path) / OVERVIEW).read_text())
    assert found["objectives"] == {"rows": "maximize"} and found["counts"] == {"complete": 12}
    history = [one["best"][0] for one in found["trials"]]
    assert history == sorted(history) and history[-1] == max(one["values"][0] for one in found["trials"])
    assert [one["number"] for one in found["trials"]] == list(range(12)), "in the order of their ends"
    assert found["best"] == [results(tmp_path)["best_trial"]["number"]]
    shares = found["importances"]["rows"]
    assert max(shares, key=lambda name: shares[name]) == "dataset_variant.num_examples"
    assert set(shares) == {"dataset_variant.num_examples", "seed", "teacher.seed"}, "conditional ones, too"
    place = [axis["name"] for axis in found["axes"]].index("teacher.seed")
    absent = [line["number"] for line in found["lines"] if line["places"][place] is None]
    assert absent == [row["number"] for row in trials(tmp_path) if row["params"]["seed"] == 0] != []


def test_a_folder_without_a_study_has_no_plots(tmp_path: Path) -> None:
    write_overview(tmp_path)
    assert not (tmp_path / OVERVIEW).exists()
