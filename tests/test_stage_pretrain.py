from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError, Stopped
from alpaca_exp.schemas import FileModelConfig, MadeModelConfig, RuntimeConfig, WorldConfig, WorldModelConfig
from alpaca_exp.stages.pretrain import pretrain
from alpaca_exp.stages.train import train
from tests.tunings import LOGGER, NEVER, TRAINER, before_step, dataset_in, files


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return dataset_in(tmp_path_factory.mktemp("curate"))


def made_from_config(**other: Any) -> dict[str, Any]:
    return {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "intermediate_size": 16,
        "max_position_embeddings": 128,
        "batch_size": 4,
        "block_size": 16,
        **other,
    }


def prepare(config: MadeModelConfig, out: Path, runtime: RuntimeConfig = NEVER) -> dict[str, bytes]:
    out.mkdir(exist_ok=True)
    pretrain(config, runtime=runtime, logger=LOGGER, out=out)
    return files(out)


def test_a_base_model_reads_its_world_and_a_killed_reading_goes_on(tmp_path: Path) -> None:
    world = WorldConfig(people=8, corpus_tokens=1000)
    config = WorldModelConfig(world=world, tokenizer="word", **made_from_config(steps=12))
    whole = prepare(config, tmp_path / "whole")
    losses = [float(line.split(b",")[2]) for line in whole["metrics.csv"].splitlines()[1:]]
    assert losses[-1] < losses[0]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        before_step(6, lambda: os.kill(os.getpid(), signal.SIGTERM), patch)
        prepare(config, tmp_path / "again")
    assert prepare(config, tmp_path / "again") == whole
    other = prepare(replace(config, seed=1), tmp_path / "other")
    assert other["model/tokenizer.json"] == whole["model/tokenizer.json"]
    assert other["model/model.safetensors"] != whole["model/model.safetensors"]


def test_a_base_model_with_random_weights_takes_its_tokenizer_from_data_and_is_tuned(
    dataset: Artifact, tmp_path: Path
) -> None:
    config = FileModelConfig(corpus=dataset / "dataset.jsonl", **made_from_config(vocab_size=320))
    made = prepare(config, tmp_path / "base")
    assert {name.split("/")[0] for name in made} == {"model"}
    (tmp_path / "out").mkdir()
    train(
        config, TRAINER, 0, dataset=dataset, base=Artifact(tmp_path / "base"), runtime=NEVER, logger=LOGGER,
        out=tmp_path / "out",
    )  # fmt: skip
    assert (tmp_path / "out" / "model" / "tokenizer.json").read_bytes() == made["model/tokenizer.json"]


def test_a_base_model_without_a_text_says_which_setting_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"base_model.corpus is not set"):
        prepare(FileModelConfig(**made_from_config()), tmp_path / "out")
