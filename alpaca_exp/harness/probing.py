"""Whether a server's log-probabilities of a prompt can be trusted, asked before the first task is scored.

Some servers echo none; llama-cpp-python's are, silently, those of the place behind each token. So a few words
are sent, and again with the token behind them that the server wrote: what it told of that place as a writer
and what it echoes there must be the same. And token ids mean something to the model's own tokenizer alone:
what the server makes of our ids and of a text must be our tokens (tokens.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from alpaca_exp.errors import InputError
from alpaca_exp.harness.api import ApiLM
from alpaca_exp.harness.tokens import difference
from alpaca_exp.llm.echo import Echo
from alpaca_exp.llm.model import Request

TEXTS = (
    "The capital of France is",
    "One, two, three, four,",
    "She opened the door and",
    "Monday, Tuesday, Wednesday,",
    "Question: What is two and two?\nAnswer:",
    "The sun rises in the east and sets in the",
)
SPLIT = (
    "Marmalade from seventeen bergamots, squeezed overnight through cheesecloth; nobody reckoned 38 jars "
    "plausible."
)
"""Words that few tokenizers split alike."""
ANYTHING = " and then"
"""Goes on where a server wrote nothing."""
TOLERANCE = 0.1
"""Natural logarithms: half precision and other batches move them by hundredths, another place by ones."""
REMEDY = "measure it by letters, with base_model.scoring=generative, or serve it with vLLM"


@dataclass(frozen=True)
class _Place:
    """The place behind a text: its tokens, the tokens of a text that goes on, and what the server wrote."""

    begun: list[int]
    longer: list[int]
    after: Echo


def probe(lm: ApiLM) -> None:
    """Learn what the server puts before a text. Raises InputError where what it tells will not do.

    A server that was refused may have been replaced under the same name: it is asked again each time.
    """
    begun = {text: lm.tok_encode(text) for text in (*TEXTS, SPLIT)}
    for sample in count():
        before = lm.answered([lm.echo_request(ids, len(ids), sample) for ids in begun.values()])
        try:
            return _probe(lm, begun, sample)
        except InputError:
            if not before:
                raise


def _probe(lm: ApiLM, begun: Mapping[str, list[int]], sample: int) -> None:
    echoes = _echoes(lm, [lm.echo_request(ids, len(ids), sample) for ids in begun.values()])
    if not all(echo.count and echo.top_logprobs[-1] is not None for echo in echoes):
        raise InputError(f"{lm.model} echoes no log-probabilities of a prompt; {REMEDY}")
    _compare_tokens(lm, begun[SPLIT], [*zip(begun.values(), echoes, strict=True)], sample)
    lm.surplus = _surplus(lm, begun.values(), echoes)
    places = []
    for (text, ids), after in zip(begun.items(), echoes, strict=True):
        longer = lm.tok_encode(text + (after.written or ANYTHING))
        if longer[: len(ids)] == ids and len(longer) > len(ids) and after.count == len(ids) + 1 + lm.surplus:
            places.append(_Place(ids, longer, after))
    again = _echoes(
        lm, [lm.echo_request(one.longer, len(one.longer) - len(one.begun), sample) for one in places]
    )
    if not _agree(lm, places, again):
        raise InputError(
            f"{lm.model} echoes log-probabilities that are not those of the tokens they stand beside (they "
            f"differ from what it tells of the same place as it writes); {REMEDY}"
        )


def _compare_tokens(
    lm: ApiLM, split: list[int], echoed: Sequence[tuple[list[int], Echo]], sample: int
) -> None:
    """Raises InputError where the server's tokens are not ours: of what went out, and of a plain text."""
    if lm.tokenized_requests:  # then nothing yet went out as text
        [told] = _echoes(lm, [lm.echo_request(split, len(split), sample, text=SPLIT)])
        echoed = [*echoed, (split, told)]
    for ids, echo in echoed:
        if other := difference(lm.tokenizer, ids, echo):
            raise InputError(f"{_otherwise(lm)} ({other}); name the model's own tokenizer")


def _agree(lm: ApiLM, places: list[_Place], again: list[Echo]) -> bool:
    """At every place for the likeliest token; mostly for the written one, which its text may not tell."""
    told = []
    for place, echo in zip(places, again, strict=True):
        tokens = len(place.longer) - len(place.begun)
        written = echo.count - len(place.longer) - lm.surplus
        at = -tokens - written
        wanted = place.after.token_logprobs[-1]
        if written not in (0, 1) or not _near(echo.top_logprobs[at], wanted):
            return False
        if tokens == 1 and place.after.written:
            told.append(_near(echo.token_logprobs[at], wanted))
    return bool(places) and 2 * sum(told) >= len(told)


def _near(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and abs(one - other) <= TOLERANCE


def _surplus(lm: ApiLM, begun: Iterable[list[int]], echoes: list[Echo]) -> int:
    """How many tokens the server adds in front: those that it told of beyond ours and the one it wrote.

    Some leave the latter out where it ends the text.
    """
    beyond = [echo.count - len(ids) - 1 for ids, echo in zip(begun, echoes, strict=True)]
    found = max(beyond)
    if found not in ((0,) if lm.tokenized_requests else (0, 1)) or min(beyond) < found - 1:
        raise InputError(f"{_otherwise(lm)}; name the model's own tokenizer")
    return found


def _otherwise(lm: ApiLM) -> str:
    return f"{lm.model} splits texts otherwise than base_model.tokenizer={lm.config.tokenizer} does"


def _echoes(lm: ApiLM, requests: list[Request]) -> list[Echo]:
    try:
        answers = lm.ask(requests)
    except InputError as error:
        if "(HTTP 400)" not in str(error):
            raise
        raise InputError(f"{error}. It was asked for log-probabilities of a prompt: {REMEDY}") from None
    return [lm.echo(*each) for each in zip(requests, answers, strict=True)]
