"""Which known instruction, if any, is nearly the same: found without comparing with most of them.

F of two instructions is above the limit only where they share, for their two lengths, so many tokens in
the same order, and so in any order. For each token the index lists who holds it. Not all that is shared
can be among the few most frequent tokens: their long lists are left unread, and who is not found often
enough in the others is out (the count filter of Li, Lu and Lu, 2008, "Efficient merging and filtering
algorithms for approximate string searches"). rapidfuzz then compares the dozen that are left.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq

from alpaca_exp.selfinstruct.novelty_rouge import Characters, f_measure, least_common, tokens
from alpaca_exp.selfinstruct.novelty_similarity import Neighbour, Similarity

Counts = NDArray[np.intc]
Token = str | tuple[str, int]
"""A word, or the word and how often it came before in the same instruction: a copy shares each of them."""

_NEVER = 2**30
"""More tokens than any two instructions share."""
_NOWHERE = array("i", [2**31 - 1])
"""Sorts behind all places and is none."""
_CHEAP = 4000
"""So many entries are read without asking: more lists read leave fewer to compare with."""


class NearCopies:
    """The known instructions, by their tokens. Grows one at a time."""

    def __init__(self, max_similarity: float) -> None:
        self._max_similarity = max_similarity
        self._characters = Characters()
        self._lists: dict[Token, array[int]] = {}
        self._ids: list[str] = []
        self._texts: list[str] = []
        self._lengths = array("i")
        self._longest = 0
        self._needs: dict[int, Counts] = {}

    def add(self, id: str, instruction: str) -> None:
        """From now on `instruction` counts as known."""
        words, occurrences = _read(instruction)
        for token in occurrences:
            self._lists.setdefault(token, array("i")).append(len(self._ids))
        self._ids.append(id)
        self._texts.append(self._characters.write(words))
        self._lengths.append(len(words))
        if len(words) > self._longest:
            self._longest = 2 * len(words)
            self._needs.clear()

    def compare(self, instruction: str) -> Similarity:
        """The nearest of a copy. Of any other instruction nothing is known but that it is none."""
        words, occurrences = _read(instruction)
        text, needed = self._characters.read(words), self._needed(len(words))
        best, nearest = self._max_similarity, None
        for place in self._candidates(occurrences, needed):
            other = self._texts[place]
            common = LCSseq.similarity(text, other, score_cutoff=int(needed[len(other)]))
            if common and (similarity := f_measure(int(common), len(text), len(other))) > best:
                best, nearest = similarity, place
        return Similarity() if nearest is None else Similarity(Neighbour(best, self._ids[nearest]))

    def _candidates(self, occurrences: Sequence[Token], needed: Counts) -> list[int]:
        """Places, in order, of all that share as many tokens as needed, in whatever order."""
        lists = sorted([self._lists[token] for token in occurrences if token in self._lists], key=len)
        least = int(needed.min())
        if least > len(lists):
            return []
        unread = _unread(lists, least)
        found = np.frombuffer(bytearray().join([*lists[: len(lists) - unread], _NOWHERE]), dtype=np.intc)
        found.sort()
        often = least - unread
        starts = np.flatnonzero(found[:-often] == found[often - 1 : -1])
        places = found[starts]
        lengths = np.frombuffer(self._lengths, dtype=np.intc)[places]
        last = starts + (needed[lengths] - unread - 1)
        return sorted(set(places[found.take(last, mode="clip") == places].tolist()))

    def _needed(self, length: int) -> Counts:
        """Index: the other's length in tokens. Value: how many both must share, or `_NEVER`."""
        if length not in self._needs:
            others = range(1, self._longest + 1)
            least = [least_common(self._max_similarity, length, other) or _NEVER for other in others]
            self._needs[length] = np.array([_NEVER, *least], dtype=np.intc)
        return self._needs[length]


def _unread(lists: list[array[int]], least: int) -> int:
    """How many of the longest lists can be left out, so that who shares `least` is in two of the others."""
    unread = max(least - 2, 0)
    volume = sum(map(len, lists[: len(lists) - unread]))
    while unread and (volume := volume + len(lists[-unread])) <= _CHEAP:
        unread -= 1
    return unread


@lru_cache(maxsize=1)
def _read(instruction: str) -> tuple[Sequence[str], Sequence[Token]]:
    """Its words, and its tokens told apart. Kept, since what was compared last is mostly added next."""
    words = tokens(instruction)
    if len(set(words)) == len(words):
        return words, words
    seen: Counter[str] = Counter()
    occurrences: list[Token] = []
    for word in words:
        occurrences.append((word, seen[word]) if word in seen else word)
        seen[word] += 1
    return words, occurrences
