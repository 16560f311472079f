"""How similar an instruction is to all that came before it: ROUGE-L F, decided as rouge_score decides.

The longest common subsequence is counted by rapidfuzz over tokens written as characters. Instructions
are kept by their length in tokens, since two lengths alone bound F: most pairs are never compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import LCSseq

_NO_TOKEN = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The most similar of the earlier instructions."""

    similarity: float
    """ROUGE-L F, 0 to 1."""
    id: str


class Instructions:
    """All instructions so far. Grows one at a time; finding the nearest costs some 0.3 us for each."""

    def __init__(self) -> None:
        self._characters: dict[str, str] = {}
        self._texts: dict[int, list[str]] = {}
        self._places: dict[int, list[int]] = {}
        self._ids: list[str] = []

    def add(self, id: str, instruction: str) -> None:
        """From now on `instruction` counts as known."""
        text = self._encoded(instruction, grow=True)
        self._texts.setdefault(len(text), []).append(text)
        self._places.setdefault(len(text), []).append(len(self._ids))
        self._ids.append(id)

    def nearest(self, instruction: str) -> Neighbour | None:
        """The most similar known instruction, the earliest where several are; None for an empty pool."""
        if not self._ids:
            return None
        text = self._encoded(instruction)
        best, place = 0.0, 0
        lengths = sorted(self._texts, key=lambda other: -_bound(len(text), other))
        for length in lengths:
            bound = _bound(len(text), length)
            if bound < best or not bound:
                break
            found, where = self._nearest_of(text, length, best)
            if found > best or (found == best and found > 0 and where < place):
                best, place = found, where
        return Neighbour(best, self._ids[place])

    def _nearest_of(self, text: str, length: int, best: float) -> tuple[float, int]:
        """F and place of the nearest among the known ones of `length` tokens; F is 0 below `best`."""
        least = _least_common(best, len(text), length)
        found = process.extractOne(text, self._texts[length], scorer=LCSseq.similarity, score_cutoff=least)
        if found is None:
            return 0.0, 0
        return f_measure(int(found[1]), len(text), length), self._places[length][found[2]]

    def _encoded(self, instruction: str, grow: bool = False) -> str:
        """One character a token. Tokens that only this instruction has share a character that none has."""
        known = self._characters
        words = tokens(instruction)
        if grow:
            return "".join([known.setdefault(word, chr(len(known) + 1)) for word in words])
        return "".join([known.get(word, "\0") for word in words])


def tokens(text: str) -> list[str]:
    """rouge_score's tokens without stemming: lower case, runs of a-z and 0-9."""
    return _NO_TOKEN.sub(" ", text.lower()).split()


def f_measure(common: int, length_1: int, length_2: int) -> float:
    """ROUGE-L F of a longest common subsequence: rouge_score's own expression, ties and rounding included."""
    if not common:
        return 0.0
    precision, recall = common / length_1, common / length_2
    return 2 * precision * recall / (precision + recall)


def _least_common(similarity: float, length_1: int, length_2: int) -> int:
    """The shortest common subsequence (1 or more) that makes at least `similarity`."""
    common = max(1, int(similarity * (length_1 + length_2) / 2) - 1)
    while f_measure(common, length_1, length_2) < similarity:
        common += 1
    return common


def _bound(length_1: int, length_2: int) -> float:
    """No pair of such lengths is more similar than this."""
    return f_measure(min(length_1, length_2), length_1, length_2)
