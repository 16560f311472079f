"""Stands in for vLLM, which wants a GPU: as much of it as lm-eval's class uses, done by transformers.

`LLM.made` holds how each engine was constructed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


@dataclass
class SamplingParams:
    """How one answer is drawn."""

    temperature: float = 1.0
    max_tokens: int = 16
    prompt_logprobs: int | None = None
    stop: list[str] = field(default_factory=list)
    detokenize: bool = True
    skip_special_tokens: bool = True
    spaces_between_special_tokens: bool = True


class TokensPrompt(dict):  # type: ignore[type-arg]
    """A prompt as token ids."""


class LLM:
    """One engine: weights, a tokenizer, and what it was told."""

    made: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, **told: Any) -> None:
        LLM.made.append(told)
        self.weights: Any = AutoModelForCausalLM.from_pretrained(told["model"]).eval()
        self.tokenizer: Any = AutoTokenizer.from_pretrained(told["model"])
        length = told["max_model_len"] or self.weights.config.max_position_embeddings
        self.llm_engine = SimpleNamespace(model_config=SimpleNamespace(max_model_len=length))

    @torch.inference_mode()
    def generate(
        self, prompts: list[Any], sampling_params: list[SamplingParams], use_tqdm: bool, lora_request: object
    ) -> list[Any]:
        """An output a prompt: its log-probabilities where they are asked for, else a text, greedily."""
        pairs = zip(prompts, sampling_params, strict=True)
        return [self._answer(prompt["prompt_token_ids"], params) for prompt, params in pairs]

    def _answer(self, ids: list[int], params: SamplingParams) -> Any:
        rows = self.weights(torch.tensor([ids])).logits[0].log_softmax(-1)
        if params.prompt_logprobs:
            told = [None, *(self._told(row, token) for row, token in zip(rows, ids[1:], strict=False))]
            return SimpleNamespace(prompt_logprobs=told)
        told = {"max_new_tokens": params.max_tokens, "do_sample": False}
        read = torch.tensor([ids])
        written = self.weights.generate(read, attention_mask=torch.ones_like(read), **told)[0, len(ids) :]
        text = self.tokenizer.decode(written, skip_special_tokens=True)
        return SimpleNamespace(outputs=[SimpleNamespace(text=text)])

    def _told(self, row: torch.Tensor, token: int) -> dict[int, Any]:
        kept = {int(row.argmax()), token}
        return {each: SimpleNamespace(logprob=float(row[each])) for each in kept}
