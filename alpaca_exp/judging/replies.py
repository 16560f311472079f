"""What a judge's reply says, or None: nothing is guessed that it does not say in the form asked for."""

from __future__ import annotations

import re
from math import exp

from alpaca_exp.records import Completion

LOWEST, HIGHEST = 1.0, 10.0
LETTERS = ("m", "M")
"""The two answers of a preference, the first one shown before the second."""
_NUMBER = r"(\d+(?:\.\d+)?)(?:\s*/\s*10)?"
_BETWEEN = r"[^\w.+-]*"
"""Between words and numbers; no sign."""
_TITLE = rf"{_BETWEEN}(?:(?:final\s+)?scores?\b)?{_BETWEEN}"
_SCORES = re.compile(rf"(?i){_TITLE}{_NUMBER}(?:[\s,;|]+|\s+and\s+){_NUMBER}\W*")
_HALVES = re.compile(rf"(?i){_TITLE}(\d+,[05])(?:[\s;|]+|\s+and\s+)(\d+,[05])\W*")
"""Half points as much of Europe writes them; of one such number nobody knows whether it is two."""
_EACH = re.compile(
    rf"(?i){_TITLE}assistant 1(?:'s score)?{_BETWEEN}{_NUMBER}"
    rf"[^\w.+-]+assistant 2(?:'s score)?{_BETWEEN}{_NUMBER}[^\w\n]*(?:\n|$)"
)
_THOUGHT = re.compile(r"(?is)\A\s*<think(?:ing)?>(?:.*?</think(?:ing)?>|.*)")
"""What a reasoning model thinks before it answers; cut off, it is no answer."""
_THOUGHT_ENDS = re.compile(r"(?im)^\s*</think(?:ing)?>\s*$")
"""Alone on a line, where the model's chat template has opened the thought for it."""
_FENCE = re.compile(r"\s*```\w*\s*")
_NAMED = re.compile(rf"(?im)^\W*assistant ([12])(?:'s score)?\W*?:\W*?(?<![-.\d]){_NUMBER}(?![.,]?\d)")
_BRACKETS = re.compile(rf"(?i)\bscores?\b[^\n\d()]*\(\s*{_NUMBER}\s*,\s*{_NUMBER}\s*\)")
_RATING = re.compile(rf"(?i)\W*(?:final\s+)?(?:rating|score)\W*?(?<![-.\d]){_NUMBER}(?:\s*out of 10)?\W*")
_VERDICT = re.compile(r"(?i)\W*(?:final\s+)?verdict\W+(?:assistant\s+)?(1|2|tie)\W*")


def scores_of(text: str, *, at_the_end: bool = False) -> tuple[float, float] | None:
    """The two scores in the order of the reply: `8 6`, `8.5, 7`, `9/10 7/10`; None for anything else.

    They stand alone on the first line, or there with each assistant's name. `at_the_end`, where the judge
    solves the problem first, they stand on the last line, else where each assistant was last named with a
    number, or in brackets after "scores": so GPT-4's published reviews of the three maths questions end.
    """
    found = _pair(text, at_the_end)
    return found if found and all(LOWEST <= score <= HIGHEST for score in found) else None


def is_out_of_range(text: str, *, at_the_end: bool = False) -> bool:
    """Whether the two scores stand where they should, and one of them is none of 1 to 10."""
    return _pair(text, at_the_end) is not None and scores_of(text, at_the_end=at_the_end) is None


def rating_of(text: str) -> float | None:
    """The rating on the last line, `rating: 7.5`; None where it holds none, or one that is out of range."""
    rating = _last_number(text)
    return rating if rating is not None and LOWEST <= rating <= HIGHEST else None


def is_rating_out_of_range(text: str) -> bool:
    """Whether the last line holds a rating that is none of 1 to 10."""
    return _last_number(text) is not None and rating_of(text) is None


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
        return dict(zip(LETTERS, (0.0, 1.0), strict=True)).get(reply.text.strip())
    chances = dict.fromkeys(LETTERS, 0.0)
    for token, logprob in reply.top_logprobs.items():
        if token.strip() in chances:
            chances[token.strip()] += exp(logprob)
    total = sum(chances.values())
    return chances[LETTERS[1]] / total if total else None


def _pair(text: str, at_the_end: bool) -> tuple[float, float] | None:
    """The two scores, whatever they are."""
    lines = _lines(text)
    if not lines:
        return None
    place = lines[-1 if at_the_end else 0]
    alone = _SCORES.fullmatch(place) or _HALVES.fullmatch(place)
    if alone:
        return _numbers(alone[1], alone[2])
    if not at_the_end:
        each = _EACH.match("\n".join(lines))
        return _numbers(each[1], each[2]) if each else None
    named = dict(_NAMED.findall("\n".join(lines)))
    if set(named) == {"1", "2"}:
        return _numbers(named["1"], named["2"])
    brackets = _BRACKETS.findall("\n".join(lines))
    return _numbers(*brackets[-1]) if brackets else None


def _last_number(text: str) -> float | None:
    lines = _lines(text)
    found = _RATING.fullmatch(lines[-1]) if lines else None
    return float(found[1]) if found else None


def _lines(text: str) -> list[str]:
    """The reply's lines that say something, without what the model thought before it."""
    told = _THOUGHT.sub("", text)
    told = told if told != text else _THOUGHT_ENDS.split(text)[-1]
    return [line for line in told.splitlines() if line.strip() and not _FENCE.fullmatch(line)]


def _numbers(first: str, second: str) -> tuple[float, float]:
    return float(first.replace(",", ".")), float(second.replace(",", "."))
