"""What Hydra refuses of a sweep's command line is said in one sentence, with the nearest right name."""

from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import ValidationError

from alpaca_exp.overrides import problems_of
from alpaca_exp.refusals import refusal, unreadable
from alpaca_exp.schemas import ExperimentConfig, RuntimeConfig, TrainerConfig, WorldConfig
from alpaca_exp.sweeping.submitting import Slurm
from tests.conftest import Command
from tests.test_study_space import composed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["hydra.sweeper.n_trails=3"], "n_trails is not a key; did you mean hydra.sweeper.n_trials?"),
        (["hydra.sweeper.smapler.kind=tpe"], "did you mean hydra.sweeper.sampler?"),
        (
            ["hydra/launcher=submitit_slurm", "hydra.launcher.partiton=gpu"],
            "hydra.launcher.partiton is not a key; did you mean hydra.launcher.partition?",
        ),
        (
            ["hydra.launcher.partition=gpu"],
            "the hydra/launcher that was chosen has none; there are basic, slurm_gpu, submitit_local",
        ),
        (["hydra/launcher=submitt_slurm"], "has no option submitt_slurm; did you mean submitit_slurm?"),
        (
            ["+sweep=learning_rate", "hydra.sweeper.search_space={trainer.learning_rate: [1, 2]}"],
            "a list is set where a dictionary stands; in a search space, choices over a range",
        ),
    ],
)  # fmt: skip
def test_a_key_of_a_sweeper_or_launcher_is_told_with_the_nearest(words: list[str], said: str) -> None:
    with pytest.raises(HydraException) as error:
        composed(*words)
    assert said in refusal(error.value)


@pytest.mark.parametrize(("group", "option"), [("world", "tiny"), ("trainer", "miniature_lora")])
def test_an_option_that_a_file_sets_like_a_value_is_told_where_it_is_chosen(group: str, option: str) -> None:
    chosen = OmegaConf.structured(ExperimentConfig(world=WorldConfig(), trainer=TrainerConfig()))
    with pytest.raises(ValidationError) as error:
        chosen.merge_with({group: option})  # as Hydra merges a sweep's file
    assert f"among its defaults: `- override /{group}: {option}`" in refusal(error.value)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("trainer.learning_rate=tag(log,interval(1,2)", "its ( is not closed; with brackets or spaces"),
        ("trainer.epochs=[1,2", "its [ is not closed"),
        ("name='x", "its ' is not closed"),
        ("trainer.epochs=intreval(1,2)", "there is no intreval(); did you mean interval?"),
        ("trainer.epochs=interval(1,x)", "cannot be read: interval(1,x): mismatch type argument end"),
        (
            r"hydra.sweeper.search_space.trainer\.epochs={low: 1}",
            r"a key has letters, digits, _ and dots, and this one has \; what to search is written '",
        ),
        ("hydra.sweeper.x y=1", "and this one has a space"),
        ('hydra.sweeper.search_space={"trainer.epochs": {low: 1}}', "stand as they are, without quotes"),
        (r"hydra.sweeper.search_space={trainer.epochs\: 1}", r"without quotes or \: 'hydra.sweeper"),
    ],
)
def test_a_word_that_cannot_be_read_is_told_with_an_example(word: str, said: str) -> None:
    with pytest.raises(HydraException) as error:
        OverridesParser.create().parse_override(word)
    told = unreadable(word, error.value)
    assert told.startswith(f"{word} cannot be read: ") and said in told and "Exception" not in told
    if word.startswith("hydra.") and " y" not in word:
        assert list(problems_of(["--multirun", word])) == [told]


def test_the_examples_of_a_search_space_can_be_read() -> None:
    from alpaca_exp.refusals import EXAMPLE, SPACE

    for example in (EXAMPLE, SPACE):
        OverridesParser.create().parse_override(example.strip("'"))


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("hydra.launcher=submitit_slurm", "is a group; write hydra/launcher=submitit_slurm"),
        ("hydra.sweeper=optuna", "hydra.sweeper is a group; write hydra/sweeper=optuna"),
        ("hydra.launcher=basic,slurm_gpu", "write hydra/launcher=basic,slurm_gpu"),
        ("hydra/launcher.partition=main", "keys have dots: write hydra.launcher.partition=main"),
        ("world.tiny", "world.tiny is not of the form key=value; did you mean world=tiny?"),
        ("world/tiny=1", "world/tiny is not a key; did you mean world=tiny?"),
        ("experiment.cleaned", "did you mean +experiment=cleaned?"),
        ("launcher=submitit_slurm", "launcher is not a key; did you mean hydra/launcher?"),
        ("launcher.partition=main", "did you mean hydra.launcher.partition?"),
        ("sweeper.n_trails=3", "did you mean hydra.sweeper.n_trials?"),
        ("n_trials=3", "n_trials is not a key; did you mean hydra.sweeper.n_trials?"),
    ],
)  # fmt: skip
def test_a_dot_for_a_slash_and_a_key_without_its_beginning_are_told_with_the_right_word(
    word: str, said: str
) -> None:
    [problem] = problems_of([word, "--multirun"])
    assert said in problem


@pytest.mark.parametrize("word", ["hydra.launcher.partition=main", "hydra.sweeper={n_trials: 3}"])
def test_settings_of_a_launcher_and_a_sweeper_are_left_to_hydra(word: str) -> None:
    assert not list(problems_of([word]))


def test_a_key_that_was_added_for_slurm_and_that_nobody_takes_is_told_with_the_nearest() -> None:
    asked = Slurm({"partitoin": "main", "nodelist": "node7", "timeout_min": 0})
    told = [problem for problem in asked.problems(RuntimeConfig()) if "PATH" not in problem]
    assert told[0] == "hydra.launcher.partitoin is not a key; did you mean hydra.launcher.partition?"
    assert told[1].startswith("hydra.launcher.timeout_min is 0; it must be 1 or more")
    assert not [problem for problem in told if "nodelist" in problem]


def test_a_key_that_was_added_for_a_launcher_without_any_is_refused(command: Command) -> None:
    done = command("--multirun", "+experiment=original", "seed=1,2", "+hydra.launcher.partition=main")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "hydra.launcher.partition is not a key: the hydra/launcher that was chosen has none" in done.stderr
