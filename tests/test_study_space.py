"""Search spaces: as they are written, what counts when, what a point sets, what is wrong with them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from omegaconf import DictConfig

from alpaca_exp.errors import ConfigError
from alpaca_exp.study.samplers import sampler, sampler_problems
from alpaca_exp.study.settings import Settings, read_settings
from alpaca_exp.study.space import Space
from tests.test_sweeping import composing

GOAL = {"objectives": {"truthfulness": "maximize"}}


@functools.cache
def composed(*words: str) -> tuple[ConfigLoader, DictConfig]:
    with composing() as (ours, loader):
        found = ours.compose_config(
            "config",
            ["hydra/sweeper=optuna", *words],
            run_mode=RunMode.MULTIRUN,
            with_log_configuration=False,
        )
        return loader, found


def settings(node: dict[str, Any], *arguments: str, **told: Any) -> Settings:
    loader, master = composed(*(word for word in arguments if "(" not in word and "," not in word))
    return read_settings({**GOAL, **node, **told}, arguments, loader, master, Path("outputs/sweeps/x"))


def space(search_space: dict[str, Any], *arguments: str, **told: Any) -> Space:
    return settings({"search_space": search_space}, *arguments, **told).space


def drawn(found: Space, count: int = 30) -> list[tuple[dict[str, Any], tuple[str, ...]]]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [found.suggested(study.ask()) for _ in range(count)]


def problems(*arguments: Any, **told: Any) -> str:
    with pytest.raises(ConfigError) as error:
        settings(*arguments, **told)
    return str(error.value)


def test_ranges_and_choices_are_read_from_yaml_and_in_hydras_words() -> None:
    told = {
        "trainer.learning_rate": "tag(log,interval(1e-5,1e-2))",
        "trainer.epochs": {"low": 1, "high": 4},
        "trainer.weight_decay": {"low": 0, "high": 1},
        "trainer.optimizer": ["adamw", "sgd"],
        "trainer.warmup_steps": {"type": "int", "low": 8, "high": 64, "log": True},
    }
    found = {
        one.name: one for one in space(told, "seed=range(0,9,2)", "trainer.max_seq_len=64,128").parameters
    }
    assert found["trainer.learning_rate"].log and not found["trainer.learning_rate"].whole
    assert found["trainer.epochs"].whole and found["trainer.epochs"].values == [1, 2, 3, 4]
    assert not found["trainer.weight_decay"].whole, "a number with a fraction, however its ends are written"
    assert found["trainer.optimizer"].values == ["adamw", "sgd"]
    assert found["seed"].values == [0, 2, 4, 6, 8]
    assert found["trainer.max_seq_len"].values == [64, 128]


def test_the_command_line_wins_over_the_file_and_pins_what_it_sets() -> None:
    told = {"trainer.learning_rate": {"low": 1e-5, "high": 1e-2}, "seed": [0, 1]}
    found = space(told, "trainer.learning_rate=1e-4", "seed=interval(0,9)")
    assert [one.name for one in found.parameters] == ["seed"]
    assert found.fixed == ("trainer.learning_rate=1e-4",)
    assert found.parameters[0].whole, "seeds are whole numbers"


LORA, FULL = {"trainer": "miniature_lora"}, {"trainer": "miniature"}
CONDITIONAL = {
    "lora_rate": {"key": "trainer.learning_rate", "low": 1e-4, "high": 1e-2, "when": LORA},
    "full_rate": {"key": "trainer.learning_rate", "low": 1e-5, "high": 1e-3, "when": FULL},
    "ratio": {"key": "trainer.lora_alpha", "choices": [1, 2], "times": "trainer.lora_rank", "when": LORA},
    "trainer.lora_rank": {"choices": [4, 8], "when": {"trainer": ["miniature_lora"]}},
    "trainer.lora_targets": {"choices": [["all"], ["q_proj", "v_proj"]], "when": {"trainer.lora_rank": 8}},
    "trainer": ["miniature", "miniature_lora"],
}  # fmt: skip


def test_a_parameter_counts_only_where_its_conditions_hold() -> None:
    seen = set()
    for point, words in drawn(space(CONDITIONAL, "world=tiny")):
        said = dict(word.split("=", 1) for word in words)
        lora = said["trainer"] == "miniature_lora"
        assert lora == ("lora_rate" in point) == ("trainer.lora_rank" in point) != ("full_rate" in point)
        assert ("trainer.lora_targets" in said) == (point.get("trainer.lora_rank") == 8)
        if lora:
            assert int(said["trainer.lora_alpha"]) == point["ratio"] * point["trainer.lora_rank"]
        seen.add(said.get("trainer.lora_targets"))
        assert words[0] == "world=tiny"
    assert seen == {None, "[all]", "[q_proj,v_proj]"}


def test_a_condition_holds_of_what_is_chosen_for_all_trials_too() -> None:
    pinned = space(CONDITIONAL, "trainer=miniature_lora")
    assert all("lora_rate" in point for point, _ in drawn(pinned, 5))
    default = {name: told for name, told in CONDITIONAL.items() if name != "trainer"}
    assert all(set(point) == {"full_rate"} for point, _ in drawn(space(default), 5))


def test_corners_hold_each_choice_and_either_end_of_each_range() -> None:
    found = space(CONDITIONAL)
    corners = found.corners()
    for name, ends in (("lora_rate", {1e-4, 1e-2}), ("full_rate", {1e-5, 1e-3}), ("ratio", {1, 2})):
        assert {point[name] for point in corners if name in point} == ends
    many = {f"trainer.p{n}": {"low": 0.0, "high": 1.0} for n in range(9)} | {"trainer": ["miniature", "none"]}
    looked = space(many).corners()
    assert len(looked) < 100 and all({p[f"trainer.p{n}"] for p in looked} == {0.0, 1.0} for n in range(9))


def suggests_a_decay(trial: optuna.Trial) -> Sequence[str]:
    """A search space in Python: weight decay is searched with high rates only."""
    if trial.params["trainer.learning_rate"] > 1e-3:
        trial.suggest_float("trainer.weight_decay", 0.0, 0.2)
        return ["trainer.max_grad_norm=0.5"]
    return []


def test_a_function_may_suggest_more() -> None:
    rate = {"trainer.learning_rate": {"low": 1e-5, "high": 1e-2}}
    found = space(rate, custom_search_space="tests.test_study_space.suggests_a_decay")
    for point, words in drawn(found):
        high = point["trainer.learning_rate"] > 1e-3
        assert high == ("trainer.weight_decay" in point) == ("trainer.max_grad_norm=0.5" in words)
        assert high == any(word.startswith("trainer.weight_decay=") for word in words)
    assert "cannot be had" in problems({"search_space": rate}, custom_search_space="tests.nowhere.at_all")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"seed": {"low": 1, "hihg": 2}}, "search_space.seed.hihg is not a key; did you mean high?"),
        ({"seed": {"low": 1}}, "search_space.seed needs numbers as low and high, or choices"),
        ({"seed": "5"}, "search_space.seed is 5, one value"),
        ({"seed": {"low": 3, "high": 1}}, "the parameter seed goes from 3 to 1; the lower end comes first"),
        ({"seed": {"low": 0, "high": 1, "log": True}}, "it must begin above 0"),
        ({"seed": {"low": 1, "high": 9, "log": "flase"}}, "seed.log is flase; it must be true or false"),
        ({"seed": {"low": 1, "high": 9, "log": "false"}}, "seed.log is false; it must be true or false"),
        ({"seed": {"low": 1, "high": 9, "log": 1}}, "seed.log is 1; it must be true or false"),
        ({"seed": "tag(lgo,interval(1,9))"}, "the tag lgo is unknown; did you mean log?"),
        ({"seed": "tag(foo,choice(1,2))"}, "the tag foo is unknown"),
        ({"seed": "tag(log,choice(1,2))"}, "the tag log is for an interval or a range"),
        ({"seed": {"type": "int", "low": 0.5, "high": 2}}, "takes whole numbers"),
        ({"seed": {"choices": [1], "when": {"sed": 1}}}, "counts when sed has a value, and there is no sed"),
        ({"seed": {"choices": ["a"], "times": "scale"}}, "its choices must be numbers"),
        (
            {"a": {"choices": [1], "when": {"b": 1}}, "b": {"choices": [1], "when": {"a": 1}}},
            "a, b count only",
        ),
        ({}, "this study varies nothing"),
    ],
)
def test_what_cannot_be_searched_is_said_in_a_sentence(told: dict[str, Any], said: str) -> None:
    assert said in problems({"search_space": told})


def waiting(other: str, value: object, **others: Any) -> dict[str, Any]:
    return {"trainer.lora_rank": {"choices": [4, 8], "when": {other: value}}, **others}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            waiting("trainer", "miniture_lora", trainer=["miniature", "miniature_lora"]),
            "when trainer is miniture_lora, which is none of its choices; did you mean miniature_lora?",
        ),
        (waiting("trainer", "miniture_lora"), "none of its choices; did you mean miniature_lora?"),
        (
            waiting("trainer", "miniature_lora", trainer=["miniature", "none"]),
            "none of its choices; did you mean miniature?",
        ),
        (waiting("seed", 12, seed={"low": 0, "high": 9}), "when seed is 12, which is not from 0 to 9"),
        (waiting("seed", "x", seed={"low": 0, "high": 9}), "when seed is x, which is not from 0 to 9"),
    ],
)
def test_a_value_that_a_parameter_waits_for_in_vain_is_named(told: dict[str, Any], said: str) -> None:
    assert said in problems({"search_space": told})


def test_choices_that_the_command_line_leaves_out_for_once_are_no_faults_of_the_file() -> None:
    told = waiting("trainer", "miniature_lora", trainer=["miniature", "miniature_lora", "none"])
    found = space(told, "trainer=miniature,none")
    assert [one.name for one in found.parameters] == ["trainer", "trainer.lora_rank"]
    assert not any("trainer.lora_rank" in point for point in found.corners())


SEED = {"seed": {"low": 0, "high": 9}}


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"objectives": {}}, "a study needs an objective"),
        ({"objectives": {"usd": "down"}}, "says usd: down; it must be maximize or minimize"),
        ({"n_trials": 0}, "n_trials is 0; it must be a whole number"),
        ({"ntrials": 3}, "hydra.sweeper.ntrials is not a key; did you mean n_trials?"),
        ({"max_failure_rate": 2}, "it must be between 0 and 1"),
        ({"timeout": -1}, "timeout is -1; it must be seconds"),
        ({"stale": "kill"}, "stale is kill; it must be retry or fail"),
        ({"sampler": "tpa"}, "there is no such sampler; did you mean tpe?"),
        (
            {"sampler": {"kind": "tpe", "n_startup": 1}},
            "n_startup is no option of TPESampler; did you",
        ),
        ({"sampler": {"kind": "qmc", "qmc_type": "x"}}, "hydra.sweeper.sampler cannot be had"),
        ({"pruner": "medium"}, "there is no such pruner; did you mean median?"),
        ({"pruner": {"kind": "median", "n_startup": 1}}, "MedianPruner; did you mean n_startup_trials?"),
        ({"pruner": {"kind": "median", "n_warmup_steps": -1}}, "hydra.sweeper.pruner cannot be had"),
        ({"objectives": ["usd"]}, "it must be a metric, or {METRIC: maximize}"),
        ({"enqueue": [3]}, "it must be a list of points"),
        ({"storage": 3}, "it must be a file, or an address"),
        ({"enqueue": [{"seed": 10}]}, "seed=10 lies outside of 0 to 9"),
        ({"enqueue": [{"sed": 1}]}, "sed is not searched; did you mean seed?"),
        (
            {"objectives": {"usd": "minimize", "words": "maximize"}, "pruner": "median"},
            "leave the pruner out",
        ),
    ],
)
def test_a_study_that_cannot_be_is_refused_in_a_sentence(node: dict[str, Any], said: str) -> None:
    assert said in problems({"search_space": SEED, **node})


def test_objectives_on_the_command_line_are_the_studys_objectives_and_no_further_ones() -> None:
    merged = {"truthfulness": "maximize", "usd": "minimize"}  # as Hydra lays it over a file's
    told = settings({"search_space": SEED, "objectives": merged}, "hydra.sweeper.objectives={usd: minimize}")
    assert told.objectives == {"usd": "minimize"}
    both = ("hydra.sweeper.objectives={usd: minimize}", "+hydra.sweeper.objectives.words=maximize")
    assert settings({"search_space": SEED}, *both).objectives == {"usd": "minimize", "words": "maximize"}


def test_a_search_space_in_braces_on_the_command_line_is_the_studys_and_no_further_one() -> None:
    merged = {"seed": {"low": 0, "high": 9}, "trainer.epochs": {"low": 1, "high": 4, "log": True}}
    file, word = {"search_space": merged}, "hydra.sweeper.search_space={trainer.epochs: [2]}"
    (one,) = settings(file, word).space.parameters
    assert (one.name, one.choices) == ("trainer.epochs", {2: "2"}), "nor is it laid over the file's"
    end = "hydra.sweeper.search_space={trainer.epochs: {low: 2}}"
    (one,) = settings(file, end, "hydra.sweeper.search_space.trainer.epochs.high=3").space.parameters
    assert (one.low, one.high, one.log) == (2, 3, False)
    assert len(settings(file, f"+{word}").space.parameters) == 2, "with a plus it is added"


def test_another_sampler_or_pruner_leaves_out_the_options_of_the_files() -> None:
    file = {"kind": "tpe", "seed": 3, "n_startup_trials": 6}
    told = settings(
        {"search_space": SEED, "sampler": {**file, "kind": "random"}}, "hydra.sweeper.sampler.kind=random"
    )
    assert told.sampler == {"kind": "random", "seed": 3}
    halving = {"kind": "successive_halving", "n_startup_trials": 4}
    word = "hydra.sweeper.pruner={kind: successive_halving}"
    assert settings({"search_space": SEED, "pruner": halving}, word).pruner == {"kind": "successive_halving"}
    wrong = ("hydra.sweeper.sampler.kind=random", "+hydra.sweeper.sampler.n_startup=6")
    assert "n_startup is no option of RandomSampler" in problems(
        {"search_space": SEED, "sampler": {"kind": "random", "n_startup": 6}}, *wrong
    )


def test_one_end_of_a_range_is_moved_by_its_key_with_dots() -> None:
    told = {"trainer.epochs": {"low": 1, "high": 4}, "trainer": {"epochs": {"high": 9}}}
    assert space(told).told()["trainer.epochs"]["high"] == 9


def test_a_sampler_says_what_it_cannot_search() -> None:
    choices, both = space({"scale": ["small", "large"]}), ["truthfulness", "usd"]
    assert "not choices (scale)" in sampler_problems({"kind": "cmaes"}, choices, ["usd"])[0]
    assert (
        "take hydra.sweeper.sampler.kind=nsgaii" in sampler_problems({"kind": "cmaes"}, space(SEED), both)[0]
    )
    assert "some trials only" in sampler_problems({"kind": "qmc"}, space(CONDITIONAL), ["usd"])[0]
    rate = {"trainer.learning_rate": {"low": 0.1, "high": 0.2}}
    assert "a grid needs values to count" in sampler_problems({"kind": "grid"}, space(rate), ["usd"])[0]


def test_each_trial_has_a_chance_of_its_own_so_that_none_is_drawn_twice() -> None:
    def first(seed: int | None, number: int) -> float:
        study = optuna.create_study(sampler=sampler({"kind": "tpe", "seed": seed}, number))
        return study.ask().suggest_float("x", 0, 1)

    numbers = [first(seed, number) for seed in (0, 1) for number in range(20)]
    assert len(set(numbers)) == 40 and first(0, 7) == numbers[7]
    assert first(None, 0) != first(None, 0)


def test_a_grid_has_as_many_trials_as_points() -> None:
    told = {"seed": [0, 1, 2], "trainer": ["miniature", "miniature_lora"],
            "trainer.lora_rank": {"choices": [4, 8], "when": {"trainer": "miniature_lora"}}}  # fmt: skip
    assert settings({"search_space": told, "sampler": "grid", "n_trials": None}).n_trials == 9
    assert settings({"search_space": told, "sampler": "grid", "n_trials": 4}).n_trials == 4
