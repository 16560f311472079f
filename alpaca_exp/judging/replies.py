"""What a judge's reply says, or None: nothing is guessed that it does not say in the form asked for."""

from __future__ import annotations

import re
from math import exp

from alpaca_exp.records import Completion

LOWEST, HIGHEST = 1.0, 10.0
_NUMBER = r"(\d+(?:\.\d+)?)(?:\s*/\s*10)?"
_SCORES = re.compile(rf"[^\w.+-]*{_NUMBER}(?:[\s,;|]+|\s+and\s+){_NUMBER}\W*")
_NAMED = re.compile(rf"(?im)^\W*assistant ([12])(?:'s score)?\W*?:\W*?(?<![-.\d]){_NUMBER}(?![.,]?\d)")
_BRACKETS = re.compile(rf"(?i)\bscores?\b[^\n\d()]*\(\s*{_NUMBER}\s*,\s*{_NUMBER}\s*\)")
_RATING = re.compile(rf"(?i)\W*(?:final\s+)?(?:rating|score)\W*?(?<![-.\d]){_NUMBER}(?:\s*out of 10)?\W*")
_VERDICT = re.compile(r"(?i)\W*(?:final\s+)?verdict\W+(?:assistant\s+)?(1|2|tie)\W*")


def scores_of(text: str, *, at_the_end: bool = False) -> tuple[float, float] | None:
    """The two scores in the order of the reply: `8 6`, `8.5, 7`, `9/10 7/10`; None for anything else.

    They stand alone on the first line. `at_the_end`, where the judge solves the problem first, they stand on
    the last line, else where each assistant was last named with a number, or in brackets after "scores":
    so GPT-4's published reviews of the three maths questions end.
    """
    lines = _lines(text)
    if not lines:
        return None
    alone = _SCORES.fullmatch(lines[-1 if at_the_end else 0])
    if alone or not at_the_end:
        return _in_range(alone[1], alone[2]) if alone else None
    named = dict(_NAMED.findall(text))
    if set(named) == {"1", "2"}:
        return _in_range(named["1"], named["2"])
    brackets = _BRACKETS.findall(text)
    return _in_range(*brackets[-1]) if brackets else None


def rating_of(text: str) -> float | None:
    """The rating on the last line, `rating: 7.5`; None where it holds none, or one that is out of range."""
    lines = _lines(text)
    found = _RATING.fullmatch(lines[-1]) if lines else None
    rating = float(found[1]) if found else 0.0
    return rating if LOWEST <= rating <= HIGHEST else None


def verdict_of(text: str) -> str | None:
    """Which assistant the last line names, "1", "2" or "tie"; None where it names none."""
    lines = _lines(text)
    found = _VERDICT.fullmatch(lines[-1]) if lines else None
    return found[1].lower() if found else None


def weight_of(reply: Completion) -> float | None:
    """How likely the judge was to name M rather than m, 0 to 1; None where it would have named neither.

    Where the server told no log-probabilities, it is what the judge named: 0 or 1.
    """
    if reply.top_logprobs is None:
        return {"m": 0.0, "M": 1.0}.get(reply.text.strip())
    chances = {"m": 0.0, "M": 0.0}
    for token, logprob in reply.top_logprobs.items():
        if token.strip() in chances:
            chances[token.strip()] += exp(logprob)
    total = sum(chances.values())
    return chances["M"] / total if total else None


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _in_range(first: str, second: str) -> tuple[float, float] | None:
    scores = float(first), float(second)
    return scores if all(LOWEST <= score <= HIGHEST for score in scores) else None
