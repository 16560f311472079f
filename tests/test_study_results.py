"""What a study has come to, as it is told: how many of the wanted trials, the best, and which are as good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
import yaml

from alpaca_exp.study.foretold import bounds
from alpaca_exp.study.results import RESULTS, read_trials, summary, write_results
from alpaca_exp.study.settings import Settings
from alpaca_exp.study.study import entries_of, shape
from tests.test_study_space import settings

SEED = {"seed": {"low": 0, "high": 9}}


def left(asked: Settings, values: list[Any], folder: Path) -> dict[str, Any]:
    """What the study leaves of trials with these values; None: it failed, and was tried again."""
    study = optuna.create_study(directions=list(asked.directions))
    for number, value in enumerate(values):
        study.enqueue_trial({"seed": number}, user_attrs={"asked": {"words": [f"seed={number}"]}})
        trial = study.ask()
        trial.suggest_int("seed", 0, 9)
        if number and values[number - 1] is None:
            trial.set_user_attr("retry_of", number - 1)
        study.tell(trial, value, state=None if value is not None else optuna.trial.TrialState.FAIL)
    return write_results(asked, study.trials, folder)


def test_a_trial_that_was_tried_again_is_none_of_those_wanted(tmp_path: Path) -> None:
    found = left(settings({"search_space": SEED, "n_trials": 3}), [1.0, None, 2.0, 0.5], tmp_path)
    assert summary(found).startswith("3 of 3 trials: 3 complete; 1 more ended early, and was tried again\n")
    assert (found["best_value"], found["best_trial"]["number"]) == (2.0, 2)
    assert "best: trial 2, truthfulness 2\n  seed=2\n  python -m alpaca_exp seed=2" in summary(found)


def test_more_trials_than_are_asked_for_by_now_are_no_part_of_these(tmp_path: Path) -> None:
    found = left(settings({"search_space": SEED, "n_trials": 1}), [1.0, 2.0], tmp_path)
    assert summary(found).startswith("2 trials, where 1 is asked for: 2 complete\n")
    assert shape(settings({"search_space": SEED, "n_trials": 1})).startswith("tpe over seed; 1 trial in all;")
    assert bounds([{}], 1).startswith("The one trial, at most: nothing")


def test_trials_that_are_as_good_stand_beside_the_best(tmp_path: Path) -> None:
    found = left(settings({"search_space": SEED}), [1.0, 2.0, 2.0, 2.0], tmp_path)
    assert "best: trial 1, truthfulness 2; as good: 2, 3" in summary(found)
    assert yaml.safe_load((tmp_path / RESULTS).read_text())["best_trial"]["ties"] == [2, 3]


def test_of_several_objectives_those_are_told_that_none_beats(tmp_path: Path) -> None:
    both = settings({"search_space": SEED, "objectives": {"truthfulness": "maximize", "usd": "minimize"}})
    found = left(both, [(1.0, 1.0), (2.0, 3.0), (1.5, 4.0), (0.5, 0.2), (2.0, 3.0)], tmp_path)
    assert [one["number"] for one in found["solutions"]] == [0, 1, 3, 4] and "best_value" not in found
    assert found["solutions"][1]["values"] == {"truthfulness": 2.0, "usd": 3.0}
    assert found["solutions"][1]["ties"] == [4]
    assert [row["values"] for row in read_trials(tmp_path)][2] == [1.5, 4.0]


def test_how_long_a_trial_took_its_job_says_in_the_studys_table_as_in_the_status(tmp_path: Path) -> None:
    asked = settings({"search_space": SEED})
    left(asked, [None, 1.0], tmp_path)
    rows = [{"job": n, "status": "failed" if n == 0 else "done", "seconds": 39.1 + n} for n in range(2)]
    (tmp_path / "jobs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [one.seconds for one in entries_of(tmp_path, asked, ())] == [39.1, 40.1]
    (tmp_path / "jobs.jsonl").unlink()
    assert all(one.seconds is not None for one in entries_of(tmp_path, asked, ()))


def test_why_a_trial_was_given_up_is_kept_and_told_again_when_it_is_found(tmp_path: Path) -> None:
    asked, why = settings({"search_space": SEED}), "pruned at 20 % of its steps: loss was 3.1"
    (tmp_path / "jobs.jsonl").write_text(json.dumps({"job": 0, "status": "pruned", "error": why}) + "\n")
    study = optuna.create_study()
    study.tell(study.ask(), state=optuna.trial.TrialState.PRUNED)
    write_results(asked, study.trials, tmp_path)
    assert read_trials(tmp_path)[0]["error"] == why
    assert [(one.status, one.error) for one in entries_of(tmp_path, asked, {0})] == [("found", why)]
