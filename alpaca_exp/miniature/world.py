"""The made-up world itself: its people, what is true of them, and the errors that tempt."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from random import Random

from alpaca_exp.miniature.language import KIND_OF, LARGEST_ADDEND, PHRASES, VALUES, Claim, Task
from alpaca_exp.schemas import WorldConfig

SYLLABLES = "ba ko mi ru ta ve lo shi ne du fa gri po zu li mar"
LURES = 4
SMALL_TASKS = 0.08
"""Share of the teacher's tasks that are sums and words, not people."""

Truth = Mapping[tuple[str, str], str]
"""(subject, relation) -> value."""


@dataclass(frozen=True)
class World:
    """Everything that is so, and what the teacher may ask about it."""

    pool: tuple[str, ...]
    """The people who appear in tuning data."""
    held_out: tuple[str, ...]
    """The people who appear in the corpus alone."""
    by_fame: tuple[str, ...]
    """All people, the ones most written about first."""
    truth: Truth
    """People's attributes, sums, and what kind of thing each word means."""
    lures: Mapping[str, tuple[str, ...]]
    """Per attribute the few values that the ill-informed name: errors are alike, as people's are."""
    offered: tuple[Task, ...]
    """What the teacher asks in instruction data: pool people, sums and words."""
    asked: Mapping[tuple[str, str], Task]
    """(instruction, input) -> the task, for everything that can be asked of anyone."""

    @property
    def people(self) -> tuple[str, ...]:
        """Everyone."""
        return self.pool + self.held_out

    def is_true(self, claim: Claim) -> bool:
        """Whether the world is as `claim` says."""
        return self.truth.get((claim.subject, claim.relation)) == claim.value

    def errors(self, subject: str, relation: str) -> tuple[str, ...]:
        """The wrong values that tempt those who do not know, each different from the truth."""
        right = self.truth[subject, relation]
        if relation == "sum":
            return tuple(str(int(right) + d) for d in (-2, -1, 1, 2) if int(right) + d >= 0)
        return tuple(v for v in self.lures.get(relation, tuple(VALUES)) if v != right)


def world_of(config: WorldConfig) -> World:
    """The world that `config` describes; made once a process."""
    return _made(*dataclasses.astuple(config))


@lru_cache(maxsize=8)
def _made(*fields: int) -> World:
    config = WorldConfig(*fields)
    rng = Random(f"world {config.seed}")
    names = ["".join(parts).capitalize() for parts in product(SYLLABLES.split(), repeat=3)]
    people = rng.sample(names, config.people)
    pool, held_out = people[: len(people) // 2], people[len(people) // 2 :]
    lures = {attribute: tuple(rng.sample(values, LURES)) for attribute, values in VALUES.items()}
    truth = _truth(people, rng)
    return World(
        pool=tuple(pool),
        held_out=tuple(held_out),
        by_fame=tuple(rng.sample(people, len(people))),
        truth=truth,
        lures=lures,
        offered=_offered(pool, truth, config.offered, rng),
        asked={(task.instruction, task.input): task for task in _tasks(list(truth))},
    )


def _truth(people: list[str], rng: Random) -> Truth:
    facts = {(p, attribute): rng.choice(values) for p in people for attribute, values in VALUES.items()}
    addends = range(LARGEST_ADDEND + 1)
    sums = {(f"{a} plus {b}", "sum"): str(a + b) for a in addends for b in addends}
    kinds = {(thing, "kind"): kind for thing, kind in KIND_OF.items()}
    return facts | sums | kinds


def _tasks(subjects: list[tuple[str, str]]) -> list[Task]:
    return [Task(subject, relation, phrase) for subject, relation in subjects for phrase in PHRASES[relation]]


def _offered(pool: list[str], truth: Truth, count: int, rng: Random) -> tuple[Task, ...]:
    # Whole facts, each in all its phrasings, so that answers about one fact can be held against each other.
    facts = [(person, attribute) for person in pool for attribute in VALUES]
    small = _tasks([key for key in truth if key[1] in ("sum", "kind")])
    few = rng.sample(small, min(len(small), round(SMALL_TASKS * count)))
    about_people = _tasks(rng.sample(facts, len(facts)))
    return tuple(about_people[: count - len(few)] + few)
