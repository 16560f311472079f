"""What guessing would score: the payoff of each choice in each document, hence chance and best constant."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from lm_eval.api.metrics import mean
from lm_eval.api.task import Task

from alpaca_exp.records import Row

CHOSEN = ("acc", "acc_norm", "acc_bytes", "acc_mutual_info")
"""lm-eval's own metrics of a choice: 1 where the best choice is a right one."""
WRITTEN = ("acc", "em", "exact_match")
"""Metrics of a text that a constant answer scores as often as it is the right one."""
IMPOSSIBLE = -1e4
"""A log-likelihood beside which another one of 0 holds all the probability."""


@dataclass(frozen=True)
class Guessing:
    """What is known of a task's right answers without any model."""

    golds: tuple[tuple[int, ...], ...]
    """Each document's right places among its choices; () where the task does not choose among any."""
    chance: Mapping[str, float]
    """By metric, what choosing by lot scores: for a metric of probability mass, what equal ones score."""
    majority: Mapping[str, float]
    """By metric, what the best constant answer scores: always the same place, or always the same text."""
    answer: str | None
    """The commonest right answer's text, where one text is meant; None where only its place is common."""
    common: int
    """In how many documents that place, or that text, is right."""


def guessing(task: Task, samples: Sequence[Row]) -> Guessing:
    """Of one sample a document, with lm-eval's `doc`, `target`, `filtered_resps` and `metrics`."""
    if task.OUTPUT_TYPE == "multiple_choice":
        return _of_choices(task, samples, [payoffs_of(task, sample) for sample in samples])
    if hasattr(task, "payoffs"):  # its choices are asked for by letter
        shown = [{name: task.payoffs(sample["doc"]) for name in sample["metrics"]} for sample in samples]
        return replace(_of_choices(task, samples, shown), answer=None)
    return _of_texts(task, samples)


def gold(task: Task, sample: Row, places: Sequence[int]) -> Any:
    """As `documents.jsonl` says it: the right place or places of a choice; else the target."""
    if task.OUTPUT_TYPE == "multiple_choice" or places:
        return None if not places else places[0] if len(places) == 1 else list(places)
    return None if callable(task.config.process_results) else sample["target"]


def _of_choices(task: Task, samples: Sequence[Row], payoffs: Sequence[dict[str, list[float]]]) -> Guessing:
    metrics = [name for name in payoffs[0] if _sound([row.get(name) for row in payoffs])]
    better = [name for name in metrics if task.higher_is_better().get(name, True)]
    first = next(iter(better), None)
    golds = [
        tuple(place for place, paid in enumerate(row[first]) if paid == 1.0) if first else ()
        for row in payoffs
    ]
    common = Counter(place for places in golds for place in places).most_common(1)
    return Guessing(
        golds=tuple(golds),
        chance={name: float(np.mean([np.mean(row[name]) for row in payoffs])) for name in metrics},
        majority={name: _constant([row[name] for row in payoffs]) for name in better},
        answer=_one_text(task, samples, common[0][0]) if common else None,
        common=common[0][1] if common else 0,
    )


def payoffs_of(task: Task, sample: Row) -> dict[str, list[float]]:
    """By metric, the document's value were all probability on the first choice, on the second, and so on."""
    if not callable(task.config.process_results):
        places = _places(task, sample)
        paid = [float(place in places) for place in range(len(task.doc_to_choice(sample["doc"])))]
        return {name: paid for name in sample["metrics"] if name in CHOSEN}
    averaged = [name for name in sample["metrics"] if task.aggregation().get(name, mean) is mean]
    count = len(sample["filtered_resps"])
    values: dict[str, list[float]] = {name: [] for name in averaged}
    for chosen in range(count):
        answers = [(0.0 if place == chosen else IMPOSSIBLE, place == chosen) for place in range(count)]
        found = _processed(task, sample["doc"], answers)
        for name in averaged:
            value = found.get(name)
            values[name].append(float(value) if isinstance(value, (int, float, np.number)) else math.nan)
    return values


def _processed(task: Task, doc: Any, answers: list[tuple[float, bool]]) -> Mapping[str, Any]:
    """A task's own code, written for a model's answers, may not take ours: then nothing is known."""
    with np.errstate(all="ignore"):
        try:
            found = task.process_results(doc, answers)
        except Exception:
            return {}
    return found if isinstance(found, Mapping) else {}


def _places(task: Task, sample: Row) -> list[int]:
    """The right choices' places, as lm-eval's multiple choice finds them."""
    gold = task.doc_to_text(sample["doc"]) if task.multiple_input else sample["target"]
    choices = task.doc_to_choice(sample["doc"])
    found = gold if isinstance(gold, (list, tuple)) else [gold]
    named = [choices.index(one) if isinstance(one, str) and one in choices else one for one in found]
    return [int(one) for one in named if isinstance(one, (int, np.integer)) and 0 <= one < len(choices)]


def _sound(payoffs: Sequence[list[float] | None]) -> bool:
    """Shares of a right answer, in every document, and not all of them nothing."""
    known = [value for row in payoffs for value in row or ()]
    return (
        all(payoffs)
        and all(0.0 <= value <= 1.0 for value in known)  # false for what is not a number
        and any(value > 0.0 for value in known)
    )


def _constant(payoffs: Sequence[Sequence[float]]) -> float:
    """The best place's mean; a document that has no such place pays nothing."""
    totals = np.zeros(max(map(len, payoffs)))
    for row in payoffs:
        totals[: len(row)] += row
    return float(totals.max() / len(payoffs))


def _one_text(task: Task, samples: Sequence[Row], place: int) -> str | None:
    """What stands in that place, if it is the same in every document ("yes", "A")."""
    if task.config.doc_to_choice is None:
        return None
    listed = [task.doc_to_choice(sample["doc"]) for sample in samples]
    texts = {str(choices[place]) for choices in listed if place < len(choices)}
    return texts.pop().strip() if len(texts) == 1 and len(samples) > 1 else None


def _of_texts(task: Task, samples: Sequence[Row]) -> Guessing:
    rolling = task.OUTPUT_TYPE == "loglikelihood_rolling"
    if rolling or callable(task.config.process_results):
        return Guessing((), {}, {}, None, 0)
    targets = [{text.strip() for text in _texts(task, sample)} - {""} for sample in samples]
    counted = Counter(text for texts in targets for text in sorted(texts)).most_common(1)
    if not counted:
        return Guessing((), {}, {}, None, 0)
    answer, count = counted[0]
    named: Callable[[str], bool] = WRITTEN.__contains__
    majority = {name: count / len(samples) for name in filter(named, samples[0]["metrics"])}
    return Guessing((), {}, majority, answer, count)


def _texts(task: Task, sample: Row) -> list[str]:
    """Every text that counts as right."""
    target = sample["target"]
    if isinstance(target, int) and task.config.doc_to_choice is not None:
        return [str(task.doc_to_choice(sample["doc"])[target])]
    return [str(one) for one in (target if isinstance(target, (list, tuple)) else [target])]
