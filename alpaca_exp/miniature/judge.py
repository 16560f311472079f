"""The miniature's judge: it scores two answers by the truth, with known noise and fondness for length."""

from __future__ import annotations

from alpaca_exp import prompts
from alpaca_exp.llm.model import Request
from alpaca_exp.miniature.language import Task, claims, words
from alpaca_exp.miniature.speech import chance, reply
from alpaca_exp.miniature.world import World, world_of
from alpaca_exp.records import Completion
from alpaca_exp.schemas import MiniatureJudgeConfig

SCORES = (1.0, 10.0)
RIGHT, TO_THE_POINT, COMPLETE, FALSE_EXTRA = 4.0, 1.0, 1.0, -0.75
"""Points: the fact is right; the asked fact is named; the answer ends; for each untrue further claim.

A right answer has 7 of 10, so that there is room for a fondness for length.
"""
WORDS_EXPECTED = 8


class MiniatureJudge:
    """A LanguageModel that answers `prompts.comparison` the way Vicuna's judge does: `8 6`, then reasons."""

    def __init__(self, config: MiniatureJudgeConfig) -> None:
        self.config = config
        self.world = world_of(config.world)

    async def complete(self, request: Request) -> Completion:
        """Two scores of 1 to 10 in half points, assistant 1 first; the reasons below."""
        task = self.world.asked.get((prompts.section(request.prompt, "Question"), ""))
        answers = [prompts.section(request.prompt, f"Answer of assistant {n}") for n in (1, 2)]
        rng = chance("judge", request.model, request.prompt, request.sample)
        scores = [self._score(task, answer, rng.gauss(0.0, self.config.noise)) for answer in answers]
        reasons = [
            f"Assistant {n} is {'right' if is_right(self.world, task, answer) else 'not right'} "
            f"in {words(answer)} words."
            for n, answer in enumerate(answers, start=1)
        ]
        return reply(request, f"{scores[0]:g} {scores[1]:g}\n{' '.join(reasons)}")

    async def close(self) -> None:
        """Nothing to give back."""

    def _score(self, task: Task | None, answer: str, noise: float) -> float:
        fondness = self.config.length_fondness * max(0, words(answer) - WORDS_EXPECTED)
        exact = quality(self.world, task, answer) + fondness + noise
        return min(max(round(2 * exact) / 2, SCORES[0]), SCORES[1])


def is_right(world: World, task: Task | None, answer: str) -> bool:
    """Whether the answer states the asked fact, and states it truly wherever it does."""
    if task is None:
        return False
    asked = [c for c in claims(answer) if (c.subject, c.relation) == (task.subject, task.relation)]
    return bool(asked) and all(world.is_true(claim) for claim in asked)


def quality(world: World, task: Task | None, answer: str) -> float:
    """Points of 1 to 7 for what the answer says, before noise and fondness for length."""
    if task is None or not answer.strip():
        return SCORES[0]
    said = claims(answer)
    further = [c for c in said if (c.subject, c.relation) != (task.subject, task.relation)]
    points = SCORES[0] + RIGHT * is_right(world, task, answer) + TO_THE_POINT * (len(further) < len(said))
    points += COMPLETE * answer.rstrip().endswith(".")
    return points + FALSE_EXTRA * sum(not world.is_true(claim) for claim in further)
