"""A real model behind tests/servers.py: it writes greedily and echoes log-probabilities, right or shifted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.batches import Body
from tests.servers import Reply


class EchoModel:
    """Answers `/v1/completions` with the model in a folder."""

    def __init__(
        self, path: Path, *, shifted: bool = False, silent: bool = False, begins: bool = False
    ) -> None:
        self.model: Any = AutoModelForCausalLM.from_pretrained(path).eval()
        self.tokenizer: Any = AutoTokenizer.from_pretrained(path)
        self.shifted, self.silent, self.begins = shifted, silent, begins
        """llama-cpp-python's fault; no log-probabilities of a prompt; a token of its own before a text."""

    def __call__(self, body: Body, number: int) -> Reply:
        prompt = body["prompt"]
        ids = prompt if isinstance(prompt, list) else self.tokenizer(prompt)["input_ids"]
        if self.begins and isinstance(prompt, str):
            ids = [self.tokenizer.bos_token_id, *ids]
        rows, written = self._write(ids, int(body["max_tokens"]))
        text = self.tokenizer.decode(written, skip_special_tokens=True)
        usage = (len(ids), len(written))
        if not body.get("echo"):
            return Reply(text, finish_reason="length", usage=usage)
        told = None if self.silent else self._told(ids, written, rows)
        said = self.tokenizer.decode(ids, skip_special_tokens=True)
        return Reply(said + text, finish_reason="length", usage=usage, logprobs=told)

    @torch.inference_mode()
    def _write(self, ids: list[int], count: int) -> tuple[torch.Tensor, list[int]]:
        """The log-probabilities behind each token, and the tokens that are written."""
        written: list[int] = []
        while True:
            rows = self.model(torch.tensor([[*ids, *written]])).logits[0].log_softmax(-1)
            if len(written) == count:
                return rows, written
            written.append(int(rows[-1].argmax()))

    def told(self, ids: list[int]) -> Body:
        """What it echoes of these tokens."""
        rows, _ = self._write(ids, 0)
        return self._told(ids, [], rows)

    def _told(self, ids: list[int], written: list[int], rows: torch.Tensor) -> Body:
        tokens = [*ids, *written]
        places = [place - (0 if self.shifted and place < len(ids) else 1) for place in range(len(tokens))]
        known = [None if place < 0 else rows[place] for place in places]
        return {
            "tokens": [self.tokenizer.decode([token]) for token in tokens],
            "token_logprobs": [
                None if row is None else float(row[token]) for row, token in zip(known, tokens, strict=True)
            ],
            "top_logprobs": [None if row is None else {"x": float(row.max())} for row in known],
        }
