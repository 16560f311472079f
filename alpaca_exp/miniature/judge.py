"""The miniature's judge: it scores two answers by the truth, with known noise and fondness for length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import exp, log1p

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
    """A LanguageModel that answers all of the judge's prompts; under each it thinks the same of an answer."""

    def __init__(self, config: MiniatureJudgeConfig) -> None:
        self.config = config
        self.world = world_of(config.world)

    async def complete(self, request: Request) -> Completion:
        """What the prompt asks for, from scores of 1 to 10 in half points for each answer that it shows."""
        prompt = request.prompt
        if "\n[Output of m]\n" in prompt:
            return self._preference(request)
        task = self.world.asked.get((prompts.section(prompt, "Question"), ""))
        if "\n[Answer]\n" in prompt:
            alone = [_shown(prompt, "Answer")]
            score = self._scores(request, task, alone)[0]
            return reply(request, f"{self._told(task, alone)}\nrating: {score:g}")
        answers = [_shown(prompt, f"Answer of assistant {n}") for n in (1, 2)]
        scores, reasons = self._scores(request, task, answers), self._told(task, answers)
        first, second = scores
        if prompt.endswith("[Comparison and verdict]\n"):
            best = "tie" if first == second else "1" if first > second else "2"
            return reply(request, f"{reasons}\nverdict: {best}")
        pair = f"{first:g} {second:g}"
        last = prompt.endswith("[Solution and scores]\n")
        return reply(request, f"{reasons}\n{pair}" if last else f"{pair}\n{reasons}")

    async def close(self) -> None:
        """Nothing to give back."""

    def _preference(self, request: Request) -> Completion:
        """M or M; how likely each is follows from the difference of the scores, a logistic curve."""
        task = self.world.asked.get((prompts.section(request.prompt, "Instruction"), ""))
        first, second = self._scores(request, task, [_shown(request.prompt, f"Output of {x}") for x in "mM"])
        top = {"m": -log1p(exp(second - first)), "M": -log1p(exp(first - second))}
        return replace(reply(request, max(top, key=lambda name: top[name])), top_logprobs=top)

    def _scores(self, request: Request, task: Task | None, answers: Sequence[str]) -> list[float]:
        rng = chance("judge", request.model, request.prompt, request.sample)
        return [self._score(task, answer, rng.gauss(0.0, self.config.noise)) for answer in answers]

    def _told(self, task: Task | None, answers: Sequence[str]) -> str:
        return " ".join(
            f"Assistant {n} is {'right' if is_right(self.world, task, answer) else 'not right'} "
            f"in {words(answer)} words."
            for n, answer in enumerate(answers, start=1)
        )

    def _score(self, task: Task | None, answer: str, noise: float) -> float:
        fondness = self.config.length_fondness * max(0, words(answer) - WORDS_EXPECTED)
        exact = quality(self.world, task, answer) + fondness + noise
        return min(max(round(2 * exact) / 2, SCORES[0]), SCORES[1])


def _shown(prompt: str, name: str) -> str:
    answer = prompts.section(prompt, name)
    return "" if answer == prompts.NO_ANSWER else answer


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
