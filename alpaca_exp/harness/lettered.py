"""Tasks that choose among answers, asked by letter: for servers that tell no log-probabilities."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

from lm_eval.api.filter import Filter, FilterEnsemble
from lm_eval.api.instance import Instance
from lm_eval.api.metrics import mean
from lm_eval.api.task import ConfigurableTask, Task
from lm_eval.filters.selection import TakeFirstFilter

from alpaca_exp import prompts
from alpaca_exp.errors import InputError
from alpaca_exp.harness.guessing import payoffs_of

METRIC = "exact_match"
SETTINGS = {"until": [], "do_sample": False, "temperature": 0.0}
"""How long a reply may be is the model's own limit: some think aloud before they name a letter."""
REPLY = re.compile(
    r"\s*(?:(?:the\s+)?(?:best\s+|correct\s+|right\s+)?answer(?:\s+is)?\s*:?\s*)?"
    r"[(\[*\"']*([A-Z])\b([)\]*\"'.:\s]*)(.*)",
    re.IGNORECASE | re.DOTALL,
)
"""A letter, what closes it, and what is said behind it."""


def lettered(tasks: Mapping[str, Task]) -> dict[str, Task]:
    """The tasks as a model can do them that only writes: choices by letter, under a name of their own.

    `hellaswag_generative` has the one metric `exact_match`. What is written anyway stays as it is. Raises
    InputError for a task that reads log-probabilities otherwise.
    """
    made = {}
    for name, task in tasks.items():
        if task.OUTPUT_TYPE == "generate_until":
            made[name] = task
        elif task.OUTPUT_TYPE == "multiple_choice":
            made[f"{name}_generative"] = LetteredTask.of(f"{name}_generative", task)
        else:
            raise InputError(
                f"the task {name} measures the log-probability of a text, which the server does not tell; "
                "leave it out of eval_suite.tasks, or ask one that does with base_model.endpoint=completions"
            )
    return made


class LetteredTask(ConfigurableTask):  # type: ignore[misc]
    """A multiple-choice task whose choices are shown, each with a letter, in an order drawn for the document.

    Its documents, its examples and what counts as right are those of the task that it was made of.
    """

    comparable = False
    """With scores by log-probability: they measure something else."""

    def __init__(self, task: Task, config: Any) -> None:
        # Not ConfigurableTask's own, which would load the documents again.
        self.__dict__.update(task.__dict__)
        self._config, self._source, self.OUTPUT_TYPE = config, task, config.output_type
        self._aggregation_list, self._higher_is_better = {METRIC: mean}, {METRIC: True}
        self._metric_fn_list: dict[str, Any] = {METRIC: None}
        self._metric_fn_kwargs: dict[str, Any] = {METRIC: {}}
        self._filters = [FilterEnsemble("none", [partial(LetterFilter, self), TakeFirstFilter])]

    @classmethod
    def of(cls, name: str, task: Task) -> LetteredTask:
        """Raises InputError where it is not known which choice is right, or where there are too many."""
        config = copy.copy(task.config)
        config.task, config.output_type, config.process_results = name, "generate_until", None
        config.generation_kwargs, config.repeats = dict(SETTINGS), 1
        made = cls(task, config)
        if not 2 <= len(made.payoffs(task.task_docs[0])) <= len(prompts.LETTERS):
            raise InputError(
                f"the task {task.config.task} cannot be asked by letter, since it is not known which of 2 to "
                f"{len(prompts.LETTERS)} choices is right; leave it out of eval_suite.tasks"
            )
        return made

    def construct_requests(self, doc: Any, ctx: Any, **told: Any) -> Instance:
        """One request: the document's own prompt, then its choices by letter."""
        for name in ("apply_chat_template", "chat_template"):
            told.pop(name, None)
        shown = self.shown(doc)
        if not any(shown):
            prompt = prompts.choice_by_letter(str(ctx), [])
        elif self.multiple_input:  # each choice is a beginning of its own, which all end in one way
            before = str(ctx[0]).removesuffix(self._source.doc_to_choice(doc)[0])
            ending = f"{self.config.target_delimiter}{self.doc_to_target(doc)}"
            prompt = prompts.choice_by_letter(before, [choice + ending for choice in shown])
        else:
            prompt = prompts.choice_by_letter(str(ctx), shown)
        arguments = (prompt, dict(SETTINGS))
        return Instance(request_type=self.OUTPUT_TYPE, doc=doc, arguments=arguments, idx=0, **told)

    def process_results(self, doc: Any, results: Sequence[str]) -> dict[str, float]:
        """What the named choice pays: 1 for a right one, 0 for a wrong one and for none."""
        paid, place = self.payoffs(doc), prompts.LETTERS.find(results[0])
        return {METRIC: paid[place] if 0 <= place < len(paid) else 0.0}

    def payoffs(self, doc: Any) -> list[float]:
        """What each choice pays, in the order in which they are shown; none where that is not known."""
        metrics, target = list(self._source.aggregation()), self._source.doc_to_target(doc)
        count = len(self._source.doc_to_choice(doc))
        sample = {"doc": doc, "target": target, "metrics": metrics, "filtered_resps": [None] * count}
        known = payoffs_of(self._source, sample)
        wanted = self._source.higher_is_better()  # the choice of a stereotype is no right one
        sound = (paid for name, paid in known.items() if wanted.get(name, True) and set(paid) == {0.0, 1.0})
        found = next(sound, None)
        return [found[place] for place in self._order(doc)] if found else []

    def shown(self, doc: Any) -> list[str]:
        """The document's choices in their order; empty texts where its own text lists them by letter."""
        choices = self._source.doc_to_choice(doc)
        return (
            [""] * len(choices) if _are_letters(choices) else [choices[place] for place in self._order(doc)]
        )

    def _order(self, doc: Any) -> Sequence[int]:
        """Drawn by the document itself, since in some sets one place is always the right one."""
        choices = self._source.doc_to_choice(doc)
        if _are_letters(choices):
            return range(len(choices))
        drawn = Random("\n".join((str(self._source.doc_to_text(doc)), *choices)))
        return drawn.sample(range(len(choices)), len(choices))


class LetterFilter(Filter):  # type: ignore[misc]
    """From a reply to the letter that it names, strictly; `fallback` where it names none, or two."""

    fallback = "[no letter]"

    def __init__(self, task: LetteredTask) -> None:
        super().__init__()
        self._task = task

    def apply(self, resps: Sequence[Sequence[str]], docs: Sequence[Any]) -> list[list[str]]:
        """lm-eval's lists of replies, one a document."""
        shown = [self._task.shown(doc) for doc in docs]
        return [
            [letter(each, texts) or self.fallback for each in replies]
            for replies, texts in zip(resps, shown, strict=True)
        ]


def letter(reply: str, choices: Sequence[str]) -> str | None:
    """The letter that a reply names: alone, closed by brackets or a point, or with its choice behind it."""
    found = REPLY.fullmatch(reply)
    if not found or (place := prompts.LETTERS.index(found[1].upper())) >= len(choices):
        return None
    said, choice = _words(found[3]), _words(choices[place])
    repeated = choice.startswith(said) or said.startswith(choice)
    closed = any(mark in found[2] for mark in ").:]*")
    return found[1].upper() if not said or (closed and repeated) else None


def _are_letters(choices: Sequence[str]) -> bool:
    """Whether they are those of a list in the document's text, as MMLU's are."""
    return "".join(choice.strip() for choice in choices) == prompts.LETTERS[: len(choices)]


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
