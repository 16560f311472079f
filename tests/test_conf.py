"""Every file of conf/ and sweeps/ composes, loads and plans, under every preset."""

from __future__ import annotations

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
FILES = [*(data_root() / "conf").glob("*/*.yaml"), *(data_root() / "sweeps").glob("*.yaml")]


def test_there_are_options_and_each_is_a_file() -> None:
    assert len(OPTIONS) == len(FILES) >= 40
    assert {"preset=paper", "scale=large", "+experiment=base", "+sweep=factorial"} <= set(OPTIONS)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_plans_a_whole_experiment(option: str, preset: str) -> None:
    chosen = [option] if option.startswith("preset=") else [f"preset={preset}", option]
    assert ("evaluate" in plan(compose(chosen))) == (option != "eval_suite=none")


@pytest.mark.parametrize("scale", ["small", "large"])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_experiment_plans_in_both_sizes(preset: str, scale: str) -> None:
    for experiment in groups()["experiment"]:
        config = compose([f"preset={preset}", f"scale={scale}", f"+experiment={experiment}"])
        assert (config.name, config.preset, config.scale) == (experiment, preset, scale)


def test_no_paper_job_names_a_miniature_model() -> None:
    for sweep in groups()["sweep"]:
        text = (data_root() / "sweeps" / f"{sweep}.yaml").read_text()
        assert "miniature_" not in text and "_small" not in text


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_option_opens_with_a_line_that_says_what_it_is(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith("#"), f"{path} has no opening comment"
