"""Tasks that do not suit the base model end a run before the training, with nothing paid for or computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpaca_exp.artifacts import Artifact
from alpaca_exp.compose import compose
from alpaca_exp.errors import InputError
from alpaca_exp.experiment import perform
from alpaca_exp.harness import fitting
from alpaca_exp.harness.fitting import check_fit
from alpaca_exp.plan import plan
from alpaca_exp.schemas import ExperimentConfig
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
    assert check_fit(plan(config), config, {})
    tried: list[Path | None] = []
    monkeypatch.setattr(fitting, "_try", lambda told, made, *rest: tried.append(made))
    assert check_fit(plan(config), config, {}) and tried == []
    config.eval_suite.limit = 3
    assert check_fit(plan(config), config, {}) and tried == [None]


def test_a_base_that_is_made_here_is_tried_when_it_is_made_and_before_it_is_tuned(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    stages = plan(config)
    assert not check_fit(stages, config, {})
    tiny_llama(tmp_path / "made" / "model", context=64)
    with pytest.raises(InputError, match=r"base_model\.max_position_embeddings"):
        check_fit(stages, config, {"pretrain": Artifact(tmp_path / "made")})
