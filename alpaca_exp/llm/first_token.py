"""The likeliest first tokens of an answer with their log-probabilities, as servers tell them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import exp, log
from typing import Any

from alpaca_exp.llm.model import Request
from alpaca_exp.records import Row


def top_arguments(request: Request, chat: bool) -> Row:
    """What the body of a request says that asks for them; nothing for others."""
    if not request.top_logprobs:
        return {}
    wanted = request.top_logprobs
    return {"logprobs": True, "top_logprobs": wanted} if chat else {"logprobs": wanted}


def told(choice: Any) -> dict[str, float] | None:
    """The first token's alternatives, in chat's form or that of completions; None where there are none."""
    logprobs = getattr(choice, "logprobs", None)
    chat, legacy = _get(logprobs, "content"), _get(logprobs, "top_logprobs")
    if isinstance(chat, list) and chat:
        found = _get(chat[0], "top_logprobs") or [chat[0]]
        return merged((_get(each, "token"), _get(each, "logprob")) for each in found) or None
    if isinstance(legacy, list) and legacy and isinstance(legacy[0], Mapping):
        return merged(legacy[0].items()) or None
    return None


def merged(alternatives: Iterable[tuple[Any, Any]]) -> dict[str, float]:
    """Each text with its log-probability; of tokens with the same text the probabilities add up."""
    found: dict[str, float] = {}
    for text, value in alternatives:
        if isinstance(text, str) and isinstance(value, int | float) and value == value:
            found[text] = log(exp(found[text]) + exp(value)) if text in found else float(value)
    return found


def _get(value: Any, name: str) -> Any:
    """A field of what the client parsed, or left as it was sent."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
