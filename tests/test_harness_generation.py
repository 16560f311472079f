"""lm-eval's generative requests: the texts of its own Hugging Face model, written with refill."""

from __future__ import annotations

from typing import Any

import pytest
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from alpaca_exp.harness.generation import generate_until
from alpaca_exp.harness.quiet import muted
from tests.test_llm_writing import made

CONTEXTS = [
    "Question: How do I keep bread fresh?\nAnswer:", "Q: What is two and two?\nA:", "Name", " the " * 60,
    "Write a response that appropriately completes it.", "The capital of France is", "Say it.", "sun " * 9,
]  # fmt: skip


@pytest.fixture(scope="module")
def lm() -> HFLM:
    local = made()
    with muted():
        return HFLM(pretrained=local.model, tokenizer=local.tokenizer, batch_size=3)


def requests(*settings: dict[str, Any]) -> list[Instance]:
    return [
        Instance("generate_until", {}, (context, settings[n % len(settings)]), n)
        for n, context in enumerate(CONTEXTS)
    ]


def test_the_texts_are_those_of_lm_eval_whatever_each_request_wants(lm: HFLM) -> None:
    asked = requests(
        {"until": ["\n", "e"], "max_gen_toks": 24},
        {"until": [], "max_gen_toks": 40, "do_sample": False, "temperature": 0.7},
        {"until": "a", "max_new_tokens": 12},
        {"max_gen_toks": 60, "top_p": 0.5},
    )
    wanted = lm.generate_until(asked, disable_tqdm=True)

    def unwanted(left: list[Instance]) -> list[str]:
        raise AssertionError("plain greedy requests need no other way")

    assert generate_until(lm, asked, slots=3, stock=unwanted) == wanted
    assert len({len(text) for text in wanted}) > 3 and any(text != text.strip() for text in wanted)


def test_what_is_more_than_greedy_is_left_to_lm_eval(lm: HFLM) -> None:
    asked = requests(
        {"until": ["\n"], "max_gen_toks": 8}, {"until": ["\n"], "max_gen_toks": 8, "num_beams": 2}
    )
    wanted = lm.generate_until(asked, disable_tqdm=True)
    left: list[int] = []

    def stock(some: list[Instance]) -> list[str]:
        left.extend(request.idx for request in some)
        return [wanted[request.idx] for request in some]

    assert generate_until(lm, asked, slots=2, stock=stock) == wanted
    assert left == [1, 3, 5, 7]


def test_every_text_is_counted_as_soon_as_it_is_written(lm: HFLM, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    class Hook:
        def add_partial(self, method: str, arguments: Any, text: str) -> None:
            told.append(text)

    monkeypatch.setattr(lm, "cache_hook", Hook())
    texts = generate_until(lm, requests({"until": ["\n"], "max_gen_toks": 6}), slots=4, stock=lambda left: [])
    assert sorted(told) == sorted(texts)
