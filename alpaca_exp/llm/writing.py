"""Many answers of unknown length: those that end leave, and the next prompts take their places at once.

Greedy answers are those of `model.generate`, to rounding: the last bits of a sum depend on the shape of the
product that it is part of, and so on how many answers are written beside it. The same prompts in the same
order, in as many slots, are written with the same bits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from alpaca_exp.llm.choosing import Choice, choose, draws
from alpaca_exp.llm.first_token import merged
from alpaca_exp.llm.local import LocalModel
from alpaca_exp.llm.padded import Padded
from alpaca_exp.llm.slots import Slots, slot_attention

GREEDY = Choice(0.0, 1.0, 0.0)
JOINING = 2048
"""With so many tokens of new prompts a step is full; the others join in the next ones."""


@dataclass(frozen=True, slots=True)
class Task:
    """An answer to be written: greedy at temperature 0, else drawn with its own seed.

    It stops at the model's end token, before the first of the texts in `stop`, after `max_tokens`, or
    where the model's context is full.
    """

    prompt: Sequence[int]
    max_tokens: int
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    top_logprobs: int = 0
    """How many of the likeliest first tokens are told with the answer."""
    choices: Sequence[str] = ()
    """First tokens that are told with those, however unlikely: by their text without blanks around it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer and what it took. `finish_reason` is "stop" or "length"."""

    text: str
    finish_reason: str
    tokens_in: int
    tokens_out: int
    top_logprobs: dict[str, float] | None = None
    """The likeliest first tokens as text, with their natural logarithms, where they were asked for."""


def write(
    local: LocalModel,
    tasks: Sequence[Task],
    *,
    slots: int,
    done: Callable[[int, Answer], None] = lambda number, answer: None,
) -> list[Answer]:
    """The answers to the tasks; `done` is told of each, with its task's number, as soon as it is written."""
    answers: dict[int, Answer] = {}
    with writer(local, slots) as writing:
        # The shortest first: beside the answers that have grown long stand the longest prompts.
        for number in sorted(range(len(tasks)), key=lambda number: len(tasks[number].prompt)):
            writing.add(number, tasks[number])
        while writing.busy:
            for number, answer in writing.step():
                answers[number] = answer
                done(number, answer)
    return [answers[number] for number in range(len(tasks))]


@contextmanager
def writer(local: LocalModel, slots: int) -> Iterator[Writer]:
    """One that writes up to `slots` answers at a time; the model is afterwards what it was before."""
    was_training = local.model.training
    local.model.eval()
    try:
        with slot_attention(local.model) as allowed:
            yield Writer(local, slots, allowed)
    finally:
        local.model.train(was_training)


class Writer:
    """Answers in the making. Ask `writer` for one."""

    def __init__(self, local: LocalModel, slots: int, refills: bool) -> None:
        self._local, self._slots, self._refills = local, slots, refills
        self._ends = local.ends
        self._spelt: dict[tuple[str, ...], list[int]] = {}
        self._waiting: deque[_Running] = deque()
        self._running: list[_Running] = []
        self._decoder = self._made()

    @property
    def busy(self) -> bool:
        """Whether an answer is still to be written."""
        return bool(self._waiting or self._running)

    def add(self, number: int, task: Task) -> None:
        """Write this one too, as soon as a slot is free. Its prompt must be shorter than the context."""
        limit = min(task.max_tokens, self._local.context - len(task.prompt))
        drawn = draws(task.seed, limit) if task.temperature > 0 else []
        self._waiting.append(_Running(number, task, limit, drawn, list(task.prompt)))

    @torch.inference_mode()
    def step(self) -> list[tuple[int, Answer]]:
        """One more token of every answer; those that have ended, with their numbers."""
        self._admit()
        for running, token in zip(self._running, self._chosen(), strict=True):
            running.tokens.append(token)
        ended = []
        for slot in reversed(range(len(self._running))):
            running = self._running[slot]
            answer = running.answer(self._local, self._ends)
            if answer:
                ended.append((running.number, answer))
                self._decoder.leave(slot)
                self._running[slot] = self._running[-1]
                self._running.pop()
        return ended[::-1]

    def _admit(self) -> None:
        if self._running and not self._refills:
            return
        room = JOINING
        while self._waiting and len(self._running) < self._slots and (room > 0 or not self._refills):
            self._running.append(self._waiting.popleft())
            self._decoder.join(self._running[-1].tokens)
            room -= len(self._running[-1].tokens)

    def _chosen(self) -> list[int]:
        while True:
            try:
                logits = self._decoder.next([running.tokens[-1] for running in self._running])
                self._note_first(logits)
                return choose(logits, [running.choice() for running in self._running])
            except torch.OutOfMemoryError:
                if len(self._running) == 1:
                    raise
            self._make_do_with(len(self._running) // 2)

    def _note_first(self, logits: Tensor) -> None:
        for row, running in zip(logits, self._running, strict=True):
            if running.task.top_logprobs and len(running.tokens) == len(running.task.prompt):
                chances = row.float().log_softmax(-1)
                likeliest = chances.topk(min(running.task.top_logprobs, len(row))).indices.tolist()
                tokens = dict.fromkeys([*likeliest, *self._spelling(running.task.choices)])
                texts = map(self._local.tokenizer.decode, ([token] for token in tokens))
                running.top_logprobs = merged(zip(texts, chances[list(tokens)].tolist(), strict=True))

    def _spelling(self, choices: Sequence[str]) -> list[int]:
        """The tokens that are one of `choices` but for blanks."""
        wanted = tuple(choices)
        if wanted not in self._spelt:
            decode, known = self._local.tokenizer.decode, self._local.tokenizer.get_vocab()
            near = sorted(number for token, number in known.items() if token.endswith(wanted))
            self._spelt[wanted] = [number for number in near if decode([number]).strip() in wanted]
        return self._spelt[wanted]

    def _make_do_with(self, slots: int) -> None:
        """Begin anew with fewer answers at a time; the others wait, with what is written of them."""
        self._slots = slots
        self._waiting.extendleft(reversed(self._running[slots:]))
        del self._running[slots:]
        self._decoder = self._made()
        torch.cuda.empty_cache()
        for running in self._running:
            self._decoder.join(running.tokens)

    def _made(self) -> Slots | Padded:
        model = self._local.model
        return Slots(model) if self._refills else Padded(model, self._local.tokenizer.pad_token_id or 0)


@dataclass(slots=True)
class _Running:
    number: int
    task: Task
    limit: int
    draws: list[float]
    tokens: list[int]
    """The prompt, and what is written so far."""
    top_logprobs: dict[str, float] | None = None

    @property
    def written(self) -> list[int]:
        return self.tokens[len(self.task.prompt) :]

    def choice(self) -> Choice:
        """How its next token is chosen."""
        if not self.draws:
            return GREEDY
        draw = self.draws[len(self.tokens) - len(self.task.prompt)]
        return Choice(self.task.temperature, self.task.top_p, draw)

    def answer(self, local: LocalModel, ends: set[int]) -> Answer | None:
        """The answer, if the latest token was its last."""
        count = len(self.tokens) - len(self.task.prompt)
        ended = self.tokens[-1] in ends
        if not ended and count < self.limit and not self._stops(local):
            return None
        kept = self.written[: count - ended]
        text = local.tokenizer.decode(kept, skip_special_tokens=True)
        cuts = [text.index(word) for word in self.task.stop if word in text]
        reason = "stop" if ended or cuts else "length"
        text = text[: min(cuts)] if cuts else text
        return Answer(text, reason, len(self.task.prompt), count, self.top_logprobs)

    def _stops(self, local: LocalModel) -> bool:
        """Whether a stop text is complete; looked for at the end first, which is all that has changed."""
        words = self.task.stop
        # A token is a byte at least; the first one's blank may be lost in decoding.
        reach = max((len(word.encode()) for word in words), default=0) + 2
        return bool(words) and all(
            any(word in local.tokenizer.decode(tokens, skip_special_tokens=True) for word in words)
            for tokens in (self.written[-reach:], self.written)
        )
