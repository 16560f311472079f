"""The one protocol through which every model is asked for text: teacher, critic, judge, tuned model."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Protocol

from alpaca_exp.records import Completion, Row


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model. Its content, and nothing else, names the answer in the journal."""

    model: str
    prompt: str
    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    system: str = ""
    seed: int | None = None
    sample: int = 0
    """Which of several answers to the same question this one is: 0, 1, 2, ..."""
    presence_penalty: float = 0.0
    logit_bias: tuple[tuple[str, int], ...] = ()
    """(token id, bias), as the API takes them."""
    prompt_tokens: tuple[int, ...] = ()
    """The prompt as token ids, which are sent in its place."""
    echo: int = 0
    """Of so many of the prompt's last tokens the log-probabilities are wanted, not a text: llm/echo.py."""
    top_logprobs: int = 0
    """How many of the likeliest first tokens are wanted with the text: llm/first_token.py."""
    choices: tuple[str, ...] = ()
    """First tokens that are wanted with those from a model that knows all: one whose weights are here."""

    def row(self) -> Row:
        """The fields by name, for JSON; `dataclasses.asdict` takes ten times as long."""
        return {name: getattr(self, name) for name in _FIELDS}

    @property
    def key(self) -> str:
        """64 hex digits: sha256 of the canonical request and its sample index."""
        told = self.row()
        # What came later is left out where it says nothing, so that older journals keep their keys.
        for name in ("presence_penalty", "logit_bias", "prompt_tokens", "echo", "top_logprobs", "choices"):
            if not told[name]:
                del told[name]
        canonical = json.dumps(told, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


_FIELDS = tuple(field.name for field in dataclasses.fields(Request))


class Unanswered(Exception):
    """One attempt brought no answer, and another may. Never leaves `ask`: it ends as a `Stopped`."""

    def __init__(self, what: str, *, lost: bool = False, after_s: float | None = None) -> None:
        super().__init__(what)
        self.lost = lost
        """Whether the server may have answered, and billed, all the same."""
        self.after_s = after_s
        """How long the server asks to wait, if it said so."""


class LanguageModel(Protocol):
    """Anything that answers. Concurrency, journal and money are `ask.ask_all`'s business, not its own."""

    async def complete(self, request: Request) -> Completion:
        """The answer to one request, with the tokens it took.

        Raises InputError where asking again cannot help (a wrong key, an unknown model), Stopped
        where it can help later (quota), Unanswered where it may help at once (a time-out, an
        overload, a broken body), and nothing for an answer that is merely bad.
        """
        ...

    async def close(self) -> None:
        """Give connections and memory back."""
        ...
