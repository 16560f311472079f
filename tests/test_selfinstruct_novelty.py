"""Similarity, decided exactly as rouge_score decides it, in either record."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from alpaca_exp.schemas import SimilarityRecord
from alpaca_exp.selfinstruct.novelty import KnownInstructions, known_instructions
from alpaca_exp.selfinstruct.novelty_rouge import f_measure, least_common, tokens
from alpaca_exp.selfinstruct.novelty_similarity import Neighbour, Similarity

DECISION, FULL = SimilarityRecord.decision, SimilarityRecord.full
WORDS = (*"aefhilnors", "name", "list", "Über", "naïve", "日本", "x2", "...")


def peer(pool: list[str], text: str) -> list[float]:
    """What rouge_score says."""
    rouge_scorer = pytest.importorskip("rouge_score.rouge_scorer", reason="rouge-score is the peer")
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    return [scorer.score(text, other)["rougeL"].fmeasure for other in pool]


def random_texts(seed: int, count: int, longest: int = 14) -> Iterator[str]:
    """Some are mutated copies of earlier ones, some are the very same, some have no word or one."""
    rng = random.Random(seed)
    made: list[str] = []
    for _ in range(count):
        words = rng.choices(WORDS, k=rng.randint(0, longest))
        if made and rng.random() < 0.4:
            words = rng.choice(made).split()
            for _ in range(rng.randint(0, 3)):
                if words:
                    words[rng.randrange(len(words))] = rng.choice(WORDS)
        made.append(" ".join(words))
    yield from made


WORLDLY = (
    *WORDS,
    "e\u0301tude",
    "\u00e9tude",
    "\U0001f642",
    "\u0130stanbul",
    "\u212aelvin",
    "\ufb01ne",
    "don't",
    "\u200b",
)


def hostile_texts(seed: int, limit: float, count: int) -> Iterator[str]:
    """Any script, one word or none, the very same again, pairs about a tie at `limit`, and long ones."""
    rng = random.Random(seed)
    made = ["", "\u0301", "\u6771\u4eac", *WORLDLY]
    voices = [f"w{number}" for number in range(50)]
    made += [" ".join(rng.choices(voices, k=length)) for length in (17, 65, 2_000)]
    while len(made) < count:
        draw, again = rng.random(), rng.choice(made).split()
        if draw < 0.3 and len(again) < 100:
            moved = again[1:] + again[: rng.randint(0, 1)]
            made.append(" ".join(moved + rng.choices(WORLDLY, k=rng.randint(0, 2))))
        elif draw < 0.5 and len(again) < 100:
            made.append(" ".join(again))
        elif draw < 0.8:
            made += about_a_tie(limit, rng)
        else:
            made.append(" ".join(rng.choices(WORLDLY, k=rng.randint(1, 20))))
    yield from made


def about_a_tie(limit: float, rng: random.Random) -> list[str]:
    """Two texts that share as many words as `limit` asks for, or one more or less."""
    short = rng.randint(1, 30)
    long = rng.randint(short, 40)
    common = max(0, min(short, round(limit * (short + long) / 2) + rng.randint(-1, 1)))
    first = [f"t{number}" for number in range(short)]
    return [" ".join(first), " ".join(first[:common] + ["other"] * (long - common))]


def judged(
    record: SimilarityRecord, limit: float, texts: Iterator[str]
) -> Iterator[tuple[str, list[str], Similarity]]:
    """Each text, what was kept before it, and how it compares; kept are those at most at the limit."""
    known, kept = known_instructions(record, limit), list[str]()
    for text in texts:
        similarity = known.compare(text)
        yield text, list(kept), similarity
        if not similarity.nearest or similarity.nearest.similarity <= limit:
            known.add(str(len(kept)), text)
            kept.append(text)


def first_of(pool: list[str], scores: list[float]) -> Neighbour:
    return Neighbour(max(scores), str(scores.index(max(scores))))


@pytest.mark.parametrize(("limit", "seed"), [(0.7, 0), (0.7, 1), (0.5, 2), (0.9, 3), (0.05, 4)])
def test_a_copy_is_told_with_its_nearest_and_any_other_is_not(limit: float, seed: int) -> None:
    copies = 0
    for text, kept, similarity in judged(DECISION, limit, random_texts(seed, 120)):
        scores = peer(kept, text)
        expected = first_of(kept, scores) if scores and max(scores) > limit else None
        assert similarity == Similarity(expected)
        copies += expected is not None
    assert copies > 10


@pytest.mark.parametrize(
    "limit", [0.7, 1.0, *(pytest.param(limit, marks=pytest.mark.long) for limit in (0.3, 0.5, 0.9))]
)
def test_hostile_texts_are_decided_as_rouge_score_decides_them_in_either_record(limit: float) -> None:
    full, copies = known_instructions(FULL, limit), 0
    for text, kept, similarity in judged(DECISION, limit, hostile_texts(round(10 * limit), limit, 90)):
        scores, all_of = peer(kept, text), full.compare(text)
        copy = bool(scores) and max(scores) > limit
        assert similarity == Similarity(first_of(kept, scores) if copy else None)
        assert all_of.nearest == (first_of(kept, scores) if scores else None)
        assert all_of.mean == (pytest.approx(float(np.mean(scores)), abs=1e-12) if scores else None)
        copies += copy
        if not copy:
            full.add(str(len(kept)), text)
    assert copies == 0 if limit == 1 else copies > 10


@pytest.mark.parametrize("record", SimilarityRecord)
def test_of_a_thousand_exact_copies_the_first_is_named(record: SimilarityRecord) -> None:
    known = known_instructions(record, 0.7)
    for place in range(1_000):
        known.add(str(place), "Name the capital of the same country.")
    assert known.compare("name the capital of the same country").nearest == Neighbour(1.0, "0")


@pytest.mark.parametrize(("seed", "longest"), [(0, 14), (1, 25), (2, 90)])
def test_a_full_record_is_what_rouge_score_says_of_all(seed: int, longest: int) -> None:
    for text, kept, similarity in judged(FULL, 0.7, random_texts(seed, 60, longest)):
        scores = peer(kept, text)
        if not scores:
            assert similarity == Similarity(most_similar=())
            continue
        order = sorted(range(len(scores)), key=lambda place: (-scores[place], place))[:10]
        assert similarity.most_similar == tuple(Neighbour(scores[place], str(place)) for place in order)
        assert similarity.nearest == first_of(kept, scores)
        assert similarity.mean == pytest.approx(float(np.mean(scores)), abs=1e-12)


def test_words_that_many_instructions_share_are_counted_the_same() -> None:
    known, pool = known_instructions(FULL, 0.7), list(random_texts(5, 900, 30))
    for place, text in enumerate(pool):
        known.add(str(place), text)
        if place in (300, 600, 899):
            scores = peer(pool[: place + 1], "name a red fruit of the colour red in a list")
            found = known.compare("name a red fruit of the colour red in a list")
            assert found.mean == pytest.approx(float(np.mean(scores)), abs=1e-12)
            assert found.most_similar is not None
            assert [each.similarity for each in found.most_similar] == sorted(scores)[:-11:-1]


@pytest.mark.parametrize("limit", [0.7, 0.5, 0.9])
def test_every_tie_is_decided_as_rouge_score_decides_it(limit: float) -> None:
    ties = [
        (a, b, common)
        for a in range(1, 41)
        for b in range(a, 41)
        for common in range(1, a + 1)
        if 20 * common == round(10 * limit) * (a + b)
    ]
    decisions = set()
    for a, b, common in ties:
        first = " ".join(f"x{n}" for n in range(a))
        second = " ".join([f"x{n}" for n in range(common)] + [f"y{n}" for n in range(b - common)])
        known = known_instructions(DECISION, limit)
        known.add("0", second)
        [score] = peer([second], first)
        assert known.compare(first).nearest == (Neighbour(score, "0") if score > limit else None)
        decisions.add(score > limit)
    assert len(ties) >= 10 and (limit != 0.7 or decisions == {True, False})


def test_what_must_be_shared_is_the_least_that_is_above_the_limit() -> None:
    for limit in (0.05, 0.5, 0.7, 0.9, 1.0):
        for a in range(1, 30):
            for b in range(1, 30):
                above = [n for n in range(1, min(a, b) + 1) if f_measure(n, a, b) > limit]
                assert least_common(limit, a, b) == (above[0] if above else None)


@pytest.mark.parametrize("text", ["", "!!!", "日本語", "naïve café", "A-B_c 1.5", "İstanbul", "K", "x" * 50])
def test_tokens_are_rouge_scores_tokens(text: str) -> None:
    tokenize = pytest.importorskip("rouge_score.tokenize", reason="rouge-score is the peer")
    assert tokens(text) == tokenize.tokenize(text, None)


@pytest.mark.parametrize("record", SimilarityRecord)
def test_an_instruction_without_words_is_like_none(record: SimilarityRecord) -> None:
    known = known_instructions(record, 0.7)
    assert known.compare("Name a fruit").nearest is None
    known.add("0", "???")
    known.add("1", "Name a fruit")
    wordless = known.compare("!!!").nearest
    assert wordless is None or wordless.similarity == 0.0
    assert known.compare("name a FRUIT").nearest == Neighbour(1.0, "1")


@pytest.mark.parametrize("record", SimilarityRecord)
def test_words_that_nobody_used_before_do_not_match_one_another(record: SimilarityRecord) -> None:
    known = known_instructions(record, 0.1)
    known.add("0", "alpha beta gamma delta")
    found = known.compare("epsilon zeta eta theta").nearest
    assert found is None or found.similarity == 0.0


def test_without_a_limit_nothing_is_a_copy() -> None:
    known = known_instructions(DECISION, 1.0)
    known.add("0", "Name a fruit")
    assert known.compare("Name a fruit") == Similarity()


def test_the_files_hold_max_and_nearest_and_in_a_full_record_the_ten() -> None:
    known: KnownInstructions = known_instructions(FULL, 0.7)
    known.add("one", "Name a fruit")
    assert known.compare("Name a fruit").row() == {
        "max": 1.0,
        "nearest": "one",
        "mean": 1.0,
        "most_similar": [{"id": "one", "similarity": 1.0}],
    }
    assert Similarity().row() == {"max": None, "nearest": None}


def test_real_instructions_are_decided_as_rouge_score_decides_them(shared_data: Path) -> None:
    rows = json.loads((shared_data / "alpaca" / "alpaca_data.json").read_text())
    rng = random.Random(0)
    pool = [row["instruction"] for row in rng.sample(rows, 400)]
    decision, full = known_instructions(DECISION, 0.7), known_instructions(FULL, 0.7)
    for place, text in enumerate(pool):
        decision.add(str(place), text)
        full.add(str(place), text)
    for text in rng.sample(pool, 8) + [row["instruction"] for row in rng.sample(rows, 8)]:
        mutated = " ".join(word for word in text.split() if rng.random() < 0.8) or text
        scores = peer(pool, mutated)
        expected = first_of(pool, scores)
        assert full.compare(mutated).nearest == expected
        assert decision.compare(mutated).nearest == (expected if expected.similarity > 0.7 else None)
