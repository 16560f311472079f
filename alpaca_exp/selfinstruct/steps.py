"""Self-instruct's protocol: new instructions; of each, whether it is classification; then its instances.

After Wang et al. 2023, "Self-Instruct", section 2.2. Classification tasks name the label before the
input: asked the other way round a model invents inputs for one label only.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from alpaca_exp import prompts
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Row
from alpaca_exp.selfinstruct.asking import Ask, Asking, Brought, Opening
from alpaca_exp.selfinstruct.instances import (
    NEXT_TASK,
    read_instances,
    read_instructions,
    read_yes_or_no,
)
from alpaca_exp.selfinstruct.novelty import Similarity
from alpaca_exp.selfinstruct.parsing import Item
from alpaca_exp.selfinstruct.seed_tasks import SeedTask

SOLVED = 4
"""Seed tasks of each kind that show how a step is answered."""
YES_OR_NO_TOKENS = 16


class Steps(Asking):
    """The requests of the three steps, round after round; each round shows the pool of its beginning."""

    def collect(self, ask: Ask) -> Generator[Brought]:
        """Ask until the pool is full, or `teacher.max_requests` lists; yields what came of each instruction.

        A list without a new instruction is a request that brought nothing. Instructions are worked out in
        lots of at most `teacher.round_size`, no larger than what should still be needed.
        """
        for numbers in self.rounds():
            left = self._instructions(ask, numbers)
            fruitful = {task.request for task in left}
            yield Brought(len(numbers) - len(fruitful), 0)
            try:
                while left and not self.pool.full:
                    size = self._lot()
                    lot, left = left[:size], left[size:]
                    yield from self._instances(ask, lot)
            finally:
                for task in left:
                    self.pool.leave(task.item, task.source, task.similarity)

    def _lot(self) -> int:
        """How many instructions to work out at once."""
        worked = self.pool.requests["instances"]
        each = len(self.pool.kept) / worked if self.pool.kept else 1.0
        needed = math.ceil((self.pool.wanted - len(self.pool.kept)) / each)
        return min(needed, self.teacher.round_size)

    def _instructions(self, ask: Ask, numbers: range) -> list[_Admitted]:
        """What is new among the instructions of one round."""
        openings = [self._listing(number) for number in numbers]
        answers = ask([each.request for each in openings])
        self.pool.asked["instructions"] += len(openings)
        admitted = []
        for place, (opening, (key, answer)) in enumerate(zip(openings, answers, strict=True)):
            self.pool.requests["instructions"] += 1
            source = opening.source(key)
            for item in read_instructions(answer, len(opening.shown)):
                similarity = self.pool.admit(item, source)
                if similarity is not None:
                    told = {**source, "listed": item.number, "task": item.example.id}
                    admitted.append(_Admitted(place, item, told, similarity))
        return admitted

    def _instances(self, ask: Ask, lot: Sequence[_Admitted]) -> Iterator[Brought]:
        """Work the instructions out; yields what each brought, at the price of two requests."""
        kinds = ask([self._question(task.instruction) for task in lot])
        self.pool.asked["classification"] += len(lot)
        self.pool.requests["classification"] += len(lot)
        answers = [read_yes_or_no(answer) for _, answer in kinds]
        labelled = [answer is True for answer in answers]
        worked = ask(
            [self._examples(task.instruction, label) for task, label in zip(lot, labelled, strict=True)]
        )
        self.pool.asked["instances"] += len(lot)
        for task, said, label, kind, (key, answer) in zip(lot, answers, labelled, kinds, worked, strict=True):
            steps = {"classification": said, "classified_by": kind[0], "worked_out_by": key}
            items = read_instances(answer, task.instruction, self.teacher.max_instances, label)
            self.pool.requests["instances"] += 1
            yield Brought(2, self.pool.take_instances(items, {**task.source, **steps}, task.similarity))

    def _listing(self, number: int) -> Opening:
        """The first step: more instructions like those shown."""
        count = self.teacher.tasks_per_request

        def prompt_of(shown: Sequence[SeedTask]) -> str:
            return prompts.instruction_list([task.example.instruction for task in shown], count)

        return self.opening(number, prompt_of, stop=(f"\nTask {count + 1}:",))

    def _question(self, instruction: str) -> Request:
        """The second step, asked at temperature 0."""
        solved = [(task.example.instruction, kind) for kind in (True, False) for task in self._solved(kind)]
        prompt = prompts.classification_question(instruction, solved)
        return Request(self.teacher.model, prompt, YES_OR_NO_TOKENS, stop=(NEXT_TASK,))

    def _examples(self, instruction: str, labelled: bool) -> Request:
        """The third step, asked at temperature 0."""
        teacher, solved = self.teacher, [task.example for task in self._solved(labelled)]
        if labelled:
            prompt = prompts.labelled_instances(instruction, teacher.max_instances, solved)
        else:
            prompt = prompts.free_instances(instruction, teacher.max_instances, teacher.max_words, solved)
        return Request(teacher.model, prompt, teacher.max_tokens, stop=(NEXT_TASK,))

    def _solved(self, labelled: bool) -> list[SeedTask]:
        """The same few seed tasks of one kind for all requests, where the file says what kind they are."""
        known = [task for task in self.seed_tasks if task.is_classification is labelled]
        return Random(f"{self.teacher.seed} solved").sample(known, min(SOLVED, len(known)))


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A new instruction on its way to become examples."""

    request: int
    """Which request of its round listed it."""
    item: Item
    source: Row
    similarity: Similarity

    @property
    def instruction(self) -> str:
        """What is to be worked out."""
        return self.item.example.instruction
