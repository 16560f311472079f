"""The critic: a language model reads each row and says keep or remove, with its reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alpaca_exp import prompts
from alpaca_exp.cleaning.rows import example_of
from alpaca_exp.llm.ask import ask_all
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Row
from alpaca_exp.schemas import CriticConfig, RuntimeConfig

_VERDICT = re.compile(r"^\W*(?:verdict\W+)?(keep|remove)\b[\s*`:.,-]*(.*)", re.IGNORECASE)


@dataclass(frozen=True)
class Review:
    """What the critic made of some rows."""

    kept: list[Row]
    removed: list[tuple[Row, str]]
    """Each with the critic's reason."""
    unreadable: int
    """Replies that held no verdict; their rows are among `kept`."""


def review(critic: CriticConfig, rows: Sequence[Row], *, runtime: RuntimeConfig, out: Path) -> Review:
    """Every row read by the critic. A row whose verdict cannot be read is kept, and counted."""
    requests = [_request(critic, row) for row in rows]
    replies = ask_all(critic, requests, runtime=runtime, out=out, title="critic")
    verdicts = [read_verdict(reply.text) for reply in replies]
    pairs = list(zip(rows, verdicts, strict=True))
    return Review(
        kept=[row for row, verdict in pairs if verdict is None or verdict[0]],
        removed=[(row, verdict[1]) for row, verdict in pairs if verdict and not verdict[0]],
        unreadable=sum(verdict is None for verdict in verdicts),
    )


def read_verdict(reply: str) -> tuple[bool, str] | None:
    """Whether to keep the row, and why; None where the reply's first line of text says neither."""
    first = next((line for line in reply.splitlines() if line.strip()), "")
    found = _VERDICT.match(first)
    if not found:
        return None
    return found[1].lower() == "keep", found[2].strip() or "no reason given"


def _request(critic: CriticConfig, row: Row) -> Request:
    return Request(
        model=critic.model,
        prompt=prompts.critique(example_of(row)),
        max_tokens=critic.max_tokens,
        temperature=critic.temperature,
    )
