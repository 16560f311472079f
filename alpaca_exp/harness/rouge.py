"""ROUGE-L and exact match against several references, as Super-NaturalInstructions' evaluation counts them.

That is src/compute_metrics.py in github.com/yizhongw/Tk-Instruct and eval/automatic/evaluation.py in
github.com/allenai/natural-instructions: rouge_score's rougeL F-measure with Porter's stemmer, the best over
the references; for exact match lower case, without ASCII punctuation, blanks as one.
"""

from __future__ import annotations

import functools
import string
from collections.abc import Sequence
from typing import Any

from alpaca_exp.selfinstruct.novelty_rouge import f_measure, tokens

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def rouge_l(answer: str, references: Sequence[str]) -> float:
    """The best F-measure of `answer` against any of the `references`, from 0 to 1."""
    from rapidfuzz.distance import LCSseq

    words = _tokens(answer)
    best = 0.0
    for reference in references:
        wanted = _tokens(reference)
        best = max(best, f_measure(LCSseq.similarity(wanted, words), len(words), len(wanted)))
    return best


def exact_match(answer: str, references: Sequence[str]) -> float:
    """1 where `answer` is one of the `references` but for case, punctuation and blanks; else 0."""
    return float(_normalised(answer) in map(_normalised, references))


def _tokens(text: str) -> list[str]:
    """rouge_score's own, each word stemmed once: that is where the time goes."""
    return [stem for word in tokens(text) for stem in _stemmed(word)]


@functools.cache
def _stemmed(word: str) -> tuple[str, ...]:
    return tuple(_tokenizer().tokenize(word))


@functools.cache
def _tokenizer() -> Any:
    from rouge_score.tokenizers import DefaultTokenizer

    return DefaultTokenizer(use_stemmer=True)


def _normalised(text: str) -> str:
    return " ".join(text.lower().translate(_NO_PUNCTUATION).split())
