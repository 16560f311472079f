"""One epoch of Stanford's recipe beside transformers' own Trainer, from the same rows in the same order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments

from alpaca_exp.artifacts import Artifact
from alpaca_exp.prompts import framed
from alpaca_exp.schemas import Frame, LossOver, PretrainedModelConfig, TrainerConfig
from alpaca_exp.tuning.data import order
from alpaca_exp.tuning.models import complete_tokens
from tests.tunings import ROWS, llama_in, tune

STANFORD = TrainerConfig(
    learning_rate=2e-3,  # a hundred times Stanford's: differences would show
    epochs=1,
    global_batch_size=8,
    micro_batch_size=4,
    max_seq_len=128,
)
IGNORED = -100


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> PretrainedModelConfig:
    return llama_in(tmp_path_factory.mktemp("llama"), dropout=0.0)


@pytest.mark.parametrize("packing", [True, False])
@pytest.mark.parametrize("loss_over", list(LossOver))
def test_an_epoch_ends_with_the_weights_of_transformers_trainer(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path, loss_over: LossOver, packing: bool
) -> None:
    """`micro_batch` is what Trainer did in 2023, and does where a model takes no count of the labels."""
    tune(base, dataset, tmp_path / "ours", trainer=replace(STANFORD, loss_over=loss_over, packing=packing))
    theirs = trainers(base.path, tmp_path / "theirs", counts_labels=loss_over is LossOver.window)
    ours = AutoModelForCausalLM.from_pretrained(tmp_path / "ours" / "model").state_dict()
    before = AutoModelForCausalLM.from_pretrained(base.path).state_dict()
    moved = max((theirs[name][: len(w)] - w).abs().max().item() for name, w in before.items())
    apart = max((theirs[name] - weight).abs().max().item() for name, weight in ours.items())
    assert moved > 1e-3 and apart < 1e-5


def test_the_two_losses_are_two_functions(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path
) -> None:
    over = {}
    for loss_over in LossOver:
        tune(base, dataset, tmp_path / loss_over.name, trainer=replace(STANFORD, loss_over=loss_over))
        model = AutoModelForCausalLM.from_pretrained(tmp_path / loss_over.name / "model")
        over[loss_over] = model.get_output_embeddings().weight
    assert (over[LossOver.window] - over[LossOver.micro_batch]).abs().max() > 1e-4


def trainers(path: str, folder: Path, *, counts_labels: bool) -> dict[str, Any]:
    """The weights that transformers' Trainer ends with, from rows made as stanford_alpaca makes them."""
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForCausalLM.from_pretrained(path)
    complete_tokens(model, tokenizer)
    rows = [alpacas(tokenizer, ROWS[index]) for index in order(len(ROWS), 0, 0)]
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(folder),
            num_train_epochs=1,
            per_device_train_batch_size=4,
            gradient_accumulation_steps=2,
            learning_rate=STANFORD.learning_rate,
            weight_decay=0.0,
            warmup_steps=0.03,
            lr_scheduler_type="cosine",
            train_sampling_strategy="sequential",
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            logging_strategy="no",
        ),
        train_dataset=rows,  # type: ignore[arg-type]
        data_collator=lambda batch: padded(batch, tokenizer.pad_token_id),
    )
    trainer.model_accepts_loss_kwargs = counts_labels
    trainer.train()
    return dict(model.state_dict())


def alpacas(tokenizer: Any, row: dict[str, str]) -> dict[str, torch.Tensor]:
    """Prompt, answer and end token as one text; of its tokens those of the prompt alone are no labels."""
    prompt = framed(Frame.alpaca, row["instruction"], row["input"])
    tokens = tokenizer(prompt + row["output"] + tokenizer.eos_token, return_tensors="pt").input_ids[0]
    labels = tokens.clone()
    labels[: len(tokenizer(prompt).input_ids)] = IGNORED
    return {"input_ids": tokens, "labels": labels}


def padded(batch: list[dict[str, torch.Tensor]], pad: int) -> dict[str, torch.Tensor]:
    """To the longest, with Alpaca's mask."""
    made = {
        name: torch.nn.utils.rnn.pad_sequence([row[name] for row in batch], True, fill)
        for name, fill in (("input_ids", pad), ("labels", IGNORED))
    }
    return made | {"attention_mask": made["input_ids"].ne(pad)}
