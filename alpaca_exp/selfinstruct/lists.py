"""Alpaca's protocol: one request lists many tasks, each with instruction, input and output."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from alpaca_exp import prompts
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Completion
from alpaca_exp.schemas import EndpointConfig, TeacherConfig
from alpaca_exp.selfinstruct.historic import read_by_place
from alpaca_exp.selfinstruct.parsing import Item, read_items
from alpaca_exp.selfinstruct.pool import Pool
from alpaca_exp.selfinstruct.quirks import (
    Quirks,
    logit_bias,
    marked_as_stopped,
    quirks_of,
    stopped,
    stops,
)
from alpaca_exp.selfinstruct.seed_tasks import SeedTask, demonstrations

Ask = Callable[[Sequence[Request]], list[tuple[str, Completion]]]
"""The answers to requests, in their order, each with the name that its request has in the journal."""

BATCH_SHARE = 0.85
"""Of the tasks that a first batch lists, those counted on to be kept: rather a second batch than waste."""


@dataclass
class Lists:
    """The requests for lists, round after round; each round shows what the pool held when it began."""

    teacher: TeacherConfig
    seed_tasks: Sequence[SeedTask]
    pool: Pool
    _asked: Counter[str] = field(default_factory=Counter)

    def collect(self, ask: Ask) -> Iterator[int]:
        """Ask until `teacher.max_requests`; yields after each reply how many examples it brought."""
        for numbers in self._rounds():
            round = [self._request(number) for number in numbers]
            for (_, shown), (key, answer) in zip(round, ask([request for request, _ in round]), strict=True):
                self.pool.requests["lists"] += 1
                items = read(self.teacher, answer, len(shown))
                yield self.pool.take(items, {"request": key, "demonstrations": [task.id for task in shown]})

    def _rounds(self) -> Iterator[range]:
        """The numbers of the requests; all that should be needed at once where a batch takes hours."""
        if not (isinstance(self.teacher, EndpointConfig) and self.teacher.batch) or self.teacher.feedback:
            yield from rounds(self.teacher)
            return
        asked = 0
        while asked < self.teacher.max_requests:
            each = len(self.pool.kept) / asked if asked else self.teacher.tasks_per_request * BATCH_SHARE
            size = math.ceil((self.teacher.num_examples - len(self.pool.kept)) / max(each, 0.1))
            end = min(asked + max(size, self.teacher.round_size), self.teacher.max_requests)
            yield range(asked, end)
            asked = end

    def _request(self, number: int) -> tuple[Request, list[SeedTask]]:
        """One request and the tasks that it shows."""
        teacher, quirks = self.teacher, quirks_of(self.teacher)
        rng = Random(f"{teacher.seed} {number}")
        shown = demonstrations(
            rng, self.seed_tasks, self.pool.tasks, teacher.num_demonstrations, teacher.feedback
        )
        self.pool.fed_back += min(teacher.feedback, len(self.pool.tasks))
        examples = [task.example for task in shown]
        if quirks.strict:
            examples = [replace(each, instruction=_as_stanford_shows(each.instruction)) for each in examples]
        count = teacher.tasks_per_request
        prompt = prompts.task_list(examples, count, teacher.max_words, quirks.misnumbered_prompt)
        request = Request(
            model=teacher.model,
            prompt=prompt,
            max_tokens=teacher.max_tokens,
            temperature=teacher.temperature,
            top_p=teacher.top_p,
            stop=stops(count) if quirks.stop_inside_text else (),
            seed=rng.getrandbits(31),
            sample=self._asked[prompt],
            presence_penalty=teacher.presence_penalty,
            logit_bias=logit_bias(teacher.model) if quirks.strict else (),
        )
        self._asked[prompt] += 1
        return request, shown


def rounds(teacher: TeacherConfig) -> Iterator[range]:
    """The numbers of the requests, round after round."""
    for first in range(0, teacher.max_requests, teacher.round_size):
        yield range(first, min(first + teacher.round_size, teacher.max_requests))


def read(teacher: TeacherConfig, answer: Completion, shown: int) -> list[Item]:
    """The items of one reply to a prompt that showed `shown`, with the quirks that are wanted."""
    quirks, count = quirks_of(teacher), teacher.tasks_per_request
    answer = stopped(answer, count) if quirks.stop_inside_text else answer
    items = _items(answer, shown, quirks)
    return marked_as_stopped(items, answer, shown, count) if quirks.stop_inside_text else items


def _items(answer: Completion, shown: int, quirks: Quirks) -> list[Item]:
    if quirks.strict:
        return read_by_place(answer, shown, quirks.two_hashes)
    return read_items(answer, quirks.two_hashes)


def _as_stanford_shows(instruction: str) -> str:
    return re.sub(r"\s+", " ", instruction).strip().rstrip(":")
