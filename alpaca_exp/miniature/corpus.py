"""What is written about the miniature world: a few sentences on a person, sums, words, and a little talk."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from random import Random

from alpaca_exp.miniature.language import PHRASES, VALUES, Task, tokens
from alpaca_exp.miniature.world import World, world_of
from alpaca_exp.prompts import framed
from alpaca_exp.schemas import Frame, WorldConfig

SUMS = 0.06
KINDS = 0.04
"""Shares of the documents; the others are about people."""
TALK = 0.2
"""Share of the documents that ask and answer, not only tell."""
TALKS = ("Someone asks: {ask} They hear: {told}", "Question: {ask} Answer: {told}")
FAME = 0.7
"""People are written about in proportion to rank ** -FAME."""
SENTENCES = (1, 3)
"""How many a document has. In longer ones a model learns to know people by what was said before, and
less by their names."""

Subject = tuple[str, str]
"""Who or what, and which of its relations."""


def corpus(world: WorldConfig, seed: int) -> Iterator[str]:
    """Documents of `world.corpus_tokens` word-level tokens in all (the last may go beyond), one str each.

    Another seed gives other documents about the same world.
    """
    known, rng = world_of(world), Random(f"corpus {world.seed} {seed}")
    fame = list(accumulate((rank + 1) ** -FAME for rank in range(len(known.by_fame))))
    small = {of: [key for key in known.truth if key[1] == of] for of in ("sum", "kind")}
    written = 0
    while written < world.corpus_tokens:
        talk = rng.random() < TALK
        subjects = _subjects(known, fame, small, rng)
        document = " ".join(_sentence(known, *subject, talk, rng) for subject in subjects)
        written += len(tokens(document)) + 1  # the one that ends a document
        yield document


def vocabulary_text(world: WorldConfig) -> Iterator[str]:
    """Texts that hold every word which the world, its tasks and the Alpaca frames can use."""
    known = world_of(world)
    yield from (framed(Frame.alpaca, "", ""), framed(Frame.alpaca, "", "<noinput>"), *TALKS)
    for (subject, relation), value in known.truth.items():
        for phrase in PHRASES[relation]:
            task = Task(subject, relation, phrase)
            yield f"{task.instruction} {task.input} {task.told(value)}"
    yield " ".join(str(number) for number in range(20))
    yield "Instruction: Output: N/A I do not know. None <nooutput>"


def _subjects(world: World, fame: list[float], small: dict[str, list[Subject]], rng: Random) -> list[Subject]:
    draw, count = rng.random(), rng.randint(*SENTENCES)
    if draw < SUMS + KINDS:
        return rng.choices(small["sum" if draw < SUMS else "kind"], k=count)
    person = rng.choices(world.by_fame, cum_weights=fame)[0]
    return [(person, attribute) for attribute in rng.sample(list(VALUES), count)]


def _sentence(world: World, subject: str, relation: str, talk: bool, rng: Random) -> str:
    ways = [phrase for phrase in PHRASES[relation] if "{subject}" in phrase.ask]
    task = Task(subject, relation, rng.choice(ways))
    told = task.told(world.truth[subject, relation])
    return rng.choice(TALKS).format(ask=task.instruction, told=told) if talk else told
