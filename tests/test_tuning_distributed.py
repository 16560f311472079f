from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import Stopped
from alpaca_exp.schemas import LoggerConfig, PretrainedModelConfig, RuntimeConfig
from alpaca_exp.tuning.data import Windows
from alpaca_exp.tuning.distributed import leave
from alpaca_exp.tuning.fit import METRICS, fit
from alpaca_exp.tuning.module import Recipe, Tuning
from alpaca_exp.tuning.ranks import Joined, over_devices, place
from alpaca_exp.tuning.schedules import warmed_up
from alpaca_exp.tuning.tokens import TokenRow
from tests.tunings import LORA, dataset_in, files, llama_in, tune

VOCABULARY = 61
RUNTIME = RuntimeConfig(accelerator="cpu", checkpoint_every_s=1e9, num_threads=1)
WEIGHTS = "weights.safetensors"
HALF_WAY = 3
STRATEGIES = ("ddp", "fsdp")


def windows() -> Windows:
    """Rows of very different lengths; the last window of a pass has one row, fewer than there are ranks."""
    rng = np.random.default_rng(0)
    rows = [
        TokenRow(rng.integers(0, VOCABULARY, size=length).astype(np.int32), int(rng.integers(0, length - 1)))
        for length in rng.integers(4, 40, size=19)
    ]
    return Windows(rows, batch_size=6, micro_batch_size=2, epochs=2, seed=3)


def llama(tied: bool) -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=VOCABULARY, tie_word_embeddings=tied, **sizes)).train()


def learn(
    out: Path, runtime: RuntimeConfig, *, tied: bool = True, precision: str = "32-true", twice: bool = False
) -> None:
    """A training as a stage does it: behind it, the first rank writes the model. `twice`: its layers."""
    out.mkdir(exist_ok=True)
    given, model = windows(), llama(tied)
    recipe = Recipe(
        steps=len(given),
        learning_rate=1e-2,
        schedule=warmed_up("cosine", len(given), 0.1),
        beta2=0.99,
        weight_decay=0.01,
        max_grad_norm=0.5,
        seed=0,
        precision=precision,
        setting="trainer.learning_rate",
    )
    fit(
        model,
        given,
        recipe,
        title="t",
        gradient_checkpointing=twice,
        runtime=runtime,
        logger=LoggerConfig(every_n_steps=1),
        out=out,
    )
    assert type(model) is LlamaForCausalLM
    save_file({name: p.detach().clone() for name, p in model.named_parameters()}, out / WEIGHTS)


def learn_half(out: Path, runtime: RuntimeConfig) -> None:
    """The same, where one of the ranks, the last, is asked to stop in the middle of a pass."""
    step_taken = Tuning.training_step

    def step(self: Tuning, window: Any, number: int) -> Any:
        if number == HALF_WAY - 1 and place().rank == place().world - 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return step_taken(self, window, number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tuning, "training_step", step)
        with pytest.raises(Stopped, match=rf"after step {HALF_WAY} of 8"):
            learn(out, runtime)
    leave()


def learn_mixed(out: Path, runtime: RuntimeConfig) -> None:
    """In bfloat16, head and embedding apart, layers computed twice."""
    learn(out, runtime, tied=False, precision="bf16-mixed", twice=True)


def run_stage(out: Path, runtime: RuntimeConfig) -> None:
    """The stage itself, which adapts frozen weights, on what lies beside the folder of the first rank."""
    shared = place().shared(out).parent
    tune(
        PretrainedModelConfig(path=str(shared / "llama")),
        Artifact(shared / "data"),
        out,
        runtime=replace(runtime, offline=True),
        trainer=replace(LORA, lora_dropout=0.0),
    )


@over_devices
def by_two(*, runtime: RuntimeConfig, out: Path) -> None:
    """Everything that takes two ranks, in one start of theirs."""
    work: dict[str, Callable[..., None]] = {
        "whole": learn,
        "half": learn_half,
        "rest": learn,
        "mixed": learn_mixed,
        "stage": run_stage,
    }
    for strategy in STRATEGIES:
        for name, what in work.items():
            meet_anew(out / f"{strategy}-{name}.port")
            with suppress(Joined):
                what(out / f"{strategy}-{name}", replace(runtime, strategy=strategy))


def meet_anew(file: Path) -> None:
    """A stage's ranks meet once; here they meet for several trainings, each at a port of its own."""
    if place().rank == 0:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            draft = file.with_suffix(".draft")
            draft.write_text(str(free.getsockname()[1]))
            draft.rename(file)
    while not place().shared(file).exists():
        time.sleep(0.01)
    os.environ["MASTER_PORT"] = place().shared(file).read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process and what two made."""
    folder = tmp_path_factory.mktemp("trainings")
    for name in ("data", "llama"):
        (folder / name).mkdir()
    dataset_in(folder / "data")
    llama_in(folder / "llama", dropout=0.0)
    learn(folder / "whole", RUNTIME)
    learn_mixed(folder / "mixed", RUNTIME)
    run_stage(folder / "stage", RUNTIME)
    for strategy in STRATEGIES:
        learn_half(folder / f"{strategy}-rest", RUNTIME)
    by_two(runtime=replace(RUNTIME, devices="2"), out=folder)
    for strategy in STRATEGIES:
        learn(folder / f"{strategy}-half", RUNTIME)
    return folder


def distance(one: Path, other: Path, file: str = WEIGHTS) -> float:
    ours, theirs = load_file(one / file), load_file(other / file)
    assert ours.keys() == theirs.keys()
    return max((ours[name] - theirs[name]).abs().max().item() for name in ours)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_two_processes_learn_what_one_does(folder: Path, strategy: str) -> None:
    assert distance(folder / f"{strategy}-whole", folder / "whole") < 1e-5
    ours, theirs = (losses(folder / name) for name in (f"{strategy}-whole", "whole"))
    assert ours == pytest.approx(theirs, abs=2e-6)


def losses(folder: Path) -> list[float]:
    return [float(line.split(",")[2]) for line in (folder / METRICS).read_text().splitlines()[1:]]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("change", ["half", "rest"], ids=["two then one", "one then two"])
def test_a_training_goes_on_with_another_number_of_processes(
    folder: Path, strategy: str, change: str
) -> None:
    assert distance(folder / f"{strategy}-{change}", folder / "whole") < 1e-5


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_two_processes_learn_in_bfloat16(folder: Path, strategy: str) -> None:
    assert losses(folder / f"{strategy}-mixed") == pytest.approx(losses(folder / "mixed"), abs=0.02)
    assert {w.dtype for w in load_file(folder / f"{strategy}-mixed" / WEIGHTS).values()} == {torch.float32}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_stage_of_two_processes_leaves_what_one_leaves(folder: Path, strategy: str) -> None:
    ours, theirs = folder / f"{strategy}-stage", folder / "stage"
    assert files(ours).keys() == files(theirs).keys()
    assert distance(ours, theirs, "model/model.safetensors") < 1e-5
    assert distance(ours, theirs, "adapter/adapter_model.safetensors") < 1e-5
    config = json.loads((ours / "model" / "config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]
