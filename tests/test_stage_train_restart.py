from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError, Stopped
from alpaca_exp.schemas import PretrainedModelConfig, RuntimeConfig
from alpaca_exp.tuning import fit, module
from tests.tunings import EVERY_STEP, before_step, tune


@pytest.mark.parametrize("step", [1, 5, 7])
def test_a_killed_training_ends_with_the_same_bytes(
    uninterrupted: dict[str, bytes], base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path, step: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        before_step(step, lambda: os.kill(os.getpid(), signal.SIGKILL), patch)
        assert in_a_process(tune, base, dataset, tmp_path / "out", EVERY_STEP) == -signal.SIGKILL
    begun: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        before_step(step, lambda: begun.append(step), patch)
        before_step(step - 1, lambda: begun.append(step - 1), patch)
        assert tune(base, dataset, tmp_path / "out") == uninterrupted
    assert begun == [step]


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(
    uninterrupted: dict[str, bytes], base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    saved = torch.save

    def half(checkpoint: Any, file: Any) -> None:
        saved(checkpoint, file)
        if isinstance(checkpoint, dict) and checkpoint.get("global_step") == 4:
            file.truncate(file.tell() // 2)
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "save", half)
        assert in_a_process(tune, base, dataset, tmp_path / "out", EVERY_STEP) == -signal.SIGKILL
    assert len(list((tmp_path / "out" / "checkpoints").iterdir())) == 2
    assert tune(base, dataset, tmp_path / "out") == uninterrupted


def in_a_process(
    work: Callable[..., object],
    base: PretrainedModelConfig,
    dataset: Artifact,
    out: Path,
    runtime: RuntimeConfig,
) -> int | None:
    """The exit code of a child, forked so that it needs no imports of its own."""
    child = multiprocessing.get_context("fork").Process(
        target=work, args=(base, dataset, out), kwargs={"runtime": runtime}
    )
    child.start()
    child.join()
    return child.exitcode


def test_a_broken_checkpoint_is_passed_over(
    uninterrupted: dict[str, bytes], base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    (tmp_path / "out" / "checkpoints").mkdir(parents=True)
    (tmp_path / "out" / "checkpoints" / "step-000000005.ckpt").write_bytes(b"half a file")
    assert tune(base, dataset, tmp_path / "out") == uninterrupted


@pytest.mark.parametrize(("number", "step"), [(signal.SIGTERM, 4), (signal.SIGINT, 1), (signal.SIGTERM, 8)])
def test_a_signal_stops_after_the_step_and_the_same_call_goes_on(
    uninterrupted: dict[str, bytes],
    base: PretrainedModelConfig,
    dataset: Artifact,
    tmp_path: Path,
    number: signal.Signals,
    step: int,
) -> None:
    before = signal.getsignal(number)
    with (
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(Stopped, match=rf"after step {step} of 8.*go on"),
    ):
        before_step(step - 1, lambda: os.kill(os.getpid(), number), patch)
        tune(base, dataset, tmp_path / "out")
    assert signal.getsignal(number) is before
    assert tune(base, dataset, tmp_path / "out") == uninterrupted


def test_a_signal_behind_the_last_step_is_heeded_and_no_step_lost(
    uninterrupted: dict[str, bytes], base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    def strike(self: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped, match="after step 8 of 8"):
        patch.setattr(module.Tuning, "on_train_epoch_end", strike, raising=False)
        tune(base, dataset, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out" / "checkpoints").iterdir()] == ["step-000000008.ckpt"]
    assert tune(base, dataset, tmp_path / "out") == uninterrupted


def test_a_signal_that_comes_when_all_is_saved_that_can_be_is_passed_on(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    told: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fit, "gather", lambda tuning: os.kill(os.getpid(), signal.SIGTERM))
            tune(base, dataset, tmp_path / "out")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert told == [signal.SIGTERM]


def test_a_diverged_loss_names_the_step_and_the_remedy(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = module.summed_loss
    seen: list[int] = []

    def diverging(*given: Any) -> torch.Tensor:
        seen.append(1)
        return loss(*given) * (torch.nan if len(seen) > 6 else 1)

    monkeypatch.setattr(module, "summed_loss", diverging)
    with pytest.raises(InputError, match=r"step 4 of 8; lower trainer.learning_rate \(now 0.01\)"):
        tune(base, dataset, tmp_path / "out", runtime=EVERY_STEP)
    assert [path.name for path in (tmp_path / "out" / "checkpoints").iterdir()] == ["step-000000003.ckpt"]
