"""The miniature's world."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alpaca_exp.schemas.fields import at_least, identity

SPARE = 1.25
"""Tasks that the teacher can think of, for each that the data shall hold."""


@dataclass
class WorldConfig:
    """A small made-up world in which the truth is known. Only options that refer to it use it."""

    seed: int = identity("which world: its people, their facts, the tempting errors", 0)
    people: int = identity("how many people there are; half of them appear in tuning data", 256)
    corpus_tokens: int = identity("how much is written about the world, in tokens", 1_843_200)
    tasks: int = identity("how many tasks the tuning data shall hold", 2400)
    questions: int = identity("how many questions the judge reads", 80)
    documents: int = identity("documents in each evaluation task", 400)

    @property
    def offered(self) -> int:
        """How many tasks the teacher can think of, at most."""
        return round(SPARE * self.tasks)

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        yield from at_least(self, "world", people=8, corpus_tokens=1000, tasks=8)
        yield from at_least(self, "world", questions=1, documents=8)
        if self.people > 4096:
            yield f"world.people is {self.people}; there are names for 4096"
