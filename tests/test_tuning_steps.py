from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    get_cosine_schedule_with_warmup,
    get_linear_schedule_with_warmup,
)

from alpaca_exp.tuning.data import Windows
from alpaca_exp.tuning.loss import summed_loss
from alpaca_exp.tuning.schedules import trapezoid, warmed_up
from alpaca_exp.tuning.tokens import TokenRow

VOCABULARY = 50


@pytest.fixture
def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=VOCABULARY, **sizes)).train()


@pytest.fixture
def rows() -> list[TokenRow]:
    rng = np.random.default_rng(0)
    lengths = rng.integers(4, 30, size=21)
    return [
        TokenRow(rng.integers(0, VOCABULARY, size=length).astype(np.int32), int(rng.integers(0, length)))
        for length in lengths
    ]


@pytest.mark.parametrize("micro_batch_size", [1, 3, 8])
def test_a_windows_gradient_is_that_of_the_mean_over_its_label_tokens(
    model: LlamaForCausalLM, rows: list[TokenRow], micro_batch_size: int
) -> None:
    windows = Windows(rows, batch_size=8, micro_batch_size=micro_batch_size, seed=3)
    window = windows.window(1)
    loss = sum(summed_loss(model, batch) / window.label_tokens for batch in window.micro_batches)
    assert isinstance(loss, Tensor)
    loss.backward()  # type: ignore[no-untyped-call]
    ours = _gradient(model)

    model.zero_grad()
    plain = _plain_mean(model, _chosen(rows, windows, 1))
    plain.backward()  # type: ignore[no-untyped-call]
    theirs = _gradient(model)
    assert abs(loss.item() - plain.item()) < 1e-6
    assert ((ours - theirs).norm() / theirs.norm()).item() < 1e-6


def _chosen(rows: list[TokenRow], windows: Windows, step: int) -> list[TokenRow]:
    """The rows of a window, found again by their tokens."""
    window = windows.window(step)
    opened = {tuple(ids.tolist()) for batch in window.micro_batches for ids in batch.input_ids}
    chosen = [
        row
        for row in rows
        if any(ids[: len(row.tokens) - 1] == tuple(row.tokens[:-1].tolist()) for ids in opened)
    ]
    assert len(chosen) == sum(len(batch.input_ids) for batch in window.micro_batches)
    return chosen


def _plain_mean(model: LlamaForCausalLM, rows: list[TokenRow]) -> Tensor:
    """One unpadded row at a time, every position's logits, one mean over all labels."""
    logits, labels = [], []
    for tokens, masked in rows:
        ids = torch.from_numpy(tokens.astype(np.int64))
        start = max(masked, 1)
        logits.append(model(input_ids=ids[None]).logits[0, start - 1 : -1])
        labels.append(ids[start:])
    return F.cross_entropy(torch.cat(logits), torch.cat(labels))


def _gradient(model: LlamaForCausalLM) -> Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_every_epoch_reads_each_row_once_in_an_order_of_its_own(rows: list[TokenRow]) -> None:
    windows = Windows(rows, batch_size=8, micro_batch_size=4, epochs=2, seed=0)
    assert len(windows) == 6
    read = list(windows)
    for epoch in (read[:3], read[3:]):
        assert sum(window.label_tokens for window in epoch) == sum(row.num_labels for row in rows)
        assert sum(len(b.input_ids) for window in epoch for b in window.micro_batches) == len(rows)
    assert [window.tokens for window in read[:3]] != [window.tokens for window in read[3:]]


def test_windows_go_on_where_a_checkpoint_left_them(rows: list[TokenRow]) -> None:
    def made(seed: int) -> Windows:
        return Windows(rows, batch_size=4, micro_batch_size=4, epochs=2, seed=seed)

    whole = [window.tokens for window in made(1)]
    begun, resumed = made(1), made(1)
    iterator = iter(begun)
    start = [next(iterator).tokens for _ in range(7)]
    resumed.load_state_dict(begun.state_dict())
    assert start + [window.tokens for window in resumed] == whole
    assert [window.tokens for window in made(2)] != whole


@pytest.mark.parametrize(
    ("shape", "peer"),
    [("cosine", get_cosine_schedule_with_warmup), ("linear", get_linear_schedule_with_warmup)],
)
def test_schedules_are_hugging_faces(shape: str, peer: object) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = peer(optimizer, num_warmup_steps=4, num_training_steps=100)  # type: ignore[operator]
    theirs = []
    for _ in range(100):
        theirs.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    ours = warmed_up(shape, 100, 0.035)
    assert [ours(step) for step in range(100)] == pytest.approx(theirs, abs=1e-12)


def test_a_trapezoid_rises_holds_and_falls() -> None:
    factor = trapezoid(100, 0.05, 0.5)
    assert [factor(step) for step in (0, 4, 30, 50, 75, 99)] == pytest.approx([0.2, 1, 1, 1, 0.5, 0.02])
