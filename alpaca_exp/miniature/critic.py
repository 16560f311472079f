"""The miniature's critic: it reads a row, knows the truth, and is right at a known rate."""

from __future__ import annotations

import json
from random import Random

from alpaca_exp import prompts
from alpaca_exp.llm.model import Request
from alpaca_exp.miniature.language import Claim, Task, claims
from alpaca_exp.miniature.speech import chance, reply
from alpaca_exp.miniature.world import World, world_of
from alpaca_exp.records import Completion, Example
from alpaca_exp.schemas import MiniatureCriticConfig

OVERLOOKED = "keep: correct and complete as far as can be seen"
ACCUSED = "remove: the output looks wrong"


class MiniatureCritic:
    """A LanguageModel that answers `prompts.critique`: keep, remove, or where it is allowed to, fix."""

    def __init__(self, config: MiniatureCriticConfig) -> None:
        self.config = config
        self.world = world_of(config.world)

    async def complete(self, request: Request) -> Completion:
        """The verdict: `recall` of the faulty rows are found, `false_alarm` of the good ones accused.

        Where it may fix, it mends what it finds; `right_fixes` of these are right, the others another error.
        """
        example = read_back(request.prompt)
        found = fault(self.world, example)
        rng = chance("critic", request.model, request.prompt, request.sample)
        draw = rng.random()
        if not found:
            return reply(request, ACCUSED if draw < self.config.false_alarm else OVERLOOKED)
        if draw >= self.config.recall:
            return reply(request, OVERLOOKED)
        if prompts.KEEP_FIX_OR_REMOVE not in request.prompt:
            return reply(request, f"remove: {found}")
        right = rng.random() < self.config.right_fixes
        return reply(request, f"fix: {found}\n{json.dumps({'output': self._mended(example, right, rng)})}")

    async def close(self) -> None:
        """Nothing to give back."""

    def _mended(self, example: Example, right: bool, rng: Random) -> str:
        """The answer, then what else is true of what was said; where not `right`, with a tempting error."""
        task = self.world.asked[example.instruction, example.input]
        own = (task.subject, task.relation)
        value = self.world.truth[own] if right else rng.choice(self.world.errors(*own))
        others = [claim for claim in claims(example.output) if (claim.subject, claim.relation) != own]
        said = [task.told(value), *(self._told(claim) for claim in others if self.world.is_true(claim))]
        return " ".join(said)

    def _told(self, claim: Claim) -> str:
        """A claim in the words of one of the tasks that ask for it."""
        tasks = self.world.asked.values()
        asked = next(one for one in tasks if (one.subject, one.relation) == (claim.subject, claim.relation))
        return asked.told(claim.value)


def read_back(prompt: str) -> Example:
    """The row that a critic or a rater is shown."""
    return Example(*(prompts.section(prompt, name) for name in ("Instruction", "Output", "Input")))


def fault(world: World, example: Example) -> str | None:
    """What is truly wrong with a row about `world`; None for a good row and for one about other things."""
    task = world.asked.get((example.instruction, example.input))
    if task is None:
        return None
    said = claims(example.output)
    if not answers(task, said):
        return "the output does not answer the instruction"
    for claim in said:
        if not world.is_true(claim):
            return f"it is not so that {claim.relation} of {claim.subject} is {claim.value}"
    if "Instruction:" in example.output:
        return "the output goes on with another instruction"
    return None


def answers(task: Task, said: list[Claim]) -> bool:
    """Whether what is said has to do with what was asked."""
    return any((claim.subject, claim.relation) == (task.subject, task.relation) for claim in said)
