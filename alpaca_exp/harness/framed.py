"""What every model that lm-eval scores has here: Alpaca's frame as its chat template, answers counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alpaca_exp.harness import frames

Advance = Callable[[int], None]


class Meter:
    """Turns answered requests into finished documents, whatever their order."""

    def __init__(self, documents: int, advance: Advance) -> None:
        self.requests = 0
        self._documents, self._advance = documents, advance
        self._answered = self._told = 0

    def count(self) -> None:
        """One more request is answered."""
        self._answered += 1
        self._tell(min(self._documents, self._documents * self._answered // max(1, self.requests)))

    def finish(self) -> None:
        """The task is done."""
        self._tell(self._documents)

    def _tell(self, done: int) -> None:
        if done > self._told:
            self._advance(done - self._told)
            self._told = done


class Framed:
    """Goes before one of lm-eval's own models; tells `meter` of its progress instead of drawing bars."""

    tokenizer_name = "alpaca"
    """Where lm-eval names a chat template for its cache of prompts, which is not used here."""

    def watch(self) -> None:
        """Called once the model is made: its answers are counted from now on."""
        self.meter = Meter(0, lambda count: None)
        self.truncated: set[tuple[str, ...]] = set()
        """Texts of the latest task's requests whose beginning was cut off to fit into the model's context."""
        self.set_cache_hook(self)  # type: ignore[attr-defined]

    def add_partial(self, method: str, request: object, answer: object) -> None:
        """lm-eval hands every answer to its cache hook: the place to count them."""
        self.meter.count()

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """The conversation as one instruction in the frame; a beginning of the answer follows it."""
        return frames.alpaca(chat_history)

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = True) -> list[float]:
        """For each text: its log-probability."""
        self.meter.requests = len(requests)
        answers: list[float] = super().loglikelihood_rolling(requests, disable_tqdm=True)  # type: ignore[misc]
        return answers
