"""The likeliest first tokens: in every form in which servers tell them, and of weights that are here."""

from __future__ import annotations

from math import log
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alpaca_exp.llm.first_token import merged, told, top_arguments
from alpaca_exp.llm.model import Request
from tests.models import tiny_llama

ASKED = Request("m", "Which?", 1, top_logprobs=5)


def choice(logprobs: Any) -> Any:
    return SimpleNamespace(logprobs=logprobs)


def test_each_interface_is_asked_in_its_own_words_and_only_where_they_are_wanted() -> None:
    assert top_arguments(ASKED, chat=True) == {"logprobs": True, "top_logprobs": 5}
    assert top_arguments(ASKED, chat=False) == {"logprobs": 5}
    assert top_arguments(Request("m", "Which?", 1), chat=True) == {}


def test_a_request_without_them_has_the_key_that_it_always_had() -> None:
    assert Request("m", "Which?", 1).key == Request("m", "Which?", 1, top_logprobs=0, choices=()).key
    assert Request("m", "Which?", 1).key != Request("m", "Which?", 1, choices=("m", "M")).key
    assert Request("m", "Which?", 1).key != ASKED.key


@pytest.mark.parametrize(
    ("logprobs", "expected"),
    [
        (None, None),
        ({}, None),
        ({"content": []}, None),
        ({"content": [{"token": "m", "logprob": -0.5, "top_logprobs": []}]}, {"m": -0.5}),
        (
            {"content": [{"top_logprobs": [{"token": "m", "logprob": -1}, {"token": "M", "logprob": -2.0}]}]},
            {"m": -1.0, "M": -2.0},
        ),
        ({"tokens": ["m"], "top_logprobs": [{"m": -1.0, "M": -2.0}]}, {"m": -1.0, "M": -2.0}),
        ({"tokens": ["m"], "top_logprobs": None}, None),
        ({"content": [{"top_logprobs": [{"token": None, "logprob": -1}, {"token": "m"}]}]}, None),
    ],
)
def test_what_a_server_tells_is_read_and_what_it_does_not_is_none(
    logprobs: Any, expected: dict[str, float] | None
) -> None:
    assert told(choice(logprobs)) == expected


def test_tokens_of_the_same_text_are_one() -> None:
    found = merged([("m", log(0.2)), ("m", log(0.3)), ("M", log(0.1)), ("x", float("nan"))])
    assert found == {"m": pytest.approx(log(0.5)), "M": pytest.approx(log(0.1))}


def test_weights_that_are_here_tell_what_their_own_forward_pass_says(tmp_path: Path) -> None:
    import torch

    from alpaca_exp.llm.local import load
    from alpaca_exp.llm.writing import Task, write
    from alpaca_exp.schemas import RuntimeConfig

    local = load(tiny_llama(tmp_path / "model"), runtime=RuntimeConfig(accelerator="cpu"))
    prompts = [
        local.encode(text) for text in ("Name the capital of France.", "What is two and two? And so on?")
    ]
    tasks = [Task(prompt, 3, top_logprobs=4) for prompt in prompts] + [Task(prompts[0], 3)]
    tasks.append(Task(prompts[1], 3, top_logprobs=4, choices=("m", "zzz")))
    answers = write(local, tasks, slots=2)
    asked_for = answers.pop().top_logprobs or {}
    [token] = local.tokenizer.encode("m")
    with torch.inference_mode():
        known = local.model(input_ids=torch.tensor([prompts[1]])).logits[0, -1].log_softmax(-1)
    assert asked_for == pytest.approx({**(answers[1].top_logprobs or {}), "m": float(known[token])}, abs=1e-5)
    assert "m" not in (answers[1].top_logprobs or {})
    assert answers[2].top_logprobs is None and answers[2].text == answers[0].text
    for prompt, answer in zip(prompts, answers, strict=False):
        with torch.inference_mode():
            logits = local.model(input_ids=torch.tensor([prompt])).logits[0, -1]
        values, tokens = logits.log_softmax(-1).topk(4)
        texts = [local.tokenizer.decode([token]) for token in tokens.tolist()]
        assert answer.top_logprobs == pytest.approx(
            merged(zip(texts, values.tolist(), strict=True)), abs=1e-5
        )
