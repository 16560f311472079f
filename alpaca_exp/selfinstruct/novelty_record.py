"""How similar an instruction is to each known one: all scores, their mean, and the ten highest.

The longest common subsequence is counted for all known instructions at once, one bit a token (Hyyrö,
2004, "Bit-parallel LCS-length computation revisited"). A word touches only the instructions that hold
it: most words few; the words that many hold are laid out for all of them, since that is read faster.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import LCSseq

from alpaca_exp.selfinstruct.novelty_rouge import Characters, tokens
from alpaca_exp.selfinstruct.novelty_similarity import Neighbour, Similarity

TOP = 10
"""So many of the most similar are named, as stanford_alpaca does."""
Counts = NDArray[np.intc]
Scores = NDArray[np.float64]
Masks = NDArray[Any]

_COMMON = 1 / 12
"""The share of the instructions from which on a word is laid out for all of them."""
_FEW = 256
"""Never for so few instructions."""


class AllScores:
    """The known instructions, by length: one machine word holds 16 or 64 tokens, rapidfuzz the rest."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._shorter, self._longer, self._longest = _Rows(16), _Rows(64), _LongRows()

    def add(self, id: str, instruction: str) -> None:
        """From now on `instruction` counts as known."""
        words = tokens(instruction)
        fitting = (rows for rows in (self._shorter, self._longer) if len(words) <= rows.width)
        next(fitting, self._longest).add(len(self._ids), words)
        self._ids.append(id)

    def compare(self, instruction: str) -> Similarity:
        """The nearest, the mean, and the ten most similar, of equals the earlier first."""
        if not self._ids:
            return Similarity(most_similar=())
        words = tokens(instruction)
        groups = (self._shorter, self._longer, self._longest)
        scores = np.concatenate([rows.scores(words) for rows in groups])
        places = np.concatenate([np.frombuffer(rows.places, dtype=np.intc) for rows in groups])
        least = np.partition(scores, -TOP)[-TOP] if len(scores) > TOP else 0.0
        high = np.flatnonzero(scores >= least)
        first = high[np.lexsort((places[high], -scores[high]))[:TOP]]
        ten = tuple(Neighbour(float(scores[row]), self._ids[places[row]]) for row in first)
        return Similarity(ten[0], float(scores.mean()), ten)


class _Rows:
    """Instructions of at most `width` tokens."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.places, self.lengths = array("i"), array("i")
        self._dtype = np.dtype(f"uint{width}")
        self._rare: dict[str, tuple[array[int], array[int]]] = {}
        self._frequent: dict[str, Masks] = {}

    def add(self, place: int, words: Sequence[str]) -> None:
        """Note in which bits of this row each word stands."""
        row = len(self.places)
        self.places.append(place)
        self.lengths.append(len(words))
        masks: dict[str, int] = {}
        for position, word in enumerate(words):
            masks[word] = masks.get(word, 0) | 1 << position
        for word, mask in masks.items():
            if word in self._frequent:
                self._write(word, row, mask)
            else:
                self._append(word, row, mask)

    def scores(self, words: Sequence[str]) -> Scores:
        """ROUGE-L F with each row."""
        if not self.places:
            return np.zeros(0)
        key = self._common(words) * np.intc(self.width + 1) + np.frombuffer(self.lengths, dtype=np.intc)
        return _table(len(words), self.width).take(key)

    def _common(self, words: Sequence[str]) -> Counts:
        """Length of the longest common subsequence with each row."""
        unmatched = np.full(len(self.places), np.iinfo(self._dtype).max, dtype=self._dtype)
        for word in words:
            if word in self._frequent:
                masks = self._frequent[word][: len(unmatched)]
                part = unmatched[: len(masks)]
                part[:] = _matched(part, masks)
            elif word in self._rare:
                rows, bits = self._rare[word]
                touched = np.frombuffer(rows, dtype=np.intc)
                unmatched[touched] = _matched(unmatched[touched], np.frombuffer(bits, dtype=self._dtype))
        return np.bitwise_count(~unmatched).astype(np.intc)

    def _append(self, word: str, row: int, mask: int) -> None:
        rows, masks = self._rare.setdefault(word, (array("i"), array(self._dtype.char)))
        rows.append(row)
        masks.append(mask)
        if len(rows) > max(_FEW, _COMMON * row):
            self._frequent[word] = np.zeros(2 * row, dtype=self._dtype)
            self._frequent[word][rows] = masks
            del self._rare[word]

    def _write(self, word: str, row: int, mask: int) -> None:
        masks = self._frequent[word]
        if row >= len(masks):
            self._frequent[word] = masks = np.pad(masks, (0, row))
        masks[row] = mask


class _LongRows:
    """Instructions of any length."""

    def __init__(self) -> None:
        self.places, self.lengths = array("i"), array("i")
        self._characters = Characters()
        self._texts: list[str] = []

    def add(self, place: int, words: Sequence[str]) -> None:
        """Keep it as a text of one character a word."""
        self.places.append(place)
        self.lengths.append(len(words))
        self._texts.append(self._characters.write(words))

    def scores(self, words: Sequence[str]) -> Scores:
        """ROUGE-L F with each."""
        if not self.places:
            return np.zeros(0)
        text = self._characters.read(words)
        common = process.cdist([text], self._texts, scorer=LCSseq.similarity, dtype=np.intc)[0]
        return _f_measures(common, len(words), np.frombuffer(self.lengths, dtype=np.intc))


def _matched(unmatched: Masks, masks: Masks) -> Masks:
    """One more word is read: of each run of unmatched bits the lowest that is this word becomes matched."""
    hit: Masks = unmatched & masks
    left: Masks = (unmatched + hit) | (unmatched - hit)
    return left


@lru_cache(maxsize=256)
def _table(length: int, longest: int) -> Scores:
    """F of every common length with, the index that runs faster, every other length up to `longest`."""
    common, others = np.mgrid[: min(length, longest) + 1, : longest + 1]
    return _f_measures(common, length, others).ravel()


def _f_measures(common: Counts, length: int, others: Counts) -> Scores:
    """`f_measure` of each, by the very same expression."""
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = common / length, common / others
        return np.where(common > 0, 2 * precision * recall / (precision + recall), 0.0)
