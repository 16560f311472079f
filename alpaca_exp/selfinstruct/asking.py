"""What both protocols share: rounds of requests for new tasks, each opened by demonstrations of its own."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from alpaca_exp.llm.model import Request
from alpaca_exp.records import Completion, Row
from alpaca_exp.schemas import TeacherConfig
from alpaca_exp.selfinstruct.pool import Pool
from alpaca_exp.selfinstruct.seed_tasks import SeedTask, demonstrations

Ask = Callable[[Sequence[Request]], list[tuple[str, Completion]]]
"""The answers to requests, in their order, each with the name that its request has in the journal."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A request for new tasks, and the tasks that it shows."""

    request: Request
    shown: Sequence[SeedTask]

    def source(self, key: str) -> Row:
        """Where an item of its answer comes from; `key` is the request's name in the journal."""
        return {"request": key, "demonstrations": [task.id for task in self.shown]}


@dataclass(frozen=True, slots=True)
class Brought:
    """How many examples some replies brought that were read together."""

    requests: int
    kept: int


@dataclass
class Asking:
    """A protocol at work: who is asked, what can be shown, and what was collected so far."""

    teacher: TeacherConfig
    seed_tasks: Sequence[SeedTask]
    pool: Pool
    _asked: Counter[str] = field(default_factory=Counter)
    _shown: Sequence[SeedTask] = ()
    """The generated tasks that prompts may show: those of the round's beginning."""

    def rounds(self) -> Iterator[range]:
        """The numbers of the requests, round after round, until the pool is full.

        Of a round no more are asked at once than should still be needed: the rest waits for the answers. What
        a prompt shows does not depend on that, so that a run for more examples finds the same requests paid.
        """
        most, size = self.teacher.max_requests, self.teacher.round_size
        for first in range(0, most, size):
            self._shown = self.pool.tasks[:] if self.teacher.feedback else ()
            asked, end = first, min(first + size, most)
            while asked < end and not self.pool.full:
                part = range(asked, min(asked + self.needed(asked), end))
                yield part
                asked = part.stop

    def needed(self, asked: int) -> int:
        """How many requests should fill the pool, judged by those before.

        The first ones are counted on to bring all that is asked for: rather a second round than waste.
        """
        each = len(self.pool.kept) / asked if asked else self.teacher.tasks_per_request
        return math.ceil((self.pool.wanted - len(self.pool.kept)) / each) if each else self.teacher.round_size

    def opening(
        self,
        number: int,
        prompt_of: Callable[[Sequence[SeedTask]], str],
        stop: tuple[str, ...] = (),
        logit_bias: tuple[tuple[str, int], ...] = (),
    ) -> Opening:
        """The request of that number: decided by it, `teacher.seed` and what the pool holds, by no clock."""
        teacher, generated = self.teacher, self._shown
        rng = Random(f"{teacher.seed} {number}")
        shown = demonstrations(rng, self.seed_tasks, generated, teacher.num_demonstrations, teacher.feedback)
        self.pool.fed_back += min(teacher.feedback, len(generated))
        prompt = prompt_of(shown)
        request = Request(
            model=teacher.model,
            prompt=prompt,
            max_tokens=teacher.max_tokens,
            temperature=teacher.temperature,
            top_p=teacher.top_p,
            stop=stop,
            seed=rng.getrandbits(31),
            sample=self._asked[prompt],
            presence_penalty=teacher.presence_penalty,
            logit_bias=logit_bias,
        )
        self._asked[prompt] += 1
        return Opening(request, shown)
