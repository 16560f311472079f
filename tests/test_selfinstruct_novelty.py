"""Similarity, decided exactly as rouge_score decides it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from alpaca_exp.selfinstruct.novelty import Instructions, f_measure, tokens

WORDS = (
    "name",
    "three",
    "list",
    "of",
    "the",
    "a",
    "fruit",
    "animal",
    "colour",
    "red",
    "blue",
    "how",
    "to",
    "in",
)


def peer(pool: list[str], text: str) -> list[float]:
    rouge_score = pytest.importorskip("rouge_score.rouge_scorer", reason="rouge-score is the peer")
    scorer = rouge_score.RougeScorer(["rougeL"], use_stemmer=False)
    return [scorer.score(text, other)["rougeL"].fmeasure for other in pool]


def random_texts(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, 14))) for _ in range(count)]


def test_the_nearest_is_rouge_scores_nearest_to_the_last_bit() -> None:
    pool: list[str] = []
    known = Instructions()
    for text in random_texts(0, 110):
        nearest = known.nearest(text)
        scores = peer(pool, text)
        if scores and nearest:
            assert nearest.similarity == max(scores)
            assert int(nearest.id) == (scores.index(max(scores)))
        known.add(str(len(pool)), text)
        pool.append(text)


def test_every_tie_at_point_seven_is_decided_as_rouge_score_decides_it() -> None:
    ties = [
        (a, b, c)
        for a in range(1, 41)
        for b in range(a, 41)
        for c in range(1, a + 1)
        if 20 * c == 7 * (a + b)
    ]
    decisions = set()
    for a, b, common in ties:
        first = " ".join(f"x{n}" for n in range(a))
        second = " ".join(f"x{n}" for n in range(common)) + "".join(f" y{n}" for n in range(b - common))
        known = Instructions()
        known.add("0", second)
        nearest = known.nearest(first)
        assert nearest is not None
        [score] = peer([second], first)
        assert nearest.similarity == score
        decisions.add(score > 0.7)
    assert len(ties) > 20 and decisions == {True, False}


@pytest.mark.parametrize("text", ["", "!!!", "日本語", "naïve café", "A-B_c 1.5", "İstanbul", "x" * 50])
def test_tokens_are_rouge_scores_tokens(text: str) -> None:
    tokenize = pytest.importorskip("rouge_score.tokenize", reason="rouge-score is the peer")
    assert tokens(text) == tokenize.tokenize(text, None)


def test_an_instruction_without_words_is_like_none() -> None:
    known = Instructions()
    assert known.nearest("Name a fruit") is None
    known.add("0", "???")
    known.add("1", "Name a fruit")
    assert known.nearest("!!!").similarity == 0.0  # type: ignore[union-attr]
    assert known.nearest("name a FRUIT").id == "1"  # type: ignore[union-attr]


def test_words_that_nobody_used_before_do_not_match_one_another() -> None:
    known = Instructions()
    known.add("0", "alpha beta gamma delta")
    found = known.nearest("epsilon zeta eta theta")
    assert found is not None and found.similarity == 0.0


def test_nothing_in_common_is_zero() -> None:
    assert f_measure(0, 3, 4) == 0.0


def test_real_instructions_are_decided_as_rouge_score_decides_them(shared_data: Path) -> None:
    rows = json.loads((shared_data / "alpaca" / "alpaca_data.json").read_text())
    rng = random.Random(0)
    pool = [row["instruction"] for row in rng.sample(rows, 400)]
    known = Instructions()
    for number, text in enumerate(pool):
        known.add(str(number), text)
    for text in rng.sample(pool, 8) + [row["instruction"] for row in rng.sample(rows, 8)]:
        mutated = " ".join(word for word in text.split() if rng.random() < 0.8) or text
        nearest = known.nearest(mutated)
        assert nearest is not None and nearest.similarity == max(peer(pool, mutated))
