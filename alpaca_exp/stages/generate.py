"""Self-instruct data generation: the teacher writes new instructions from a few seed tasks."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from alpaca_exp import prompts
from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError
from alpaca_exp.llm.model import Request
from alpaca_exp.progress import Steps, progress
from alpaca_exp.records import write_jsonl
from alpaca_exp.schemas import BaseModelConfig, RuntimeConfig, TeacherConfig
from alpaca_exp.selfinstruct.parsing import read_items
from alpaca_exp.selfinstruct.seed_tasks import SeedTask, read_seed_tasks

if TYPE_CHECKING:
    from alpaca_exp.llm.ask import Session
    from alpaca_exp.selfinstruct.pool import Pool

BARREN_REQUESTS = 50
"""So many requests in a row without one new example: the teacher has nothing more to say."""


def generate(
    teacher: TeacherConfig,
    weights: BaseModelConfig | None = None,
    *,
    model: Artifact | None = None,
    runtime: RuntimeConfig,
    out: Path,
) -> None:
    """Write `examples.jsonl`, the new instructions with their outputs, and `rejected.jsonl`, the rest.

    Requests go out in rounds of `teacher.round_size`; their answers are read in the order of the
    requests, so that the files depend neither on concurrency nor on an interruption: a second
    attempt replays the journal. Ends early, and says so, where `teacher.max_requests` is reached or
    the teacher brings nothing new any more. `weights` or `model` is the base model, where that is the
    teacher. Raises InputError where it brought nothing at all.
    """
    from alpaca_exp.llm.ask import Session
    from alpaca_exp.llm.build import with_weights
    from alpaca_exp.selfinstruct.pool import Pool

    teacher = with_weights(teacher, weights, model)
    seed_tasks = read_seed_tasks(teacher.seed_tasks, teacher.num_demonstrations)
    pool = Pool.of(teacher, seed_tasks)
    with (
        progress("generate", teacher.num_examples, "examples") as bar,
        Session(teacher, runtime=runtime, out=out, title="generate") as session,
    ):
        end = _collect(teacher, seed_tasks, pool, session, bar)
    write_jsonl(pool.rejected, out / "rejected.jsonl")
    write_jsonl(pool.kept, out / "examples.jsonl")
    _say(end, pool, out)


def _collect(
    teacher: TeacherConfig, seed_tasks: Sequence[SeedTask], pool: Pool, session: Session, bar: Steps
) -> str:
    """Ask, round after round, until the pool is full. Returns why it stopped earlier; empty if it did not."""
    requests = _requests(teacher, seed_tasks)
    asked = barren = 0
    while round := list(islice(requests, teacher.round_size)):
        answers = session.ask([request for request, _ in round], lambda n: bar.advance(0, session.dollars()))
        for (request, shown), answer in zip(round, answers, strict=True):
            new = pool.take(read_items(answer), session.key(request)[:16], shown)
            bar.advance(new, session.dollars())
            asked += 1
            barren = 0 if new else barren + 1
            if pool.full:
                return ""
            if barren >= BARREN_REQUESTS:
                return f"{barren} requests in a row brought nothing new"
    return f"teacher.max_requests={asked} is reached"


def _requests(teacher: TeacherConfig, seed_tasks: Sequence[SeedTask]) -> Iterator[tuple[Request, list[str]]]:
    """Request after request, each with the ids of the seed tasks that it shows."""
    asked: Counter[str] = Counter()
    for number in range(teacher.max_requests):
        rng = Random(f"{teacher.seed} {number}")
        shown = rng.sample(seed_tasks, teacher.num_demonstrations)
        prompt = prompts.task_list(
            [task.example for task in shown], teacher.tasks_per_request, teacher.max_words
        )
        yield (
            Request(
                model=teacher.model,
                prompt=prompt,
                max_tokens=teacher.max_tokens,
                temperature=teacher.temperature,
                top_p=teacher.top_p,
                seed=rng.getrandbits(31),
                sample=asked[prompt],
            ),
            [task.id for task in shown],
        )
        asked[prompt] += 1


def _say(end: str, pool: Pool, out: Path) -> None:
    reasons = Counter(row["reason"].partition(":")[0] for row in pool.rejected)
    told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    if not pool.kept:
        raise InputError(
            f"The teacher brought no usable example: {end}, rejected: {told or 'nothing'}; see "
            f"{out / 'rejected.jsonl'}, and check teacher.model and the teacher's settings"
        )
    if end:
        print(
            f"generate: {len(pool.kept):,} of {pool.wanted:,} examples, since {end}; rejected: {told}",
            file=sys.stderr,
        )
