"""Alpaca's protocol: one request lists many tasks, each with instruction, input and output."""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

from alpaca_exp import prompts
from alpaca_exp.records import Completion, Example
from alpaca_exp.schemas import EndpointConfig, TeacherConfig
from alpaca_exp.selfinstruct.asking import Ask, Asking, Brought, Opening
from alpaca_exp.selfinstruct.historic import read_by_place
from alpaca_exp.selfinstruct.parsing import Item, read_items
from alpaca_exp.selfinstruct.quirks import logit_bias, marked_as_stopped, quirks_of, stopped, stops
from alpaca_exp.selfinstruct.seed_tasks import SeedTask

BATCH_SHARE = 0.85
"""Of the tasks that a first batch lists, those counted on to be kept: rather a second batch than waste."""


class Lists(Asking):
    """The requests for lists, round after round; each round shows what the pool held when it began."""

    def collect(self, ask: Ask) -> Generator[Brought]:
        """Ask until the pool is full, or `teacher.max_requests`; yields after each reply what it brought."""
        for numbers in self.rounds():
            openings = [self._request(number) for number in numbers]
            answers = ask([each.request for each in openings])
            self.pool.asked["lists"] += len(openings)
            for opening, (key, answer) in zip(openings, answers, strict=True):
                self.pool.requests["lists"] += 1
                items = read(self.teacher, answer, len(opening.shown))
                yield Brought(1, self.pool.take(items, opening.source(key)))
                if self.pool.full:
                    break

    def rounds(self) -> Iterator[range]:
        """The numbers of the requests; all that should be needed at once where a batch takes hours."""
        if not self._batched or self.teacher.feedback:
            yield from super().rounds()
            return
        asked = 0
        while asked < self.teacher.max_requests and not self.pool.full:
            each = len(self.pool.kept) / asked if asked else self.teacher.tasks_per_request * BATCH_SHARE
            size = math.ceil((self.teacher.num_examples - len(self.pool.kept)) / max(each, 0.1))
            end = min(asked + max(size, self.teacher.round_size), self.teacher.max_requests)
            yield range(asked, end)
            asked = end

    def needed(self, asked: int) -> int:
        """All of a round at once where a batch takes hours."""
        return self.teacher.round_size if self._batched else super().needed(asked)

    @property
    def _batched(self) -> bool:
        return isinstance(self.teacher, EndpointConfig) and self.teacher.batch

    def _request(self, number: int) -> Opening:
        count, quirks = self.teacher.tasks_per_request, quirks_of(self.teacher)
        return self.opening(
            number,
            self._prompt,
            stop=stops(count) if quirks.stop_inside_text else (),
            logit_bias=logit_bias(self.teacher.model) if quirks.ban_end_of_text else (),
        )

    def _prompt(self, shown: Sequence[SeedTask]) -> str:
        teacher, examples = self.teacher, [task.example for task in shown]
        if teacher.faithful:
            examples = [_as_stanford_shows(each) for each in examples]
        misnumbered = quirks_of(teacher).misnumbered_prompt
        return prompts.task_list(examples, teacher.tasks_per_request, teacher.max_words, misnumbered)


def read(teacher: TeacherConfig, answer: Completion, shown: int) -> list[Item]:
    """The items of one reply to a prompt that showed `shown`, with the quirks that are wanted."""
    quirks, count = quirks_of(teacher), teacher.tasks_per_request
    answer = stopped(answer, count) if quirks.stop_inside_text else answer
    if quirks.read_by_place:
        items = read_by_place(answer, shown, quirks.two_hashes)
    else:
        items = read_items(answer, quirks.two_hashes)
    return marked_as_stopped(items, answer, shown, count) if quirks.stop_inside_text else items


def _as_stanford_shows(example: Example) -> Example:
    """Its instruction on one line, without a colon at its end."""
    return replace(example, instruction=re.sub(r"\s+", " ", example.instruction).strip().rstrip(":"))
