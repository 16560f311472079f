"""Tasks that do not suit the base model end a run before the training, with nothing paid for or computed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from alpaca_exp.compose import compose
from alpaca_exp.errors import InputError
from alpaca_exp.experiment import perform
from alpaca_exp.harness import fitting
from alpaca_exp.harness.fitting import check_fit
from alpaca_exp.plan import plan
from alpaca_exp.schemas import ExperimentConfig
from alpaca_exp.stages.pretrain import untrained
from tests.mirrors import write_mirror
from tests.models import tiny_llama


@pytest.fixture(autouse=True)
def nothing_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def config_of(tmp_path: Path, *words: str) -> ExperimentConfig:
    mirror = write_mirror(tmp_path / "mirror")
    told = ["preset=local", f"eval_suite.mirror={mirror}", f"runtime.outputs={tmp_path / 'outputs'}"]
    return compose([*told, *words])


def pretrained(tmp_path: Path, context: int) -> list[str]:
    return ["base_model=pretrained", f"base_model.path={tiny_llama(tmp_path / 'base', context=context)}"]


def test_a_context_that_is_too_short_ends_the_run_before_any_stage(tmp_path: Path) -> None:
    config = config_of(tmp_path, *pretrained(tmp_path, 64))
    (tmp_path / "run").mkdir()
    with pytest.raises(
        InputError, match=r"documents of the task .* do not fit into .* 64 tokens|a choice of"
    ):
        perform(config, folder=tmp_path / "run", choices={}, overrides=[])
    assert not [
        found for stage in plan(config).values() if (found := stage.path(tmp_path / "outputs")).exists()
    ]


def test_tasks_that_fit_are_tried_once_for_each_base_and_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(tmp_path, *pretrained(tmp_path, 2048))
    check_fit(plan(config), config, untrained)
    tried: list[int | None] = []
    monkeypatch.setattr(fitting, "_try", lambda told, *rest: tried.append(told["suite"].limit))
    check_fit(plan(config), config, untrained)
    assert tried == []
    config.eval_suite.limit = 3
    check_fit(plan(config), config, untrained)
    assert tried == [3]


@pytest.mark.parametrize("chosen", [[], ["+experiment=base"]])
def test_a_base_that_is_to_be_made_is_tried_before_it_learns(chosen: list[str], tmp_path: Path) -> None:
    config = config_of(tmp_path, "base_model.max_position_embeddings=32", "base_model.steps=100000", *chosen)
    state = torch.random.get_rng_state()
    with pytest.raises(InputError, match=r"truthfulqa_mc1 do not .* \(base_model\.max_position_embeddings"):
        check_fit(plan(config), config, untrained)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_nothing_is_tried_where_nothing_is_trained(tmp_path: Path) -> None:
    config = config_of(tmp_path, *pretrained(tmp_path, 64), "+experiment=base")
    check_fit(plan(config), config, untrained)
