from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from alpaca_exp.tuning import head, loss, packing
from alpaca_exp.tuning.data import Windows, packed_batch
from alpaca_exp.tuning.loss import Abilities, ready, summed_loss
from alpaca_exp.tuning.tokens import TokenRow

VOCABULARY = 60
TOKENS: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "initializer_range": 0.3,
}
SIZES = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
} | TOKENS


def llama(**changed: Any) -> LlamaForCausalLM:
    return LlamaForCausalLM(LlamaConfig(**SIZES | changed))


def mistral() -> MistralForCausalLM:
    return MistralForCausalLM(MistralConfig(num_key_value_heads=2, sliding_window=5, **SIZES))


MODELS: dict[str, tuple[Any, Abilities]] = {
    "llama": (llama, Abilities(True, True)),
    "llama, grouped queries": (lambda: llama(num_key_value_heads=2), Abilities(True, True)),
    "llama, tied": (lambda: llama(tie_word_embeddings=True), Abilities(True, True)),
    "mistral, a short sliding window": (mistral, Abilities(True, True)),
    "qwen3": (
        lambda: Qwen3ForCausalLM(Qwen3Config(num_key_value_heads=2, head_dim=8, **SIZES)),
        Abilities(True, True),
    ),
    "pythia": (lambda: GPTNeoXForCausalLM(GPTNeoXConfig(**SIZES)), Abilities(True, True)),
    "gpt2": (
        lambda: GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=2, n_head=2, **TOKENS)),
        Abilities(True, True),
    ),
    "granite, which scales its logits": (
        lambda: GraniteForCausalLM(GraniteConfig(logits_scaling=3.0, **SIZES)),
        Abilities(True, False),
    ),
    "bloom, whose attention is its own": (
        lambda: BloomForCausalLM(BloomConfig(n_layer=2, n_head=2, **{**TOKENS, "hidden_size": 16})),
        Abilities(False, True),
    ),
    "mamba, which carries a state": (
        lambda: MambaForCausalLM(MambaConfig(num_hidden_layers=2, **{**TOKENS, "hidden_size": 16})),
        Abilities(False, True),
    ),
}


@pytest.fixture
def rows() -> list[TokenRow]:
    rng = np.random.default_rng(0)
    lengths = [*rng.integers(4, 30, size=17).tolist(), 2, 12, 12, 12]
    return [
        TokenRow(rng.integers(3, VOCABULARY, size=length).astype(np.int32), int(rng.integers(0, length - 1)))
        for length in lengths
    ]


@pytest.mark.parametrize("name", MODELS)
def test_packed_and_response_only_is_the_plain_loss_and_gradient(name: str, rows: list[TokenRow]) -> None:
    torch.manual_seed(0)
    make, expected = MODELS[name]
    model = make().train(False)  # no dropout: the order of random numbers differs
    wanted, gradient = plain(model, rows)
    with ready(model, pack=True) as abilities:
        assert abilities == expected
        windows = Windows(rows, batch_size=len(rows), micro_batch_size=4, seed=0)
        windows.packed = abilities.packs
        found = learned(model, windows, abilities)
    assert found[0] == pytest.approx(wanted, rel=1e-6)
    assert ((found[1] - gradient).norm() / gradient.norm()).item() < 1e-6


def test_a_head_worked_through_in_chunks_has_the_same_gradient(
    rows: list[TokenRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model = llama()
    wanted, gradient = plain(model, rows)
    monkeypatch.setattr(loss, "WORTH_CHUNKING", 0)
    monkeypatch.setattr(head, "LOGITS_AT_ONCE", {"cpu": 7 * VOCABULARY})
    windows = Windows(rows, batch_size=len(rows), micro_batch_size=4)
    found = learned(model, windows, Abilities(False, True))
    assert found[0] == pytest.approx(wanted, rel=1e-6)
    assert ((found[1] - gradient).norm() / gradient.norm()).item() < 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("frozen", [False, True])
def test_a_chunked_head_is_linear_and_cross_entropy(
    dtype: torch.dtype, frozen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head, "LOGITS_AT_ONCE", {"cpu": 7 * VOCABULARY})
    torch.manual_seed(0)
    labels = torch.randint(0, VOCABULARY, (50,))
    hidden, weight, bias = torch.randn(50, 16), torch.randn(VOCABULARY, 16), torch.randn(VOCABULARY)
    ours = [part.to(dtype).requires_grad_(not frozen or part is hidden) for part in (hidden, weight, bias)]
    exact = [part.detach().double().requires_grad_(part.requires_grad) for part in ours]
    found = head.summed_cross_entropy(ours[0], ours[1], labels, ours[2])
    wanted = F.cross_entropy(F.linear(*exact), labels, reduction="sum")
    (found * 0.5).backward()  # type: ignore[no-untyped-call]
    (wanted * 0.5).backward()  # type: ignore[no-untyped-call]
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    assert found.item() == pytest.approx(wanted.item(), rel=tolerance)
    for mine, theirs in zip(ours, exact, strict=True):
        if mine.grad is None or theirs.grad is None:
            assert frozen and mine.grad is None and theirs.grad is None
            continue
        assert ((mine.grad - theirs.grad).norm() / theirs.grad.norm()).item() < tolerance


def test_packed_micro_batches_hold_no_more_tokens_than_padded_ones_could(rows: list[TokenRow]) -> None:
    windows = Windows(rows, batch_size=len(rows), micro_batch_size=3, seed=1)
    padded = windows.window(0)
    windows.packed = True
    packed = windows.window(0)
    most = 3 * max(len(row.tokens) - 1 for row in rows)
    assert all(batch.input_ids.numel() <= most for batch in packed.micro_batches)
    assert sum(batch.input_ids.numel() for batch in packed.micro_batches) == sum(
        len(row.tokens) - 1 for row in rows
    )
    assert len(packed.micro_batches) < len(padded.micro_batches)
    assert packed.label_tokens == padded.label_tokens == sum(len(b.labels) for b in packed.micro_batches)


def test_a_models_own_attention_comes_back_after_the_training() -> None:
    model = llama()
    before = model.config._attn_implementation
    with ready(model, pack=True):
        assert model.config._attn_implementation == "packed"
    assert model.config._attn_implementation == before


def learned(model: PreTrainedModel, windows: Windows, abilities: Abilities) -> tuple[float, Tensor]:
    """The first window's loss and its gradient, as a training step makes them."""
    model.zero_grad()
    window, total = windows.window(0), 0.0
    for batch in window.micro_batches:
        part = summed_loss(model, batch, abilities.splits) / window.label_tokens
        part.backward()  # type: ignore[no-untyped-call]
        total += part.item()
    return total, gradient_of(model)


def plain(model: PreTrainedModel, rows: list[TokenRow]) -> tuple[float, Tensor]:
    """One unpadded row at a time, every position's logits, one mean over all labels."""
    model.zero_grad()
    logits, labels = [], []
    for tokens, masked in rows:
        ids = torch.from_numpy(tokens.astype(np.int64))
        first = max(masked, 1)
        logits.append(model(input_ids=ids[None]).logits[0, first - 1 : -1])
        labels.append(ids[first:])
    mean = F.cross_entropy(torch.cat(logits), torch.cat(labels))
    mean.backward()  # type: ignore[no-untyped-call]
    return mean.item(), gradient_of(model)


def gradient_of(model: PreTrainedModel) -> Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_mixed_precision_attends_in_its_own_numbers_as_the_quick_kernels_want(
    rows: list[TokenRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rotation multiplies by float32 cosines, and would send float32 queries and bfloat16 values on."""
    config = LlamaConfig(
        vocab_size=200, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2
    )
    attended: set[torch.dtype] = set()
    attention = packing._length_by_length

    def noted(query: Tensor, key: Tensor, value: Tensor, *others: Any) -> Tensor:
        attended.update({query.dtype, key.dtype, value.dtype})
        return attention(query, key, value, *others)

    monkeypatch.setattr(packing, "_length_by_length", noted)
    model = LlamaForCausalLM(config)
    with packing.packed_attention(model), torch.autocast("cpu", torch.bfloat16):
        summed_loss(model, packed_batch(rows))
    assert attended == {torch.bfloat16}
