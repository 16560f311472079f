"""The critic: a language model reads each row and says keep, fix or remove, with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from alpaca_exp import prompts
from alpaca_exp.cleaning.clean import clean
from alpaca_exp.cleaning.readable import ask_readable
from alpaca_exp.cleaning.rows import edit_row, example_of, removal_row, with_example
from alpaca_exp.cleaning.rules import Rule
from alpaca_exp.cleaning.verdicts import Decision, Verdict, mended, read_verdict
from alpaca_exp.llm.model import Request
from alpaca_exp.records import Completion, Row
from alpaca_exp.schemas import CriticConfig, RuntimeConfig, Unreadable

NAME = "critic"
"""Its name among the rules and their categories."""


@dataclass(frozen=True)
class Review:
    """What the critic made of some rows. `removed` and `edited` are rows of the files of that name."""

    kept: list[Row] = field(default_factory=list)
    """In the order of the rows; fixed ones as they are now."""
    removed: list[Row] = field(default_factory=list)
    edited: list[Row] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """asked, kept, fixed, removed, and unreadable: no verdict, no_fix (a fix that holds none), empty_fix."""


def review(
    critic: CriticConfig, rows: Sequence[Row], rules: Sequence[Rule], *, runtime: RuntimeConfig, out: Path
) -> Review:
    """Every row read by the critic. What cannot be read is counted, and the row treated as configured.

    A fix that changes nothing keeps the row. Where the critic may not fix, a fix is no verdict. Fixed rows
    pass the `rules` once more: a fix must not bring back what they remove. Raises InputError where hardly
    any reply can be read.
    """
    requests = [_request(critic, row) for row in rows]
    replies = ask_readable(
        critic, requests, lambda reply: _readable(critic, reply), runtime=runtime, out=out, title=NAME
    )
    found = Review(counts=Counter(dict.fromkeys(("asked", "kept", "fixed", "removed", "unreadable"), 0)))
    found.counts["asked"] = len(rows)
    for row, reply in zip(rows, replies, strict=True):
        _decide(critic, row, reply, found)
    return _checked(found, rules)


def _checked(found: Review, rules: Sequence[Rule]) -> Review:
    fixed = {edit["id"] for edit in found.edited}
    again = clean([row for row in found.kept if row["id"] in fixed], rules)
    after = {row["id"]: row for row in again.kept}
    gone = fixed - after.keys()
    return replace(
        found,
        kept=[after.get(row["id"], row) for row in found.kept if row["id"] not in gone],
        removed=found.removed + again.removed,
        edited=[edit for edit in found.edited if edit["id"] not in gone] + again.edited,
    )


def _readable(critic: CriticConfig, reply: Completion) -> bool:
    """Whether a reply is a verdict that can be followed, whatever the row."""
    verdict = read_verdict(reply.text)
    if verdict is None or verdict.decision is not Decision.fix:
        return verdict is not None
    return critic.fixes and verdict.changes is not None and reply.finish_reason != "length"


def _decide(critic: CriticConfig, row: Row, reply: Completion, found: Review) -> None:
    verdict = read_verdict(reply.text)
    if verdict is None or (verdict.decision is Decision.fix and not critic.fixes):
        _unreadable(critic, row, "unreadable", "its verdict could not be read", found)
    elif verdict.decision is Decision.fix:
        _fix(critic, row, reply, verdict, found)
    elif verdict.decision is Decision.remove:
        _remove(row, verdict.reason, found)
    else:
        _keep(row, found)


def _fix(critic: CriticConfig, row: Row, reply: Completion, verdict: Verdict, found: Review) -> None:
    before = example_of(row)
    if verdict.changes is None or reply.finish_reason == "length":
        return _unreadable(critic, row, "no_fix", f"its fix could not be read: {verdict.reason}", found)
    after = mended(before, verdict.changes)
    if after is None:
        return _unreadable(critic, row, "empty_fix", f"its fix left nothing: {verdict.reason}", found)
    if after == before:
        return _keep(row, found)
    found.counts["fixed"] += 1
    found.kept.append(with_example(row, after))
    found.edited.append(edit_row(row, NAME, NAME, before, after, verdict.reason))
    return None


def _unreadable(critic: CriticConfig, row: Row, kind: str, reason: str, found: Review) -> None:
    found.counts["unreadable"] += 1
    if kind != "unreadable":
        found.counts[kind] += 1
    if critic.on_unreadable is Unreadable.remove:
        _remove(row, reason, found)
    else:
        _keep(row, found)


def _keep(row: Row, found: Review) -> None:
    found.counts["kept"] += 1
    found.kept.append(row)


def _remove(row: Row, reason: str, found: Review) -> None:
    found.counts["removed"] += 1
    found.removed.append(removal_row(row, NAME, NAME, reason))


def _request(critic: CriticConfig, row: Row) -> Request:
    return Request(
        model=critic.model,
        prompt=prompts.critique(example_of(row), critic.fixes),
        max_tokens=critic.max_tokens,
        temperature=critic.temperature,
    )
