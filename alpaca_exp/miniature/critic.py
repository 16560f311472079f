"""The miniature's critic: it reads a row, knows the truth, and is right at a known rate."""

from __future__ import annotations

from alpaca_exp import prompts
from alpaca_exp.llm.model import Request
from alpaca_exp.miniature.language import claims
from alpaca_exp.miniature.speech import chance, reply
from alpaca_exp.miniature.world import World, world_of
from alpaca_exp.records import Completion, Example
from alpaca_exp.schemas import MiniatureCriticConfig

OVERLOOKED = "keep: correct and complete as far as can be seen"
ACCUSED = "remove: the output looks wrong"


class MiniatureCritic:
    """A LanguageModel that answers `prompts.critique` with `keep: reason` or `remove: reason`."""

    def __init__(self, config: MiniatureCriticConfig) -> None:
        self.config = config
        self.world = world_of(config.world)

    async def complete(self, request: Request) -> Completion:
        """The verdict: `recall` of the faulty rows are found, `false_alarm` of the good ones accused."""
        example = Example(
            prompts.section(request.prompt, "Instruction"),
            prompts.section(request.prompt, "Output"),
            prompts.section(request.prompt, "Input"),
        )
        found = fault(self.world, example)
        draw = chance("critic", request.model, request.prompt, request.sample).random()
        if found:
            return reply(request, f"remove: {found}" if draw < self.config.recall else OVERLOOKED)
        return reply(request, ACCUSED if draw < self.config.false_alarm else OVERLOOKED)

    async def close(self) -> None:
        """Nothing to give back."""


def fault(world: World, example: Example) -> str | None:
    """What is truly wrong with a row about `world`; None for a good row and for one about other things."""
    task = world.asked.get((example.instruction, example.input))
    if task is None:
        return None
    said = claims(example.output)
    if not any((claim.subject, claim.relation) == (task.subject, task.relation) for claim in said):
        return "the output does not answer the instruction"
    for claim in said:
        if not world.is_true(claim):
            return f"it is not so that {claim.relation} of {claim.subject} is {claim.value}"
    if "Instruction:" in example.output:
        return "the output goes on with another instruction"
    return None
