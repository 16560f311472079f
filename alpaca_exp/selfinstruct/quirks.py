"""What history did wrong, as switches: stanford_alpaca's stop strings, numbering, separators and retries.

Sources: stanford_alpaca, generate_instruction.py, prompt.txt and utils.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alpaca_exp.records import Completion
from alpaca_exp.schemas import TeacherConfig
from alpaca_exp.selfinstruct.parsing import Item

END_OF_TEXT = 50256
"""<|endoftext|> in GPT-2's and GPT-3's vocabulary, which Stanford bans by a bias of -100."""
_WITH_THAT_TOKEN = ("text-davinci-", "text-curie-", "text-babbage-", "text-ada-", "code-davinci-", "gpt2")
_OF_GPT_3 = ("davinci", "curie", "babbage", "ada")
STOPPED = "stop_inside_text"


@dataclass(frozen=True, slots=True)
class Quirks:
    """What of history is repeated; nothing by default."""

    stop_inside_text: bool = False
    misnumbered_prompt: bool = False
    two_hashes: bool = False
    retry_everything: bool = False
    strict: bool = False
    """Read items as Stanford's code does: by their place in the list, or not at all."""


def quirks_of(teacher: TeacherConfig) -> Quirks:
    """The switches that are on; `teacher.faithful` is all of them, and Stanford's way of reading."""
    if teacher.faithful:
        return Quirks(True, True, True, True, True)
    return Quirks(
        teacher.stop_inside_text, teacher.misnumbered_prompt, teacher.two_hashes, teacher.retry_everything
    )


def stops(count: int) -> tuple[str, str, str]:
    """Stanford's stop strings for a list of `count` tasks: the third is meant to differ and does not."""
    return (f"\n{count}", f"{count}.", f"{count}.")


def logit_bias(model: str) -> tuple[tuple[str, int], ...]:
    """Stanford's ban of the end of text, for models in whose vocabulary that token is the end of text."""
    name = model.rpartition("/")[2].lower()
    takes_it = name in _OF_GPT_3 or name.startswith(_WITH_THAT_TOKEN)
    return ((str(END_OF_TEXT), -100),) if takes_it else ()


def stopped(completion: Completion, count: int) -> Completion:
    """The reply as a server with Stanford's stop strings sends it: ended before the first of them.

    A server that was given them has cut already; then nothing is left to cut.
    """
    places = [place for place in map(completion.text.find, stops(count)) if place >= 0]
    if not places:
        return completion
    return replace(completion, text=completion.text[: min(places)], finish_reason="stop")


def marked_as_stopped(items: Sequence[Item], completion: Completion, shown: int, count: int) -> list[Item]:
    """The items, the last marked where the reply ended before the list did.

    Item `count` is never written: its own number is a stop string. A reply that ends sooner ended
    inside a text, or the teacher had enough; it does not say which.
    """
    early = completion.finish_reason == "stop" and shown + len(items) < count - 1
    if not items or not early or not completion.text.strip():
        return list(items)
    return [*items[:-1], replace(items[-1], quirks=(*items[-1].quirks, STOPPED))]
