from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError, Stopped
from alpaca_exp.identity import identity
from alpaca_exp.schemas import (
    ConfiguredModelConfig,
    FileModelConfig,
    MadeModelConfig,
    RuntimeConfig,
    WorldConfig,
    WorldModelConfig,
)
from alpaca_exp.stages.pretrain import pretrain
from alpaca_exp.stages.train import train
from tests.models import tiny_llama
from tests.tunings import LOGGER, LORA, NEVER, TRAINER, before_step, files


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


@pytest.mark.parametrize(
    "told",
    [
        {"model_type": "llama", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2},
        {"model_type": "gpt_neox", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2},
        {"model_type": "gpt2", "n_embd": 16, "n_layer": 1, "n_head": 2},
        {"model_type": "qwen3", "hidden_size": 16, "num_hidden_layers": 1, "head_dim": 8},
        {"model_type": "olmo2", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2},
    ],
    ids=lambda told: told["model_type"],
)
def test_any_architecture_is_made_from_its_config_and_tuned(
    dataset: Artifact, tmp_path: Path, told: dict[str, Any]
) -> None:
    heads = {} if "n_embd" in told else {"num_key_value_heads": 1, "intermediate_size": 16}
    given = told | heads | ({"num_attention_heads": 2} if told["model_type"] == "qwen3" else {})
    config = ConfiguredModelConfig(config=given, corpus=dataset / "dataset.jsonl", vocab_size=320)
    made = prepare(config, tmp_path / "base")
    again = prepare(config, tmp_path / "again")
    assert made == again and json.loads(made["model/config.json"])["model_type"] == told["model_type"]
    for trainer in (TRAINER, replace(LORA, lora_targets=["all"])):
        out = tmp_path / type(trainer).__name__
        out.mkdir()
        train(
            config, replace(trainer, epochs=1, max_seq_len=256), 0, dataset=dataset,
            base=Artifact(tmp_path / "base"), runtime=NEVER, logger=LOGGER, out=out,
        )  # fmt: skip
        tuned, base = (AutoModelForCausalLM.from_pretrained(f / "model") for f in (out, tmp_path / "base"))
        apart = [(a - b).abs().max() for a, b in zip(tuned.parameters(), base.parameters(), strict=True)]
        assert max(apart) > 1e-3 and type(tuned) is type(base)


def test_a_config_of_the_disk_and_a_tokenizer_of_the_disk_make_a_model_of_just_that_shape(
    tmp_path: Path,
) -> None:
    tiny = tiny_llama(tmp_path / "tiny")
    config = ConfiguredModelConfig(config=str(tiny / "config.json"), tokenizer=str(tiny), dtype="bfloat16")
    made = prepare(config, tmp_path / "base")
    assert made["model/tokenizer.json"] == (tiny / "tokenizer.json").read_bytes()
    theirs = AutoModelForCausalLM.from_pretrained(tiny).state_dict()
    ours = AutoModelForCausalLM.from_pretrained(tmp_path / "base" / "model", dtype="auto").state_dict()
    assert {name: weight.shape for name, weight in ours.items()} == {
        name: weight.shape for name, weight in theirs.items()
    }
    assert {weight.dtype for weight in ours.values()} == {torch.bfloat16}
    assert identity(config) != identity(replace(config, config=str(tiny / "tokenizer_config.json")))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"model_type": "lama"}, "knows no model_type lama; did you mean llama?"),
        ({"model_type": "llama", "hidden_size": 65, "num_attention_heads": 4}, "65"),
        ({"model_type": "llama", "hidden_size": "wide"}, "hidden_size"),
        ({"model_type": "t5"}, "no causal language model"),
        ({"model_type": "gpt2", "n_embd": 12, "vocab_size": 300}, "raise vocab_size in it"),
    ],
)
def test_a_config_of_which_no_model_can_be_made_is_one_sentence(
    dataset: Artifact, tmp_path: Path, told: dict[str, Any], said: str
) -> None:
    config = ConfiguredModelConfig(config=told, corpus=dataset / "dataset.jsonl", vocab_size=320)
    with pytest.raises(InputError) as raised:
        prepare(config, tmp_path / "out")
    assert said in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("nowhere/config.json", "there is no such file"),
        ({"hidden_size": 8}, "names no model_type"),
        (None, "must be a config.json, or {model_type"),
    ],
)
def test_a_config_that_names_no_architecture_is_refused_before_anything_is_made(told: Any, said: str) -> None:
    assert said in " ".join(ConfiguredModelConfig(config=told).problems())
