"""Self-instruct data generation: the teacher writes new instructions from a few seed tasks."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from alpaca_exp.artifacts import Artifact
from alpaca_exp.content import sha256
from alpaca_exp.errors import InputError, Stopped
from alpaca_exp.llm.model import Request
from alpaca_exp.paths import find
from alpaca_exp.progress import Steps as Bar
from alpaca_exp.progress import progress
from alpaca_exp.records import Completion, Row, write_json, write_jsonl
from alpaca_exp.schemas import BaseModelConfig, Protocol, RuntimeConfig, TeacherConfig
from alpaca_exp.selfinstruct.seed_tasks import SeedTask, read_seed_tasks

if TYPE_CHECKING:
    from alpaca_exp.llm.ask import Session
    from alpaca_exp.selfinstruct.lists import Lists
    from alpaca_exp.selfinstruct.pool import Pool
    from alpaca_exp.selfinstruct.steps import Steps

TEMPLATE = Path(__file__).with_name("generate.html.j2")
BARREN = "teacher.max_barren_requests="
"""How the reason begins that ends a teacher who repeats itself."""


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
    attempt replays the journal. `teacher.max_requests` ends it with what there is by then, and says so.
    `weights` or `model` is the base model, where that is the teacher. Raises InputError, all files
    written, where the teacher brings nothing new any more, or brought nothing at all.
    """
    from alpaca_exp.llm.ask import Session
    from alpaca_exp.llm.build import with_weights
    from alpaca_exp.selfinstruct.pool import Pool

    asked = with_weights(teacher, weights, model)
    seed_tasks = read_seed_tasks(teacher.seed_tasks, teacher.num_demonstrations)
    pool = Pool.of(teacher, seed_tasks)
    with (
        _so_far(pool),
        progress("generate", teacher.num_examples, "examples") as bar,
        Session(asked, runtime=runtime, out=out, title="generate") as session,
    ):
        end = _collect(_protocol(teacher, seed_tasks, pool), session, bar)
        retried, paid = session.retried_anyway, session.dollars()
    write_jsonl(pool.rejected, out / "rejected.jsonl")
    write_jsonl(pool.kept, out / "examples.jsonl")
    _write_card(end, teacher, pool, len(seed_tasks), retried, out)
    if end:
        _say_what_lacks(end, teacher, pool, paid, out)


@contextmanager
def _so_far(pool: Pool) -> Iterator[None]:
    """Where it is stopped on the way, say how far it is."""
    try:
        yield
    except (Stopped, KeyboardInterrupt):
        said = f"generate: {len(pool.kept):,} of {pool.wanted:,} examples so far"
        print(f"{said}, without the round whose answers were not read yet", file=sys.stderr)
        raise


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
    pool, most = protocol.pool, protocol.teacher.max_barren_requests

    def ask(requests: Sequence[Request]) -> list[tuple[str, Completion]]:
        # Whatever was paid so far has been read by now: what it brought foretells the cost of the rest.
        session.dollars(len(pool.kept) / pool.wanted)
        answers = session.ask(requests, lambda n: bar.advance(0, session.dollars()))
        return [(session.key(one)[:16], answer) for one, answer in zip(requests, answers, strict=True)]

    barren = 0
    with closing(protocol.collect(ask)) as replies:
        for brought in replies:
            bar.advance(brought.kept, session.dollars())
            barren = 0 if brought.kept else barren + brought.requests
            if barren >= most and not pool.full:
                return f"{BARREN}{most}: {barren} requests in a row brought nothing new"
    bar.advance(0, session.dollars(1.0))
    return "" if pool.full else f"teacher.max_requests={protocol.teacher.max_requests} is reached"


def _say_what_lacks(end: str, teacher: TeacherConfig, pool: Pool, paid: str, out: Path) -> None:
    """Say why there are fewer examples than wanted, and how to go on.

    Raises InputError where there are none, and where there is no sign that there ever will be enough.
    """
    reasons = Counter(row["reason"].partition(":")[0] for row in pool.rejected)
    rejected = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common()) or "nothing"
    rejected += f"; {sum(pool.asked.values()):,} requests" + (f", {paid}" if paid else "")
    kept = len(pool.kept)
    if not kept:
        raise InputError(
            f"The teacher brought no usable example: {end}, rejected: {rejected}; see "
            f"{out / 'rejected.jsonl'}, and check teacher.model and the teacher's settings"
        )
    told = f"{kept:,} of {pool.wanted:,} examples, since {end}; rejected: {rejected}"
    if end.startswith(BARREN):
        raise InputError(
            f"generate: {told}. All of it is in {out}, and no answer is paid for twice: take what there is "
            f"with teacher.num_examples={kept}, or go on with a larger teacher.max_barren_requests, more "
            "or other teacher.seed_tasks, or a higher teacher.max_similarity"
        )
    print(f"generate: {told}. A larger teacher.max_requests goes on from here", file=sys.stderr)


def _write_card(
    end: str, teacher: TeacherConfig, pool: Pool, seed_tasks: int, retried: int, out: Path
) -> None:
    """`card.json`, and `card.html`: the same to be looked at."""
    from alpaca_exp.cards.page import write_page
    from alpaca_exp.selfinstruct.card import card
    from alpaca_exp.selfinstruct.card_page import page
    from alpaca_exp.selfinstruct.quirks import effects

    quirks = effects(teacher, pool, retried)
    requests = {"requests": pool.requests, "unread": pool.asked - pool.requests}
    made = card(pool.kept, pool.rejected, requests, quirks, end, _provenance(teacher, pool, seed_tasks))
    write_page(page(made, TEMPLATE), out / "card.html")
    write_json(made, out / "card.json")


def _provenance(teacher: TeacherConfig, pool: Pool, seed_tasks: int) -> Row:
    """Who wrote the examples, shown what, and in which words' limits."""
    return {
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
