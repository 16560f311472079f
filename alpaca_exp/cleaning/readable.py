"""Replies that can be read: a model of whose replies nearly none can is stopped early, and never passes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from alpaca_exp.errors import InputError
from alpaca_exp.llm.ask import Session
from alpaca_exp.llm.model import Request
from alpaca_exp.progress import progress
from alpaca_exp.records import Completion
from alpaca_exp.schemas import EndpointConfig, JudgeConfig, ReaderConfig, RuntimeConfig, Unreadable

FIRST = 50
"""So many replies, or as many as are asked for at once, are looked at before the others are paid for."""
FEWEST = 20
"""Of fewer replies nobody can tell a model that never answers from one that met odd rows."""
SHOWN = 80
"""Letters of the reply that a message shows."""


def ask_readable(
    reader: ReaderConfig,
    requests: Sequence[Request],
    readable: Callable[[Completion], bool],
    *,
    runtime: RuntimeConfig,
    out: Path,
    title: str,
) -> list[Completion]:
    """The answers, in the order of the requests, as `ask_all` gives them.

    Says on stderr how many are not `readable`. Raises InputError where more than the share
    `reader.max_unreadable` are not, first of the first replies, then of all; they stay in the journal.
    """
    first = looked_at_first(reader)
    with (
        progress(title, len(requests), "requests") as bar,
        Session(reader, runtime=runtime, out=out, title=title) as session,
    ):

        def advance(count: int) -> None:
            bar.advance(count, session.dollars())

        replies = session.ask(requests[:first], advance) if len(requests) > first > 0 else []
        check_readable(reader, [reply.text for reply in replies if not readable(reply)], len(replies))
        replies += session.ask(requests[len(replies) :], advance, whole=True)
    lost = [reply.text for reply in replies if not readable(reply)]
    check_readable(reader, lost, len(replies))
    if lost:
        print(f"curate: {_said(reader, lost, len(replies))}", file=sys.stderr)
    return replies


def looked_at_first(reader: ReaderConfig | JudgeConfig) -> int:
    """How many replies are read before the others are asked for; 0: a batch is handed in as a whole."""
    if isinstance(reader, EndpointConfig) and reader.batch:
        return 0
    return max(FIRST, reader.concurrency)


def check_readable(
    reader: ReaderConfig | JudgeConfig, lost: Sequence[str], count: int, wanted: str = ""
) -> None:
    """Raises InputError where `lost`, of `count` replies those that cannot be read, are too many of them.

    `wanted` is the form that was asked for, in words.
    """
    if count < FEWEST or len(lost) <= reader.max_unreadable * count:
        return
    raise InputError(
        f"the {reader.group} {reader.model} gave {count:,} replies, and {len(lost):,} of them cannot "
        f"be read{wanted and f' (it was asked for {wanted})'}, the first being {shown(lost[0])}; they are "
        f"kept in the journal and not paid for again: "
        f"choose another {reader.group}, raise {reader.group}.max_tokens if they are cut off, or go on all "
        f"the same with {reader.group}.max_unreadable=1"
    )


def shown(text: str) -> str:
    """The reply in quotes, in one line, and no longer than a message can hold."""
    line = " ".join(text.split())
    return f'"{line[:SHOWN]}{"..." if len(line) > SHOWN else ""}"' if line else "empty"


def _said(reader: ReaderConfig, lost: Sequence[str], asked: int) -> str:
    fate = "kept" if reader.on_unreadable is Unreadable.keep else "removed"
    return (
        f"{len(lost):,} of {asked:,} replies of the {reader.group} cannot be read, the first being "
        f"{shown(lost[0])}; these rows are {fate} ({reader.group}.on_unreadable)"
    )
