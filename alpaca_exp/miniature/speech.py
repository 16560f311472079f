"""How the miniature's models speak: replies of a known length, and chance that depends on what was asked."""

from __future__ import annotations

from random import Random

from alpaca_exp.llm.model import Request
from alpaca_exp.records import Completion, Usage


def chance(*parts: object) -> Random:
    """Dice that fall the same way whenever the same `parts` are asked about."""
    return Random(repr(parts))


def reply(request: Request, text: str) -> Completion:
    """`text` as a server would send it: ended by the first stop string or by `max_tokens` (words)."""
    ends = [end for end in (text.find(stop) for stop in request.stop if stop) if end >= 0]
    text = text[: min(ends)] if ends else text
    pieces = text.split(" ")
    reason = "length" if len(pieces) > request.max_tokens else "stop"
    text = " ".join(pieces[: request.max_tokens])
    usage = Usage(requests=1, tokens_in=len(request.prompt.split()), tokens_out=len(text.split()))
    return Completion(request.prompt, text, request.model, reason, usage)
