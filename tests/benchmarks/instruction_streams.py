"""Streams of instructions to try a novelty filter with, and what is to be decided of them by brute force."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np

from alpaca_exp.selfinstruct.novelty_rouge import Characters, f_measure, tokens

DATA = Path("../shared/data/alpaca/alpaca_data.json")
LENGTHS = {4: 892, 5: 1618, 6: 3382, 7: 5239, 8: 7363, 9: 6658, 10: 6879, 11: 5237, 12: 4165, 13: 3176}
LENGTHS |= {
    14: 2183,
    15: 1514,
    16: 1087,
    17: 702,
    18: 550,
    19: 353,
    20: 250,
    22: 308,
    25: 212,
    30: 160,
    45: 60,
}
"""Tokens of an instruction of Alpaca -> how many have so many; the rare lengths are put together."""
VOCABULARY = 14_000


def stream(num: int, seed: int = 0) -> tuple[str, list[str]]:
    """Its name, and Alpaca's own first `num` instructions, or random words of the same lengths."""
    if DATA.is_file():
        return "alpaca", [row["instruction"] for row in json.loads(DATA.read_text())][:num]
    rng = random.Random(seed)
    shares = list(accumulate(1 / (rank + 3) for rank in range(VOCABULARY)))
    lengths = rng.choices(list(LENGTHS), list(LENGTHS.values()), k=num)
    words = range(VOCABULARY)
    return "generated", [
        " ".join(f"w{word}" for word in rng.choices(words, cum_weights=shares, k=length))
        for length in lengths
    ]


def mutated(instructions: Sequence[str], seed: int = 0) -> list[str]:
    """Half of the instructions, and as many copies of them with up to four words changed, shuffled."""
    rng = random.Random(seed)
    originals = rng.sample(instructions, len(instructions) // 2)
    made = originals + [mutant(text, rng) for text in rng.choices(originals, k=len(originals))]
    rng.shuffle(made)
    return made


def mutant(instruction: str, rng: random.Random) -> str:
    """The instruction with up to four words dropped, doubled, or put elsewhere."""
    words = instruction.split()
    for _ in range(rng.randint(0, 4)):
        place, other = rng.randrange(len(words)), rng.randrange(len(words))
        match rng.randrange(3):
            case 0 if len(words) > 1:
                del words[place]
            case 1:
                words.insert(other, words[place])
            case _:
                words[place], words[other] = words[other], words[place]
    return " ".join(words)


def brute_force(instructions: Sequence[str], limit: float) -> Iterator[tuple[int, float] | None]:
    """Of each the nearest kept one, its place and F, where that is above the limit; so it is kept or not.

    Every pair is compared. rapidfuzz lets pass what is about the limit; the very float expression decides.
    """
    from rapidfuzz import process
    from rapidfuzz.distance import Indel, LCSseq

    characters = Characters()
    texts = [characters.write(tokens(text)) for text in instructions]
    kept = np.zeros(len(texts), dtype=bool)
    for first in range(0, len(texts), 256):
        block = texts[first : first + 256]
        about = process.cdist(
            block,
            texts[: first + len(block)],
            scorer=Indel.normalized_similarity,
            score_cutoff=limit - 1e-6,
            dtype=np.float32,
        )
        for place, row in enumerate(about, start=first):
            near = [int(other) for other in np.flatnonzero(row[:place]) if kept[other]]
            sizes = [(len(texts[place]), len(texts[other])) for other in near]
            common = [int(LCSseq.similarity(texts[place], texts[other])) for other in near]
            scores = [f_measure(count, *lengths) for count, lengths in zip(common, sizes, strict=True)]
            best = max(scores, default=0.0)
            kept[place] = best <= limit
            yield None if kept[place] else (near[scores.index(best)], best)
