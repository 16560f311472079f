from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from transformers import LlamaConfig, LlamaForCausalLM

from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.stages.train import train
from alpaca_exp.tuning import metrics
from alpaca_exp.tuning.data import TuningData, Window, Windows
from alpaca_exp.tuning.metrics import Shown, Stretch
from alpaca_exp.tuning.tokens import TokenRow
from alpaca_exp.tuning.yardstick import Yardstick, flops_a_token, yardstick
from tests.tunings import LOGGER, NEVER, TRAINER, dataset_in, llama_in


def llama(**changed: Any) -> LlamaForCausalLM:
    sizes = {"hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 3, "num_attention_heads": 4}
    return LlamaForCausalLM(LlamaConfig(vocab_size=500, **{"tie_word_embeddings": False, **sizes, **changed}))


MATRICES = 3 * (4 * 64 * 64 + 3 * 64 * 172)


@pytest.mark.parametrize("tied", [False, True])
def test_a_token_takes_six_flops_for_each_weight_that_it_meets_and_four_for_a_frozen_one(tied: bool) -> None:
    model = llama(tie_word_embeddings=tied)
    assert flops_a_token(model) == (6 * (MATRICES + 500 * 64), 6 * 3 * 64)
    for weight in model.model.layers.parameters():
        weight.requires_grad = False
    assert flops_a_token(model)[0] == 4 * MATRICES + 6 * 500 * 64


def test_mfu_is_the_useful_part_of_the_peak_of_all_devices() -> None:
    known = Yardstick(flops=6e9, attention=1e6, peak=2e15, usd_per_hour=7.2)
    # 100 sequences of 500 tokens in 2 s: 50,000 x (6e9 + 1e6 x 500) / 2 / 2e15
    assert known.mfu(50_000, 100, 2.0) == pytest.approx(0.08125)
    assert known.usd(1800) == pytest.approx(3.6)


def test_of_a_cpu_neither_peak_nor_price_is_known() -> None:
    cpu = yardstick(
        llama(), RuntimeConfig(accelerator="cpu", gpu_usd_per_hour=2.0), precision="32-true", devices=1
    )
    assert cpu.mfu(1000, 10, 1.0) is None and cpu.usd(3600) is None


def test_of_a_gpu_the_peak_is_that_of_the_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H100 80GB HBM3")
    runtime = RuntimeConfig(gpu_usd_per_hour=2.5)
    mixed, full = (yardstick(llama(), runtime, precision=p, devices=4) for p in ("bf16-mixed", "32-true"))
    assert (mixed.peak, full.peak, mixed.usd_per_hour) == (4 * 989e12, 4 * 67e12, 10.0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Another Maker's GPU")
    assert yardstick(llama(), runtime, precision="bf16-mixed", devices=4).peak is None


class Noted:
    """A progress line that keeps what it is told."""

    def __init__(self) -> None:
        self.steps, self.notes = 0, list[str]()

    def advance(self, n: int = 1, note: str = "") -> None:
        self.steps += n
        self.notes.append(note)


def test_the_progress_line_tells_speed_mfu_and_dollars_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(metrics.time, "monotonic", lambda: clock[0])
    noted = Noted()
    shown = Shown(noted, Yardstick(flops=1e9, attention=0.0, peak=1e13, usd_per_hour=3600.0))
    window = Window([], 100, 4000, np.arange(8))
    outputs = {"loss": torch.tensor(1.25)}
    shown._stretch.begin()
    for step in range(3):
        clock[0] += 1.0
        shown.on_train_batch_end(None, None, outputs, window, step)  # type: ignore[arg-type]
    assert noted.steps == 3
    assert noted.notes[0] == "4,000 tokens/s, MFU 40%, $1.00, loss 1.250"
    assert noted.notes[-1] == "4,000 tokens/s, MFU 40%, $3.00, loss 1.250"


def test_before_anything_was_done_nothing_is_said() -> None:
    assert Stretch(Yardstick()).measured() == {"tokens_per_second": 0.0}


def test_the_norm_in_metrics_csv_is_that_of_the_gradient_before_the_clip(tmp_path: Path) -> None:
    norms = []
    for clip in (1e-3, 1e9):
        out = tmp_path / f"{clip}" / "train" / "out"
        for folder in (out, out.parents[1] / "base", out.parents[1] / "data"):
            folder.mkdir(parents=True)
        base, data = llama_in(out.parents[1] / "base"), dataset_in(out.parents[1] / "data")
        trainer = replace(TRAINER, max_grad_norm=clip, epochs=1)
        logger = replace(LOGGER, every_n_steps=1)
        train(base, trainer, 0, dataset=data, runtime=NEVER, logger=logger, out=out)
        with (out / "metrics.csv").open(newline="") as file:
            norms.append([float(row["grad_norm"]) for row in csv.DictReader(file)])
    assert norms[0][0] == norms[1][0] > 1e-3, "the first step's gradient is the same, clipped or not"


class Reading(LightningModule):
    """Notes which examples each step is given."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.read: list[list[int]] = []
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def training_step(self, window: Window, step: int) -> None:
        self.read.append(window.examples.tolist())
        optimizer: Any = self.optimizers()
        optimizer.step()


class Saving(Callback):
    """Saves behind one step and stops there."""

    def __init__(self, step: int, file: Path) -> None:
        self.step, self.file = step, file

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.file)
            trainer.should_stop = True


@pytest.mark.parametrize("step", [1, 4, 7])
def test_lightning_goes_on_with_the_data_in_the_middle_of_an_epoch(step: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [TokenRow(rng.integers(0, 50, size=size).astype(np.int32), 1) for size in rng.integers(3, 9, 21)]

    def run(ckpt_path: Path | None = None, stop: int = 0) -> list[list[int]]:
        reading = Reading()
        windows = Windows(rows, batch_size=8, micro_batch_size=4, epochs=3, seed=5)
        trainer = Trainer(
            accelerator="cpu", max_epochs=1, max_steps=9, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, use_distributed_sampler=False,
            callbacks=[Saving(stop, tmp_path / "at.ckpt")] if stop else [], default_root_dir=tmp_path,
        )  # fmt: skip
        trainer.fit(reading, datamodule=TuningData(windows), ckpt_path=ckpt_path)
        return reading.read

    whole = run()
    assert len(whole) == 9 and sorted(place for step in whole[:3] for place in step) == list(range(21))
    begun = run(stop=step)
    assert begun + run(tmp_path / "at.ckpt") == whole
