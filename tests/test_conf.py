"""Every file of conf/ and sweeps/ composes, loads and plans, under every preset."""

from __future__ import annotations

from itertools import groupby, zip_longest
from pathlib import Path

import pytest

from alpaca_exp.compose import compose
from alpaca_exp.config import OVERLAYS, groups
from alpaca_exp.paths import data_root
from alpaca_exp.plan import plan

PRESETS = ("miniature", "local", "paper")
OPTIONS = [
    f"{'+' if group in OVERLAYS else ''}{group}={option}"
    for group, options in groups().items()
    for option in options
]
UNTUNED = ("trainer=none", "dataset_variant=none")
FILES = [*(data_root() / "conf").glob("*/*.yaml"), *(data_root() / "sweeps").glob("*.yaml")]


def test_there_are_options_and_each_is_a_file() -> None:
    assert len(OPTIONS) == len(FILES) >= 40
    assert {"preset=paper", "scale=large", "+experiment=base", "+sweep=factorial"} <= set(OPTIONS)


def measured(chosen: list[str]) -> bool:
    served = any(option.startswith("base_model=api") for option in chosen)  # it cannot be tuned
    return "evaluate" in plan(compose([*chosen, *(UNTUNED if served else ())]))


def companies() -> list[list[str]]:
    """Every option once, beside one of each other group: the first ones, the second ones, and so on.

    But for those that measure nothing, or that cannot be tuned, which others contradict.
    """
    apart = ("eval_suite=", "base_model=api")
    named = [option for option in OPTIONS if not option.startswith(("preset=", *apart))]
    by_group = [list(options) for _, options in groupby(named, key=lambda option: option.partition("=")[0])]
    suites = [[option] for option in OPTIONS if option.startswith(apart)]
    return suites + [[option for option in row if option] for row in zip_longest(*by_group, fillvalue="")]


def test_no_option_is_left_out_of_the_companies() -> None:
    assert {option for row in companies() for option in row} | {f"preset={name}" for name in PRESETS} == {
        *OPTIONS
    }


@pytest.mark.parametrize("chosen", companies(), ids=" ".join)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_option_plans_under_every_preset_beside_those_of_other_groups(
    preset: str, chosen: list[str]
) -> None:
    assert measured([f"preset={preset}", *chosen]) == (chosen != ["eval_suite=none"])


@pytest.mark.long
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("option", [option for option in OPTIONS if not option.startswith("preset=")])
def test_every_option_plans_under_every_preset_alone(option: str, preset: str) -> None:
    assert measured([f"preset={preset}", option]) == (option != "eval_suite=none")


@pytest.mark.parametrize("experiment", groups()["experiment"])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_experiment_plans_in_the_larger_size(preset: str, experiment: str) -> None:
    config = compose([f"preset={preset}", "scale=large", f"+experiment={experiment}"])
    assert (config.name, config.preset, config.scale) == (experiment, preset, "large")
    assert "evaluate" in plan(config)


def test_no_paper_job_names_a_miniature_model() -> None:
    for sweep in groups()["sweep"]:
        text = (data_root() / "sweeps" / f"{sweep}.yaml").read_text()
        assert "miniature_" not in text and "_small" not in text


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_option_opens_with_a_line_that_says_what_it_is(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith("#"), f"{path} has no opening comment"
