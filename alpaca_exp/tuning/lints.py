"""What is odd about the data that a model is about to learn from: counted, explained, with a remedy."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alpaca_exp.records import Row

if TYPE_CHECKING:
    from alpaca_exp.tuning.tokens import Tokenised

TRUNCATED_SHARE = 0.01
"""More cut examples than this are worth a warning."""
NAMED_IDS = 5
OF_ONE = {"have": "has", "are": "is", "teach": "teaches", "repeat": "repeats", "answer": "answers"}
_VERB = re.compile(rf"(?:^|(?<=%\) )|(?<=and ))({'|'.join(OF_ONE)})\b")
"""The verbs of a finding: its first word, the one behind a share, the one behind "and"."""


@dataclass(frozen=True)
class Finding:
    """One thing that is odd about some examples."""

    lint: str
    count: int
    share: float
    """Of all examples."""
    ids: tuple[str, ...]
    """The first few."""
    message: str
    warns: bool = True
    """Whether it is said; the others are only noted."""


def text_lints(rows: Sequence[Row]) -> list[Finding]:
    """What can be told without a tokenizer: empty outputs, repeated examples and prompts."""
    empty, repeated, several = [], [], []
    outputs: dict[tuple[str, str], set[str]] = {}
    for place, row in enumerate(rows):
        output = row["output"].strip()
        known = outputs.setdefault((row["instruction"].strip(), (row.get("input") or "").strip()), set())
        if not output:
            empty.append(place)
        if output in known:
            repeated.append(place)
        elif known:
            several.append(place)
        known.add(output)
    return [
        *_finding("empty_output", empty, rows, "have an empty output; the rule empty_output removes such"),
        *_finding("repeated_example", repeated, rows, "repeat an earlier one in every field"),
        *_finding("repeated_prompt", several, rows, "repeat an earlier prompt and answer it otherwise"),
    ]


def token_lints(
    rows: Sequence[Row],
    tokenised: Tokenised,
    max_seq_len: int,
    most: int | None = None,
    *,
    cuts: bool = True,
    ends: bool = True,
) -> list[Finding]:
    """What the cut at `max_seq_len` does to them; `most` is how many tokens the model reads, where known.

    `tokenised` holds the examples of `rows`, in their order. `cuts` false: longer ones are left out;
    `ends` false: no example is meant to teach where an answer ends.
    """
    cut = [place for place, length in enumerate(tokenised.lengths) if length > max_seq_len]
    gone = set() if cuts else set(cut)
    masked = [place for place, labels in enumerate(tokenised.labels) if not labels and place not in gone]
    unended = [
        place
        for place, (labels, ended) in enumerate(zip(tokenised.labels, tokenised.ended, strict=True))
        if ends and labels and not ended and place not in gone
    ]
    never = len(set(unended) - set(cut))
    do, done = ("cut", "cut") if cuts else ("leave out", "left out")
    enough = max((int(tokenised.prompts[place]) + 1 for place in masked), default=0)
    return [
        *_finding(
            "all_masked",
            masked,
            rows,
            f"have no token of output within trainer.max_seq_len={max_seq_len} and are left out; "
            f"{_reach(enough, 'keep them', most)}",
        ),
        *_finding(
            "truncated",
            cut,
            rows,
            f"({len(cut) / len(rows):.1%}) are longer than trainer.max_seq_len={max_seq_len} and are "
            f"{done}; {_reach(reach(tokenised.lengths), f'{do} under {TRUNCATED_SHARE:.0%}', most)}",
            warns=len(cut) > TRUNCATED_SHARE * len(rows),
        ),
        *_finding(
            "no_end_token",
            unended,
            rows,
            f"teach no end of the answer: {len(unended) - never:,} are cut before it, and of {never:,} the "
            "tokenizer makes no end token; check its eos_token",
            warns=never > 0,
        ),
    ]


def reach(lengths: Iterable[int], share: float = TRUNCATED_SHARE) -> int:
    """The least `max_seq_len` that cuts less than `share` of examples of these lengths."""
    ordered = sorted(int(length) for length in lengths)
    longer = math.ceil(round(share * len(ordered), 6)) - 1
    return ordered[-1 - max(0, longer)]


def lints_row(findings: Iterable[Finding], tokenised: Tokenised, max_seq_len: int) -> dict[str, Any]:
    """`lints.json`: the findings, and the lengths in tokens that they rest on."""
    ordered = sorted(int(length) for length in tokenised.lengths)
    return {
        "examples": len(ordered),
        "max_seq_len": max_seq_len,
        "tokens": {"median": ordered[len(ordered) // 2], "p99": reach(ordered), "max": ordered[-1]},
        "findings": [dataclasses.asdict(finding) for finding in findings],
    }


def _reach(needed: int, what: str, most: int | None) -> str:
    beyond = f", but the model reads at most {most} tokens" if most is not None and needed > most else ""
    return f"{needed} would {what}{beyond}"


def _finding(
    lint: str, places: Sequence[int], rows: Sequence[Row], words: str, warns: bool = True
) -> Iterator[Finding]:
    if places:
        ids = tuple(str(rows[place].get("id", f"row-{place}")) for place in places[:NAMED_IDS])
        words = words if len(places) > 1 else _VERB.sub(lambda verb: OF_ONE[verb[0]], words)
        message = f"{len(places):,} of {len(rows):,} examples {words} ({', '.join(ids[:2])}"
        message += ", ...)" if len(places) > 2 else ")"
        yield Finding(lint, len(places), round(len(places) / len(rows), 6), ids, message, warns)
