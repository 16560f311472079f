"""Many answers at once: the texts of transformers' own generation, whoever is written beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
import torch
import transformers

from alpaca_exp.llm import writing
from alpaca_exp.llm.choosing import CHUNK, likeliest
from alpaca_exp.llm.local import LocalModel
from alpaca_exp.llm.slots import Slots, slot_attention
from alpaca_exp.llm.writing import Answer, Task, write
from tests.models import bpe_tokenizer

CONTEXT = 96
SIZES = {
    "vocab_size": 400, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "max_position_embeddings": CONTEXT, "bos_token_id": 1, "eos_token_id": 2,
    "pad_token_id": 0, "initializer_range": 0.3,
}  # fmt: skip
ARCHITECTURES: dict[str, tuple[bool, dict[str, Any]]] = {
    "Llama": (True, {"num_key_value_heads": 2}),
    "GPT2": (True, {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": CONTEXT}),
    "GPTNeoX": (True, {}),
    "Qwen2": (True, {"num_key_value_heads": 2}),
    "Mistral": (True, {"num_key_value_heads": 2, "sliding_window": 7}),
    "Gemma2": (False, {"num_key_value_heads": 2, "head_dim": 8, "sliding_window": 8}),
    "Bloom": (False, {"n_layer": 2, "n_head": 4}),
}
"""Whether its attention can be replaced, and how small it is made."""


def made(name: str = "Llama", ends: float = 3.0) -> LocalModel:
    """Random weights; `ends` times longer weights of the end token make answers end at various points."""
    _, sizes = ARCHITECTURES[name]
    config = getattr(transformers, f"{name}Config")(**(SIZES | sizes))
    kind = getattr(
        transformers, f"{name}{'LMHead' if name == 'GPT2' else 'ForCausalLM'}{'Model' * (name == 'GPT2')}"
    )
    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    model = kind(config).eval()
    torch.random.set_rng_state(state)
    with torch.no_grad():
        model.get_output_embeddings().weight[2] *= ends
    return LocalModel(model, bpe_tokenizer())


@pytest.fixture(scope="module")
def llama() -> LocalModel:
    return made()


PROMPTS = [
    [Random(n).randrange(3, 400) for _ in range(length)]
    for n, length in enumerate((1, 9, 33, 2, 60, 17, 5, 24, 90, 12))
]


def alone(local: LocalModel, prompt: Sequence[int], limit: int) -> tuple[str, int]:
    """The text and the number of tokens that `generate` writes."""
    tokens = local.model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        max_new_tokens=min(limit, CONTEXT - len(prompt)),
        do_sample=False,
        pad_token_id=0,
    )[0, len(prompt) :].tolist()
    return local.tokenizer.decode(tokens, skip_special_tokens=True), len(tokens)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_greedy_answers_are_those_of_generate(name: str) -> None:
    local = made(name)
    with slot_attention(local.model) as allowed:
        assert allowed == ARCHITECTURES[name][0]
    answers = write(local, [Task(prompt, 40) for prompt in PROMPTS], slots=3)
    assert [(got.text, got.tokens_out) for got in answers] == [alone(local, p, 40) for p in PROMPTS]
    assert len({got.tokens_out for got in answers}) > 2 and answers[8].tokens_out <= CONTEXT - 90


def test_what_is_drawn_depends_on_neither_neighbours_nor_slots(llama: LocalModel) -> None:
    tasks = [Task(prompt, 20, temperature=0.9, top_p=0.95, seed=n) for n, prompt in enumerate(PROMPTS)]
    tasks[3] = Task(PROMPTS[3], 20)
    together = write(llama, tasks, slots=4)
    assert together == [write(llama, [task], slots=1)[0] for task in tasks]
    assert together[3].text == alone(llama, PROMPTS[3], 20)[0]
    other = write(llama, [Task(PROMPTS[2], 20, temperature=0.9, seed=5)], slots=1)
    assert other[0].text != together[2].text


def test_a_narrow_nucleus_is_greedy(llama: LocalModel) -> None:
    greedy, narrow = Task(PROMPTS[1], 24), Task(PROMPTS[1], 24, temperature=1.0, top_p=1e-6)
    first, second = write(llama, [greedy, narrow], slots=2)
    assert first == second


def test_an_answer_ends_before_its_own_stop_text_and_no_later(llama: LocalModel) -> None:
    whole = write(llama, [Task(PROMPTS[5], 30)], slots=1)[0]
    word = whole.text[6:9]
    cut, other = write(llama, [Task(PROMPTS[5], 30, stop=("never", word)), Task(PROMPTS[5], 30)], slots=2)
    assert cut.text == whole.text[: whole.text.index(word)] and cut.finish_reason == "stop"
    shorter = write(llama, [Task(PROMPTS[5], cut.tokens_out - 1)], slots=1)[0]
    assert word not in shorter.text and other == whole


def test_finished_answers_are_told_at_once_and_others_take_their_slots(
    llama: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []
    told: list[tuple[int, Answer]] = []
    following = Slots.next

    def counted(self: Slots, tokens: Sequence[int]) -> torch.Tensor:
        rows.append(len(tokens))
        return following(self, tokens)

    monkeypatch.setattr(Slots, "next", counted)
    limits = [16, 2, 2, 2, 2, 2, 2, 2]
    tasks = [Task([5 + n] * (2 + n), limit) for n, limit in enumerate(limits)]
    answers = write(made(ends=0.0), tasks, slots=2, done=lambda number, answer: told.append((number, answer)))
    assert rows[-16:] == [2] * 14 + [1, 1]  # in the other slot, seven answers of two tokens
    assert [number for number, _ in told] == [1, 2, 3, 4, 5, 6, 7, 0]
    assert [answer for _, answer in sorted(told, key=lambda one: one[0])] == answers


def test_prompts_that_are_too_long_for_one_step_join_one_after_the_other(
    llama: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = [Task(prompt, 20) for prompt in PROMPTS]
    wanted = write(llama, tasks, slots=10)
    monkeypatch.setattr(writing, "JOINING", 8)
    assert write(llama, tasks, slots=10) == wanted


@pytest.mark.parametrize("training", [True, False])
def test_the_model_and_every_chance_are_afterwards_what_they_were(training: bool) -> None:
    local = made()
    local.model.train(training)
    before = torch.random.get_rng_state()
    write(local, [Task(PROMPTS[0], 4, temperature=1.0)], slots=1)
    assert local.model.training is training and torch.equal(before, torch.random.get_rng_state())
    assert local.model.config._attn_implementation == "sdpa"
    local.model(torch.tensor([PROMPTS[1]]), labels=torch.tensor([PROMPTS[1]])).loss.backward()


def test_a_device_that_cannot_hold_all_writes_fewer_at_a_time(
    llama: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = [Task(prompt, 20, temperature=0.7, seed=n) for n, prompt in enumerate(PROMPTS)]
    wanted = write(llama, tasks, slots=10)
    following: Callable[..., torch.Tensor] = Slots.next
    steps: list[int] = []

    def scarce(self: Slots, tokens: Sequence[int]) -> torch.Tensor:
        steps.append(len(tokens))
        if len(tokens) > 4 and len(steps) > 6:
            raise torch.OutOfMemoryError
        return following(self, tokens)

    monkeypatch.setattr(Slots, "next", scarce)
    assert write(llama, tasks, slots=10) == wanted
    assert max(steps) > 4 and max(steps[-3:]) <= 4


@pytest.mark.parametrize("size", [CHUNK - 1, CHUNK, 3 * CHUNK, 3 * CHUNK + 7])
def test_the_likeliest_token_is_the_first_of_the_largest(size: int) -> None:
    logits = torch.randint(0, 9, (64, size), generator=torch.Generator().manual_seed(size)).float()
    wanted = [row.index(max(row)) for row in logits.tolist()]
    assert likeliest(logits).tolist() == wanted
