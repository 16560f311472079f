"""Self-instruct data generation: the teacher writes new instructions from a few seed tasks."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alpaca_exp.artifacts import Artifact
from alpaca_exp.content import sha256
from alpaca_exp.errors import InputError
from alpaca_exp.llm.model import Request
from alpaca_exp.paths import find
from alpaca_exp.progress import Steps as Bar
from alpaca_exp.progress import progress
from alpaca_exp.records import Completion, write_json, write_jsonl
from alpaca_exp.schemas import BaseModelConfig, Protocol, RuntimeConfig, TeacherConfig
from alpaca_exp.selfinstruct.seed_tasks import SeedTask, read_seed_tasks

if TYPE_CHECKING:
    from alpaca_exp.llm.ask import Session
    from alpaca_exp.selfinstruct.lists import Lists
    from alpaca_exp.selfinstruct.pool import Pool
    from alpaca_exp.selfinstruct.steps import Steps

TEMPLATE = Path(__file__).with_name("generate.html.j2")


def generate(
    teacher: TeacherConfig,
    weights: BaseModelConfig | None = None,
    *,
    model: Artifact | None = None,
    runtime: RuntimeConfig,
    out: Path,
) -> None:
    """Write `examples.jsonl`, the new instructions with outputs, `rejected.jsonl`, the rest, and `card.json`.

    Requests go out in rounds of `teacher.round_size`; their answers are read in the order of the
    requests, so that the files depend neither on concurrency nor on an interruption: a second
    attempt replays the journal. Ends early, and says so, where `teacher.max_requests` is reached or
    the teacher brings nothing new any more. `weights` or `model` is the base model, where that is the
    teacher. Raises InputError where it brought nothing at all.
    """
    from alpaca_exp.llm.ask import Session
    from alpaca_exp.llm.build import with_weights
    from alpaca_exp.selfinstruct.pool import Pool

    asked = with_weights(teacher, weights, model)
    seed_tasks = read_seed_tasks(teacher.seed_tasks, teacher.num_demonstrations)
    pool = Pool.of(teacher, seed_tasks)
    with (
        progress("generate", teacher.num_examples, "examples") as bar,
        Session(asked, runtime=runtime, out=out, title="generate") as session,
    ):
        end = _collect(_protocol(teacher, seed_tasks, pool), session, bar)
    write_jsonl(pool.rejected, out / "rejected.jsonl")
    write_jsonl(pool.kept, out / "examples.jsonl")
    _refuse_nothing(end, pool, out)
    _write_card(end, teacher, pool, len(seed_tasks), out)


def _protocol(teacher: TeacherConfig, seed_tasks: Sequence[SeedTask], pool: Pool) -> Lists | Steps:
    from alpaca_exp.selfinstruct.lists import Lists
    from alpaca_exp.selfinstruct.steps import Steps

    match teacher.protocol:
        case Protocol.alpaca:
            return Lists(teacher, seed_tasks, pool)
        case Protocol.self_instruct:
            return Steps(teacher, seed_tasks, pool)


def _collect(protocol: Lists | Steps, session: Session, bar: Bar) -> str:
    """Ask, round after round, until the pool is full. Returns why it stopped earlier; empty if it did not."""

    def ask(requests: Sequence[Request]) -> list[tuple[str, Completion]]:
        # Whatever was paid so far has been read by now: what it brought foretells the cost of the rest.
        session.dollars(len(protocol.pool.kept) / protocol.pool.wanted)
        answers = session.ask(requests, lambda n: bar.advance(0, session.dollars()))
        return [(session.key(one)[:16], answer) for one, answer in zip(requests, answers, strict=True)]

    read = barren = 0
    for new in protocol.collect(ask):
        bar.advance(new, session.dollars())
        read += 1
        barren = 0 if new else barren + 1
        if protocol.pool.full:
            return ""
        if barren >= protocol.teacher.max_barren_requests:
            return f"teacher.max_barren_requests={barren} requests in a row brought nothing new"
    return f"teacher.max_requests={read} is reached"


def _refuse_nothing(end: str, pool: Pool, out: Path) -> None:
    """Say why there are fewer examples than wanted. Raises InputError where there are none."""
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


def _write_card(end: str, teacher: TeacherConfig, pool: Pool, seed_tasks: int, out: Path) -> None:
    """`card.json`, and `card.html`: the same to be looked at."""
    from alpaca_exp.selfinstruct.card import card
    from alpaca_exp.selfinstruct.card_page import page
    from alpaca_exp.selfinstruct.quirks import quirks_of

    quirks = quirks_of(teacher)
    provenance = {
        "teacher": teacher.model,
        "protocol": teacher.protocol.name,
        "faithful": teacher.faithful,
        "seed": teacher.seed,
        "seed_tasks": seed_tasks,
        "seed_tasks_sha256": sha256(find(teacher.seed_tasks)),
        "demonstrations": teacher.num_demonstrations,
        "feedback": teacher.feedback,
        "generated_tasks_shown": pool.fed_back,
        "temperature": teacher.temperature,
        "top_p": teacher.top_p,
        "max_words": teacher.max_words,
        "max_similarity": teacher.max_similarity,
    }
    switches = {
        "stop_inside_text": quirks.stop_inside_text,
        "misnumbered_prompt": quirks.misnumbered_prompt,
        "two_hashes": quirks.two_hashes,
    }
    made = card(pool.kept, pool.rejected, pool.requests, switches, end, provenance)
    draft = out / "card.html.draft"
    draft.write_text(page(made, TEMPLATE), encoding="utf-8")
    os.replace(draft, out / "card.html")
    write_json(made, out / "card.json")
