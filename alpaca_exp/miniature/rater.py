"""The miniature's rater: it knows what each row is worth, and is off by a known amount."""

from __future__ import annotations

from alpaca_exp.llm.model import Request
from alpaca_exp.miniature.critic import answers, fault, read_back
from alpaca_exp.miniature.language import claims
from alpaca_exp.miniature.speech import chance, reply
from alpaca_exp.miniature.world import World, world_of
from alpaca_exp.records import Completion, Example
from alpaca_exp.schemas import MiniatureRaterConfig

FAULTLESS, MARRED, UNTRUE, NO_ANSWER = 5.0, 3.0, 2.0, 1.0
"""Points for a good row; a right answer with something wrong about it; a wrong one; none."""


class MiniatureRater:
    """A LanguageModel that answers `prompts.rating`: a score of 0 to 5 in half points, then its reason."""

    def __init__(self, config: MiniatureRaterConfig) -> None:
        self.config = config
        self.world = world_of(config.world)

    async def complete(self, request: Request) -> Completion:
        """What the row is worth plus an error of `noise` points; of rows about other things, no score."""
        example = read_back(request.prompt)
        points = worth(self.world, example)
        if points is None:
            return reply(request, "I know nothing about this.")
        error = chance("rater", request.model, request.prompt, request.sample).gauss(0.0, self.config.noise)
        score = min(max(round(2 * (points + error)) / 2, 0.0), FAULTLESS)
        return reply(request, f"{score:g}\n{fault(self.world, example) or 'It is right.'}")

    async def close(self) -> None:
        """Nothing to give back."""


def worth(world: World, example: Example) -> float | None:
    """Points of 1 to 5 for a row about `world`, before any error; None for one about other things."""
    task = world.asked.get((example.instruction, example.input))
    if task is None:
        return None
    if fault(world, example) is None:
        return FAULTLESS
    said = claims(example.output)
    if not answers(task, said):
        return NO_ANSWER
    asked = [c for c in said if (c.subject, c.relation) == (task.subject, task.relation)]
    return MARRED if all(world.is_true(claim) for claim in asked) else UNTRUE
