"""What must be known to read a judge's scores aright, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alpaca_exp.judging.protocol import FORMS
from alpaca_exp.judging.scores import remarks as of_scores
from alpaca_exp.records import Row
from alpaca_exp.schemas import JudgeConfig

Pair = tuple[Row, Row, Row]
"""A question, the opponent's answer (model 1) and the model's (model 2)."""
SHOWN = 80
"""Letters of a reply that a message shows."""


def remarks(judge: JudgeConfig, pairs: Sequence[Pair], rows: Sequence[Row]) -> Iterator[str]:
    """One sentence each; `rows` are the verdicts on `pairs`."""
    turns = sum(len(question.get("turns") or ()) > 1 for question, _, _ in pairs)
    if turns:
        yield f"{turns} of {len(pairs)} questions have further turns; only each first one is put and judged"
    for name, place in (("the model", 2), ("the opponent", 1)):
        empty = sum(not pair[place]["text"].strip() for pair in pairs)
        if empty:
            yield (
                f"{empty} of {name}'s {len(pairs)} answers are empty; they are judged as they are, and tell "
                "nothing of length"
            )
    yield from _unread(judge, rows)
    silent = sum(row["logprobs"] is None for row in rows if "logprobs" in row)
    if silent:
        yield (
            f"{judge.model} told no log-probabilities with {silent} of {len(rows)} verdicts; these are what "
            "it named, 0 or 1, and no weighted preferences"
        )
    yield from of_scores(rows)


def _unread(judge: JudgeConfig, rows: Sequence[Row]) -> Iterator[str]:
    asked = [row for row in rows if not row["retest"]]
    again = [row for row in rows if row["retest"]]
    unread = [row for row in (*asked, *again) if not row["parsed"]]
    if not unread:
        return
    lost = sum(not row["parsed"] for row in again)
    retested = f", and {lost} of the {len(again)} that were asked for again," if lost else ""
    yield (
        f"{len(unread) - lost} of {len(asked)} verdicts{retested} cannot be read and count for nothing: "
        f"read is {FORMS[judge.protocol]}, and the first that is not so is "
        f"{_shown(unread[0]['text'])}{_beyond(unread)}; "
        "verdicts.jsonl of the judge has them all, and "
        f"judge.retry_unreadable={judge.retry_unreadable + 1} asks again for them alone"
    )


def _beyond(unread: Sequence[Row]) -> str:
    """How many of them hold scores, though none of 1 to 10; empty for none."""
    count = sum(bool(row.get("out_of_range")) for row in unread)
    return f"; {count} of these hold a score that is out of range" if count else ""


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return f'"{line[:SHOWN]}{"..." if len(line) > SHOWN else ""}"' if line else "empty"
