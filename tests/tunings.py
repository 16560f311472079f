"""A data set, a base model and a training of some steps, as the stage `train` meets them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from alpaca_exp.artifacts import Artifact
from alpaca_exp.prompts import framed
from alpaca_exp.records import write_jsonl
from alpaca_exp.schemas import (
    Frame,
    LoggerConfig,
    LoraTrainerConfig,
    PretrainedModelConfig,
    RuntimeConfig,
    TrainerConfig,
)
from alpaca_exp.stages.train import train
from alpaca_exp.tuning import module
from alpaca_exp.tuning.tokenizers import make_tokenizer

ROWS = [
    {
        "id": str(n),
        "instruction": f"Add {n} and {n + 1}.",
        "input": "",
        "output": f"It is {2 * n + 1}. " * (n % 4 + 1),
    }
    for n in range(30)
]
RECIPE: dict[str, Any] = {
    "learning_rate": 1e-2,
    "epochs": 2,
    "global_batch_size": 8,
    "micro_batch_size": 4,
    "max_seq_len": 128,
    "warmup_ratio": 0.1,
}
TRAINER = TrainerConfig(**RECIPE)
LORA = LoraTrainerConfig(**RECIPE, lora_rank=4, lora_alpha=8)
EVERY_STEP = RuntimeConfig(checkpoint_every_s=0.0, accelerator="cpu", offline=True)
NEVER = replace(EVERY_STEP, checkpoint_every_s=1e9)
LOGGER = LoggerConfig(every_n_steps=3)


def dataset_in(folder: Path) -> Artifact:
    """Thirty short sums."""
    write_jsonl(ROWS, folder / "dataset.jsonl")
    return Artifact(folder)


def llama_in(folder: Path, dropout: float = 0.1) -> PretrainedModelConfig:
    """A LLaMA as one would download it: a byte-level tokenizer without a padding token, dropout on."""
    tokenizer = make_tokenizer(
        "bpe", [framed(Frame.alpaca, row["instruction"]) + row["output"] for row in ROWS], 400
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer, eos_token="</s>", bos_token="<s>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            attention_dropout=dropout,
        )
    ).save_pretrained(folder)
    return PretrainedModelConfig(path=str(folder))


def tune(
    base: PretrainedModelConfig,
    dataset: Artifact,
    out: Path,
    *,
    runtime: RuntimeConfig = NEVER,
    trainer: TrainerConfig = TRAINER,
) -> dict[str, bytes]:
    """Run the stage; the bytes of every file that it left."""
    out.mkdir(exist_ok=True)
    train(base, trainer, 0, dataset=dataset, runtime=runtime, logger=LOGGER, out=out)
    return files(out)


def files(folder: Path) -> dict[str, bytes]:
    """Every file below it, by its path there."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def before_step(number: int, action: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do `action` when step `number`, counted from 0, begins."""
    step_taken = module.Tuning.training_step

    def step(self: module.Tuning, window: Any, step: int) -> Any:
        if step == number:
            action()
        return step_taken(self, window, step)

    monkeypatch.setattr(module.Tuning, "training_step", step)
