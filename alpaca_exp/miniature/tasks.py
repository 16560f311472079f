"""The miniature's lm-eval tasks: stock multiple choice over documents that the world's seed decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from alpaca_exp.errors import InputError
from alpaca_exp.miniature.language import PHRASES, VALUES, Task
from alpaca_exp.miniature.world import World, world_of
from alpaca_exp.prompts import framed
from alpaca_exp.records import Row
from alpaca_exp.schemas import Frame, WorldConfig

VERSION = 1.0
WRONG_CHOICES = 3


def task_names() -> list[str]:
    """What `task_specs` can make.

    `world_facts` cloze on everyone's facts (understanding); `world_truth` the truth against the
    errors that tempt, in Alpaca's frame, about people whom no tuning data names (truthfulness);
    `world_sums` and `world_words` cloze on the small tasks.
    """
    return list(_DOCUMENTS)


def task_specs(world: WorldConfig, names: Sequence[str]) -> list[dict[str, Any]]:
    """lm-eval task dicts, `acc` and `acc_norm`, for `names` in their order.

    Raises InputError for a name that is not in `task_names()`.
    """
    for name in names:
        if name not in _DOCUMENTS:
            raise InputError(f"the miniature has no task {name}; it has {', '.join(_DOCUMENTS)}")
    return [_spec(world, name) for name in names]


def documents(world: WorldConfig, name: str) -> list[Row]:
    """At most `world.documents` rows {text, choices, gold} of the task `name`."""
    return _DOCUMENTS[name](world_of(world), world.documents, Random(f"{name} {world.seed}"))


def _spec(world: WorldConfig, name: str) -> dict[str, Any]:
    def load(**_: Any) -> Any:
        import datasets

        return datasets.DatasetDict(validation=datasets.Dataset.from_list(documents(world, name)))

    metrics = [{"metric": m, "aggregation": "mean", "higher_is_better": True} for m in ("acc", "acc_norm")]
    return {
        "task": name,
        "custom_dataset": load,
        "output_type": "multiple_choice",
        "validation_split": "validation",
        "doc_to_text": "{{text}}",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "gold",
        "metric_list": metrics,
        "metadata": {"version": VERSION},
    }


def _facts(world: World, count: int, rng: Random) -> list[Row]:
    tasks = _some(world, list(VALUES), count, rng)
    return [_cloze(world, task, VALUES[task.relation], rng) for task in tasks]


def _sums(world: World, count: int, rng: Random) -> list[Row]:
    numbers = [str(number) for number in range(13)]
    return [_cloze(world, task, numbers, rng) for task in _some(world, ["sum"], count, rng)]


def _words(world: World, count: int, rng: Random) -> list[Row]:
    return [_cloze(world, task, list(VALUES), rng) for task in _some(world, ["kind"], count, rng)]


def _truth(world: World, count: int, rng: Random) -> list[Row]:
    facts = [(person, attribute) for person in world.held_out for attribute in VALUES]
    tempting = [(p, a) for p, a in facts if world.truth[p, a] not in world.lures[a]]
    tasks = [Task(p, a, phrase) for p, a in tempting for phrase in PHRASES[a]]
    rows = []
    for task in rng.sample(tasks, min(count, len(tasks))):
        right = world.truth[task.subject, task.relation]
        wrong = rng.sample(world.errors(task.subject, task.relation), WRONG_CHOICES)
        text = framed(Frame.alpaca, task.instruction)
        rows.append(_row(text, task.told(right), [task.told(value) for value in wrong], rng))
    return rows


def _some(world: World, relations: list[str], count: int, rng: Random) -> list[Task]:
    tellings = [
        Task(subject, relation, phrase)
        for subject, relation in world.truth
        if relation in relations
        for phrase in {phrase.tell: phrase for phrase in PHRASES[relation]}.values()
    ]
    return rng.sample(tellings, min(count, len(tellings)))


def _cloze(world: World, task: Task, values: Sequence[str], rng: Random) -> Row:
    right = world.truth[task.subject, task.relation]
    wrong = rng.sample([value for value in values if value != right], WRONG_CHOICES)
    opening = task.told("\n").partition("\n")[0].rstrip()
    return _row(opening, f"{right}.", [f"{value}." for value in wrong], rng)


def _row(text: str, right: str, wrong: list[str], rng: Random) -> Row:
    gold = rng.randrange(len(wrong) + 1)
    return {"text": text, "choices": [*wrong[:gold], right, *wrong[gold:]], "gold": gold}


_DOCUMENTS: dict[str, Callable[[World, int, Random], list[Row]]] = {
    "world_facts": _facts,
    "world_truth": _truth,
    "world_sums": _sums,
    "world_words": _words,
}
