"""What history did wrong, as switches: stanford_alpaca's stop strings, numbers, separators, ban and retries.

Sources: stanford_alpaca, generate_instruction.py, prompt.txt and utils.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alpaca_exp.records import Completion, Row
from alpaca_exp.schemas import TeacherConfig
from alpaca_exp.schemas.protocols import QUIRKS
from alpaca_exp.selfinstruct.historic import BY_PLACE, TWO_HASHES
from alpaca_exp.selfinstruct.parsing import Item
from alpaca_exp.selfinstruct.pool import Pool

END_OF_TEXT = 50256
"""<|endoftext|> in GPT-2's and GPT-3's vocabulary, which Stanford bans by a bias of -100."""
_WITH_THAT_TOKEN = ("text-davinci-", "text-curie-", "text-babbage-", "text-ada-", "code-davinci-", "gpt2")
_OF_GPT_3 = ("davinci", "curie", "babbage", "ada")
STOPPED = "stop_inside_text"


@dataclass(frozen=True, slots=True)
class Quirks:
    """What of history is repeated: `schemas.QUIRKS`, each a field of the teacher's config."""

    stop_inside_text: bool
    misnumbered_prompt: bool
    two_hashes: bool
    read_by_place: bool
    ban_end_of_text: bool
    retry_everything: bool


def quirks_of(teacher: TeacherConfig) -> Quirks:
    """The switches that are on; `teacher.faithful` is all of them."""
    return Quirks(**{name: teacher.faithful or getattr(teacher, name) for name in QUIRKS})


def effects(teacher: TeacherConfig, pool: Pool, retried: int) -> dict[str, Row]:
    """Of each quirk: whether it is on, and how many requests, attempts or items it touched.

    `retried` attempts followed failures that nobody repeats without `retry_everything`. Stanford's
    last fault has no switch of its own: that generated tasks are never shown is `teacher.feedback=0`.
    """
    quirks, openings = quirks_of(teacher), pool.requests["lists"] + pool.requests["instructions"]
    banned = quirks.ban_end_of_text and logit_bias(teacher.model)
    touched: dict[str, Row] = {
        "stop_inside_text": _marked(pool, STOPPED),
        "misnumbered_prompt": {"requests": openings if quirks.misnumbered_prompt else 0},
        "two_hashes": _marked(pool, TWO_HASHES),
        "read_by_place": _marked(pool, BY_PLACE),
        "ban_end_of_text": {"requests": openings if banned else 0},
        "retry_everything": {"attempts": retried},
    }
    told = {name: {"on": getattr(quirks, name), **touched[name]} for name in QUIRKS}
    unfed = teacher.feedback == 0
    return told | {"no_feedback": {"on": unfed, "requests": openings if unfed else 0}}


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


def _marked(pool: Pool, quirk: str) -> Row:
    """How many kept and rejected items it touched."""
    rows = {"kept": pool.kept, "rejected": pool.rejected}
    return {name: sum(quirk in row["source"].get("quirks", ()) for row in of) for name, of in rows.items()}
