"""ROUGE-L as rouge_score counts it, without stemming: its tokens, its F, and what F needs in common."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NO_TOKEN = re.compile(r"[^a-z0-9]+")


def tokens(text: str) -> list[str]:
    """rouge_score's tokens: lower case, runs of a-z and 0-9."""
    return _NO_TOKEN.sub(" ", text.lower()).split()


def f_measure(common: int, length_1: int, length_2: int) -> float:
    """ROUGE-L F of a longest common subsequence: rouge_score's own expression, ties and rounding included."""
    if not common:
        return 0.0
    precision, recall = common / length_1, common / length_2
    return 2 * precision * recall / (precision + recall)


def least_common(similarity: float, length_1: int, length_2: int) -> int | None:
    """The shortest common subsequence whose F is above `similarity`; None where not even the longest is.

    Found with the float expression itself: at 0.7, for one, some of the exact ties come out above.
    """
    longest = min(length_1, length_2)
    common = max(1, int(similarity * (length_1 + length_2) / 2) - 1)
    while common <= longest:
        if f_measure(common, length_1, length_2) > similarity:
            return common
        common += 1
    return None


class Characters:
    """Words written as characters, one each, for rapidfuzz. There are a million: enough for any pool."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}

    def write(self, words: Iterable[str]) -> str:
        """Every word gets the character that is its own from now on."""
        known = self._of
        return "".join([known.get(word) or known.setdefault(word, chr(len(known) + 1)) for word in words])

    def read(self, words: Iterable[str]) -> str:
        """Words that were never written share a character that none has."""
        known = self._of
        return "".join([known.get(word, "\0") for word in words])
