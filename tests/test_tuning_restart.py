from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError
from alpaca_exp.schemas import PretrainedModelConfig, RuntimeConfig, TrainerConfig
from alpaca_exp.tuning import module
from tests.tunings import EVERY_STEP, NEVER, TRAINER, before_step, tune

LONG = replace(TRAINER, epochs=6)
TWO = replace(EVERY_STEP, devices="2", num_threads=1)


@pytest.mark.parametrize(
    ("kills", "runtime"),
    [
        (3, EVERY_STEP),
        pytest.param(20, EVERY_STEP, marks=pytest.mark.long),
        pytest.param(10, replace(TWO, strategy="ddp"), marks=pytest.mark.long),
        pytest.param(10, replace(TWO, strategy="fsdp"), marks=pytest.mark.long),
    ],
    ids=["one process", "one process, often", "two by ddp", "two by fsdp"],
)
def test_a_training_killed_anywhere_ends_with_the_same_bytes(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path, kills: int, runtime: RuntimeConfig
) -> None:
    """Each attempt goes on where the one before was when a signal struck: at a random moment of its time."""
    start = time.monotonic()
    whole = tune(base, dataset, tmp_path / "whole", runtime=runtime, trainer=LONG)
    seconds = time.monotonic() - start
    moments, struck = random.Random(kills), 0
    while struck < kills:
        child = started(tune, base, dataset, tmp_path / "out", runtime=runtime, trainer=LONG)
        child.join(moments.uniform(0, seconds))
        if child.exitcode is None:
            assert child.pid is not None
            os.kill(child.pid, moments.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
            struck += 1
            child.join()
        else:  # it came to its end: once more from the beginning
            shutil.rmtree(tmp_path / "out")
    assert tune(base, dataset, tmp_path / "out", runtime=runtime, trainer=LONG) == whole


def started(work: Callable[..., object], *given: Any, **named: Any) -> multiprocessing.process.BaseProcess:
    """A child, forked so that it needs no imports of its own."""
    child = multiprocessing.get_context("fork").Process(target=work, args=given, kwargs=named)
    child.start()
    return child


@pytest.fixture
def begun(base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path) -> Path:
    """A training that was killed at its fifth step."""
    with pytest.MonkeyPatch.context() as patch:
        before_step(4, lambda: os.kill(os.getpid(), signal.SIGKILL), patch)
        child = started(tune, base, dataset, tmp_path / "out", runtime=EVERY_STEP)
        child.join()
    assert child.exitcode == -signal.SIGKILL
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("trainer", "words"),
    [
        (replace(TRAINER, learning_rate=2e-2), r"trainer.learning_rate was 0.01 and is now 0.02"),
        (replace(TRAINER, epochs=3), r"trainer.steps was 8 and is now 12"),
        (replace(TRAINER, mask_prompt=False), r"the rows was 30 with hash \w+ and is now 30 with hash \w+"),
        (replace(TRAINER, schedule="linear"), r"the schedule was that with hash \w+"),
    ],
    ids=["rate", "steps", "rows", "schedule"],
)
def test_a_checkpoint_of_another_training_is_refused_with_what_differs(
    base: PretrainedModelConfig, dataset: Artifact, begun: Path, trainer: TrainerConfig, words: str
) -> None:
    with pytest.raises(InputError, match=rf"step-000000004.ckpt is.*{words}.*delete .*checkpoints to begin"):
        tune(base, dataset, begun, trainer=trainer)


def test_a_checkpoint_of_another_model_is_refused(
    base: PretrainedModelConfig, dataset: Artifact, begun: Path, tmp_path: Path
) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    shutil.copytree(base.path, tmp_path / "wider")
    config = LlamaConfig.from_pretrained(base.path)
    config.intermediate_size = 48
    LlamaForCausalLM(config).save_pretrained(tmp_path / "wider")
    with pytest.raises(InputError, match=r"the model was LlamaForCausalLM of [\d,]+ parameters"):
        tune(PretrainedModelConfig(path=str(tmp_path / "wider")), dataset, begun)


def test_where_and_how_it_runs_may_change_between_two_attempts(
    base: PretrainedModelConfig, dataset: Artifact, begun: Path
) -> None:
    trainer = replace(TRAINER, micro_batch_size=2, packing=False, gradient_checkpointing=True)
    assert "model/model.safetensors" in tune(base, dataset, begun, trainer=trainer)


def test_a_diverged_loss_names_its_examples(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "summed_loss", lambda model, *_: next(model.parameters()).sum() * torch.nan)
    with pytest.raises(InputError, match=r"step 1 of 8.*place in the data from 0: (\d+, ){7}\d+$"):
        tune(base, dataset, tmp_path / "out")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory"),
        MemoryError(),
    ],
    ids=["gpu", "cpu", "python"],
)
def test_out_of_memory_says_what_to_turn_down_in_order(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path, error: Exception
) -> None:
    def give_out() -> None:
        raise error

    remedies = "micro_batch_size.*gradient_checkpointing=true.*trainer=lora.*runtime.devices"
    with pytest.MonkeyPatch.context() as patch:
        before_step(5, give_out, patch)
        with pytest.raises(InputError, match=remedies) as raised:
            tune(base, dataset, tmp_path / "out", runtime=EVERY_STEP)
    assert raised.value.exit_code == 2 and "\n" not in str(raised.value)
    assert (tmp_path / "out" / "checkpoints" / "step-000000005.ckpt").is_dir()


def test_other_errors_are_not_taken_for_want_of_memory(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    def fail() -> None:
        raise RuntimeError("shapes do not fit")

    with pytest.MonkeyPatch.context() as patch, pytest.raises(RuntimeError, match="shapes do not fit"):
        before_step(1, fail, patch)
        tune(base, dataset, tmp_path / "out")


def test_layers_computed_twice_learn_the_same(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    plain = tune(base, dataset, tmp_path / "plain")
    twice = tune(base, dataset, tmp_path / "twice", trainer=replace(TRAINER, gradient_checkpointing=True))
    assert twice == plain


@pytest.mark.long
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_layers_learn_the_same(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    plain, compiled = (
        tune(base, dataset, tmp_path / str(compile), runtime=NEVER, trainer=replace(TRAINER, compile=compile))
        for compile in (False, True)
    )
    ours, theirs = (
        [float(line.split(",")[2]) for line in made["metrics.csv"].decode().splitlines()[1:]]
        for made in (compiled, plain)
    )
    assert ours == pytest.approx(theirs, rel=0.05)  # dropout draws other numbers in compiled kernels
