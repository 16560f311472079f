"""What the judge asks about the miniature world: mostly people whom no tuning data names."""

from __future__ import annotations

from random import Random

from alpaca_exp.miniature.language import VALUES
from alpaca_exp.miniature.world import World, world_of
from alpaca_exp.records import Row
from alpaca_exp.schemas import WorldConfig

SUMS = 0.15
KINDS = 0.1


def questions(world: WorldConfig) -> list[Row]:
    """`world.questions` rows {question_id, text, category}: categories people, sums and words."""
    known = world_of(world)
    sums, kinds = round(SUMS * world.questions), round(KINDS * world.questions)
    rows = [
        *_drawn(known, "people", world.questions - sums - kinds, world.seed),
        *_drawn(known, "sums", sums, world.seed),
        *_drawn(known, "words", kinds, world.seed),
    ]
    return [{"question_id": str(number), **row} for number, row in enumerate(rows, start=1)]


def _drawn(world: World, category: str, count: int, seed: int) -> list[Row]:
    asked = [
        task
        for task in world.asked.values()
        if not task.input and _category(task.relation) == category and task.subject not in world.pool
    ]
    rng = Random(f"questions {category} {seed}")
    drawn = rng.sample(asked, min(count, len(asked)))
    return [{"text": task.instruction, "category": category} for task in drawn]


def _category(relation: str) -> str:
    return "people" if relation in VALUES else {"sum": "sums", "kind": "words"}[relation]
