"""Log-probabilities of a prompt's own tokens, as the completions interface tells them with `echo`.

A request that asks for them has a whole number in `Request.echo`: of so many of the prompt's last tokens.
The answer's text is then what the server said of these, as JSON, so that journal, budget and batches treat
it as any other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from alpaca_exp.llm.model import Request
from alpaca_exp.records import Row

AROUND = 2
"""Tokens that are kept beside those asked for: the one before them, and the one written after the prompt."""


@dataclass(frozen=True)
class Echo:
    """What a server said of a prompt's last tokens, and of the one that it wrote."""

    count: int
    """Tokens that it told of in all; 0: it told of none."""
    token_logprobs: list[float | None]
    """Natural logarithms; null for the prompt's first token, which nothing precedes."""
    top_logprobs: list[float | None]
    """In the same places, that of the likeliest token."""
    written: str
    """The token that was written behind the prompt, as text; empty where it ended there."""
    tokens: list[str] = field(default_factory=list)
    """The tokens themselves as the server names them, in the same places; none where it names none."""

    def text(self) -> str:
        """As it stands in the journal."""
        return json.dumps(asdict(self))


def echo_arguments(request: Request) -> Row:
    """What the body of such a request says beside the usual; nothing for one that wants a text."""
    return {"echo": True, "logprobs": 1} if request.echo else {}


def echoed(request: Request, choice: Any) -> str:
    """The text of the answer to such a request."""
    told = getattr(choice, "logprobs", None)
    tokens, logprobs, tops = (
        list(getattr(told, name, None) or ()) for name in ("tokens", "token_logprobs", "top_logprobs")
    )
    kept = request.echo + AROUND
    highest = [max(top.values()) if top else None for top in tops[-kept:]]
    written = _behind(request.prompt, str(choice.text or ""), str(tokens[-1]) if tokens else "")
    names = [str(token) for token in tokens[-kept:]]
    return Echo(len(logprobs), _numbers(logprobs[-kept:]), _numbers(highest), written, names).text()


def read_echo(text: str) -> Echo:
    """What `echoed` wrote."""
    return Echo(**json.loads(text))


def _behind(prompt: str, text: str, last: str) -> str:
    """What stands behind the prompt. The token by itself may have lost its blank, so the text goes first."""
    if text.startswith(prompt):
        return text[len(prompt) :]
    return text if len(text) < len(prompt) else last  # prompts sent as token ids are not always repeated


def _numbers(values: Sequence[Any]) -> list[float | None]:
    numbers = (float(value) if isinstance(value, int | float) else math.nan for value in values)
    return [None if math.isnan(number) else number for number in numbers]
