"""The data card: what was asked, kept and rejected and why, and what the kept examples look like."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alpaca_exp.cards.page import length_bars
from alpaca_exp.records import Row
from alpaca_exp.selfinstruct.diversity import pairs
from alpaca_exp.selfinstruct.filters import BLOCKED_WORDS

REASONS = (
    "too short",
    "too long",
    "blocked word",
    "asks for a program",
    "starts with punctuation",
    "starts with a non-ASCII character",
    "similar",
    "repeated",
    "conflicting",
    "surplus",
    "malformed",
    "cut off",
)
"""Every way to be rejected: what stands before the colon of a `reason`."""
SIMILARITY_BARS = 20
TOP_PAIRS = 20


def card(
    kept: Sequence[Row],
    rejected: Sequence[Row],
    requests: Mapping[str, Mapping[str, int]],
    quirks: Mapping[str, Row],
    ended: str,
    provenance: Mapping[str, Any],
) -> Row:
    """`card.json`. A function of what it is given: no clock, no speed, no place.

    `requests`: of those whose answers were read, and of those left `unread` at the end, how many by step.
    `quirks`: of each, whether it is on and what it touched. `ended`: why
    there are fewer examples than wanted; empty where there are not.
    """
    return {
        "counts": {
            "kept": len(kept),
            "rejected": len(rejected),
            **{name: dict(steps) for name, steps in requests.items()},
            "kept_per_request": _ratio(len(kept), next(iter(requests["requests"].values()), 0)),
            "ended": ended or "as many examples as wanted",
        },
        "rejected": _by(REASONS, (row["reason"].partition(":")[0] for row in rejected)),
        "blocked_words": _by(BLOCKED_WORDS, _details(rejected, "blocked word")),
        "malformed": dict(sorted(Counter(_details(rejected, "malformed")).items())),
        "quirks": dict(quirks),
        "lengths": {name: lengths(_texts(kept, name)) for name in ("instruction", "input", "output")},
        "with_input": _ratio(sum(bool(row["input"]) for row in kept), len(kept)),
        "classification": _classification(kept),
        "diversity": diversity(kept),
        "similarity": similarity(kept),
        "provenance": dict(provenance),
    }


def lengths(texts: Sequence[str]) -> Row:
    """How long texts are in words (split at blanks): mean, median, p95, max, and bars of `LENGTH_EDGES`."""
    words = sorted(len(text.split()) for text in texts)
    if not words:
        return {"n": 0, "mean": None, "median": None, "p95": None, "max": None, "bars": []}
    return {
        "n": len(words),
        "mean": round(statistics.fmean(words), 3),
        "median": statistics.median(words),
        "p95": words[min(len(words) - 1, (95 * len(words)) // 100)],
        "max": words[-1],
        "bars": length_bars(words),
    }


def diversity(kept: Sequence[Row]) -> Row:
    """Verbs and their nouns over the different instructions; see `diversity` for how they are found."""
    instructions = dict.fromkeys(row["instruction"] for row in kept)
    found = pairs(instructions)
    order = sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))
    return {
        "instructions": len(instructions),
        "with_pair": sum(found.values()),
        "pairs": len(found),
        "verbs": len({verb for verb, _ in found}),
        "top": [{"verb": verb, "noun": noun, "count": count} for (verb, noun), count in order[:TOP_PAIRS]],
    }


def similarity(kept: Sequence[Row]) -> Row:
    """How near each kept one was to its nearest earlier one (ROUGE-L F), where that was found out."""
    known = [row["similarity"]["max"] for row in kept if row["similarity"]["max"] is not None]
    bars = Counter(min(SIMILARITY_BARS - 1, int(value * SIMILARITY_BARS)) for value in known)
    return {
        "known": len(known),
        "mean": round(statistics.fmean(known), 4) if known else None,
        "bars": [{"from": place / SIMILARITY_BARS, "count": bars[place]} for place in range(SIMILARITY_BARS)]
        if known
        else [],
    }


def _texts(rows: Sequence[Row], name: str) -> list[str]:
    """All texts of a field; of inputs, those that are there."""
    return [row[name] for row in rows if row[name] or name != "input"]


def _classification(kept: Sequence[Row]) -> Row | None:
    """The share of classification where a step asked for it; None where none did."""
    asked = [row["source"]["classification"] for row in kept if "classification" in row["source"]]
    if not asked:
        return None
    return {
        "share": _ratio(sum(said is True for said in asked), len(asked)),
        "unread": sum(said is None for said in asked),
    }


def _details(rejected: Sequence[Row], family: str) -> list[str]:
    reasons = (row["reason"].partition(":") for row in rejected)
    return [detail.strip() for name, _, detail in reasons if name == family]


def _by(names: Iterable[str], found: Iterable[str]) -> dict[str, int]:
    """A count for each of `names`, zeros included, and for whatever else was found."""
    counts = Counter(found)
    return {name: counts.pop(name, 0) for name in names} | dict(sorted(counts.items()))


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
