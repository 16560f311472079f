"""What must be known to read a judge's scores aright, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from alpaca_exp.judging.scores import remarks as of_scores
from alpaca_exp.records import Row
from alpaca_exp.schemas import JudgeConfig, JudgeProtocol

Pair = tuple[Row, Row, Row]
"""A question, the opponent's answer (model 1) and the model's (model 2)."""
SHOWN = 80
"""Letters of a reply that a message shows."""
_WANTED = {
    JudgeProtocol.vicuna: "two scores of 1 to 10 in their place",
    JudgeProtocol.pairwise: "a last line with the verdict",
    JudgeProtocol.preference: "m or M",
    JudgeProtocol.single: "a last line with a rating of 1 to 10",
}


def remarks(judge: JudgeConfig, pairs: Sequence[Pair], rows: Sequence[Row], file: Path) -> Iterator[str]:
    """One sentence each; `rows` are the verdicts on `pairs`, and lie in `file`."""
    turns = sum(len(question.get("turns") or ()) > 1 for question, _, _ in pairs)
    if turns:
        yield f"{turns} of {len(pairs)} questions have further turns; only each first one is put and judged"
    for name, place in (("the model", 2), ("the opponent", 1)):
        empty = sum(not pair[place]["text"].strip() for pair in pairs)
        if empty:
            yield f"{empty} of {name}'s {len(pairs)} answers are empty; they are judged as they are"
    unread = [row for row in rows if not row["parsed"]]
    if unread:
        yield (
            f"{len(unread)} of {len(rows)} verdicts cannot be read ({_WANTED[judge.protocol]} is missing) "
            f"and count for nothing, the first being {_shown(unread[0]['text'])}; see "
            f"{file}, or ask again for them alone with "
            f"judge.retry_unreadable={judge.retry_unreadable + 1}"
        )
    silent = sum(row["logprobs"] is None for row in rows if "logprobs" in row)
    if silent:
        yield (
            f"{judge.model} told no log-probabilities with {silent} of {len(rows)} verdicts; these are what "
            "it named, 0 or 1, and no weighted preferences"
        )
    yield from of_scores(rows)


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return f'"{line[:SHOWN]}{"..." if len(line) > SHOWN else ""}"' if line else "empty"
