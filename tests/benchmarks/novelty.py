"""How long the novelty filter takes for all instructions of Alpaca, beside rouge_score in a process pool.

    python -m tests.benchmarks.novelty                           52,002 instructions, three rounds: 3 minutes
    python -m tests.benchmarks.novelty --num 5000 --rounds 1     shorter
    python -m tests.benchmarks.novelty --check                   compares every decision with brute force too

The instructions are Alpaca's, in order, where `../shared/data` has them, and random words of the same
lengths otherwise. Ours is measured from the first to the last, on one core. The peer does what
stanford_alpaca does: for each candidate a pool of four processes, in which rouge_score compares it with
all that is known. That would take hours: it is sampled at several sizes and integrated, `"estimated": true`.
So is rapidfuzz over all that is known, which is the short way to write it. Each sample is also a proof:
the peer's decision, its mean and its ten most similar have to be ours.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import platform
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import TypeVar

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Indel

from alpaca_exp.schemas import SimilarityRecord
from alpaca_exp.selfinstruct.novelty import Similarity, known_instructions
from alpaca_exp.selfinstruct.novelty_rouge import Characters, tokens
from tests.benchmarks.instruction_streams import brute_force, mutant, mutated, stream

LIMIT = 0.7
SIZES = (175, 1_000, 5_000, 20_000, 52_000)
POOL, RAPIDFUZZ = "rouge_score, Pool(4)", "rapidfuzz"
RECORDS = {"decision": SimilarityRecord.decision, "full record": SimilarityRecord.full}
OURS = 100
"""Candidates that ours is timed with where the peer is timed with one."""

Result = TypeVar("Result")
Seconds = dict[tuple[str, int], list[float]]
"""(who, size of the pool) -> seconds a candidate, one entry a sample."""
Row = dict[str, object]


def main() -> None:
    """Measure in rounds, peers and ours in turn; print the table and, last, one JSON object."""
    arguments = _arguments()
    name, instructions = stream(arguments.num)
    sizes = sorted({min(size, len(instructions)) for size in SIZES})
    samples: Seconds = {}
    whole: list[list[float]] = []
    for turn in range(arguments.rounds):
        _sample(instructions, sizes, arguments.candidates, random.Random(turn), samples)
        whole.append(_seconds_after(instructions))
        print(f"round {turn + 1}: {len(instructions):,} instructions in {whole[-1][-1]:.2f} s", flush=True)
    if arguments.check:
        _check(name, instructions)
        _check(f"{name}, mutated", mutated(instructions))
    rows = _rows(sizes, samples, statistics.median(after[-1] for after in whole))
    for row in rows:
        print(f"{row['case']:44} {row['ours']:12} {row['peer']:12} {row['ratio']:10}  {row['peer_name']}")
    megabytes = {which: _megabytes(record, instructions) for which, record in RECORDS.items()}
    exponent = statistics.median(_exponent(after) for after in whole)
    print(f"growth exponent {exponent:.2f}, memory {megabytes} MB, stream: {name}")
    result = {
        "name": "novelty",
        **{key: rows[0][key] for key in ("ratio", "ours", "peer", "estimated")},
        "unit": f"s for {len(instructions)} instructions one after the other, decisions only",
        "machine": f"{platform.processor() or platform.machine()}, {multiprocessing.cpu_count()} cores",
        "threads": 1,
        "n": arguments.rounds,
        "stream": name,
        "growth_exponent": round(exponent, 2),
        "megabytes": megabytes,
        "rows": rows,
    }
    print(json.dumps(result))


def _sample(
    instructions: Sequence[str], sizes: Sequence[int], count: int, rng: random.Random, samples: Seconds
) -> None:
    """Compare `count` candidates with the first instructions, size by size, the peers and ours in turn."""
    known = {which: known_instructions(record, LIMIT) for which, record in RECORDS.items()}
    tokenized: list[list[str]] = []
    for size in sizes:
        for instruction in instructions[len(tokenized) : size]:
            for each in known.values():
                each.add(str(len(tokenized)), instruction)
            tokenized.append(tokens(instruction))
        rapidfuzz = _rapidfuzz(tokenized)
        for _ in range(count):
            candidate = mutant(rng.choice(instructions), rng)
            scores = _timed(samples, (POOL, size), partial(_stanford, candidate, tokenized))
            similar = _timed(samples, (RAPIDFUZZ, size), partial(rapidfuzz, candidate))
            assert similar == (max(scores) > LIMIT)
            more = [mutant(rng.choice(instructions), rng) for _ in range(OURS)]
            for which, each in known.items():
                _prove(scores, each.compare(candidate), which)
                _timed(
                    samples, (which, size), lambda each=each, more=more: [each.compare(m) for m in more], OURS
                )


def _timed(samples: Seconds, key: tuple[str, int], work: Callable[[], Result], candidates: int = 1) -> Result:
    started = time.perf_counter()
    result = work()
    samples.setdefault(key, []).append((time.perf_counter() - started) / candidates)
    return result


def _stanford(candidate: str, tokenized: Sequence[list[str]]) -> list[float]:
    """Every F, and what is kept of them: a process pool for each candidate, as stanford_alpaca does it."""
    from rouge_score import rouge_scorer

    words = tokens(candidate)
    with multiprocessing.Pool(4) as pool:
        scores = [score.fmeasure for score in pool.map(partial(rouge_scorer._score_lcs, words), tokenized)]
    np.argsort(scores)[-10:], float(np.mean(scores))
    return scores


def _rapidfuzz(tokenized: Sequence[Sequence[str]]) -> Callable[[str], bool]:
    """Whether any is above the limit, each compared as far as it takes to tell; ties are not minded."""
    characters = Characters()
    texts = [characters.write(words) for words in tokenized]

    def similar(candidate: str) -> bool:
        text = characters.read(tokens(candidate))
        scorer = Indel.normalized_similarity
        return process.extractOne(text, texts, scorer=scorer, score_cutoff=LIMIT) is not None

    return similar


def _prove(scores: list[float], found: Similarity, which: str) -> None:
    """Stop the benchmark unless ours is what the peer says; equal scores may stand in any order."""
    best = max(scores)
    if which == "full record" or best > LIMIT:
        assert found.nearest and (found.nearest.similarity, int(found.nearest.id)) == (
            best,
            scores.index(best),
        )
    else:
        assert found.nearest is None
    if which == "full record":
        assert found.mean is not None and abs(found.mean - float(np.mean(scores))) < 1e-12
        assert found.most_similar is not None
        assert [each.similarity for each in found.most_similar] == sorted(scores, reverse=True)[:10]
        assert all(scores[int(each.id)] == each.similarity for each in found.most_similar)


def _seconds_after(instructions: Sequence[str]) -> list[float]:
    """Seconds until each instruction was decided on and, if new, added."""
    known = known_instructions(SimilarityRecord.decision, LIMIT)
    after: list[float] = []
    started = time.perf_counter()
    for place, instruction in enumerate(instructions):
        if known.compare(instruction).nearest is None:
            known.add(str(place), instruction)
        after.append(time.perf_counter() - started)
    return after


def _exponent(after: Sequence[float]) -> float:
    """How a candidate's time grows from a tenth of the stream to its end, as a power of the size."""
    span, late = len(after) // 50, len(after)
    early = late // 10
    times = [(after[end - 1] - after[end - span]) for end in (early + span // 2, late)]
    return math.log(times[1] / times[0]) / math.log((late - span / 2) / early)


def _rows(sizes: Sequence[int], samples: Seconds, ours: float) -> list[Row]:
    """End to end first, then one candidate at each size."""
    at = {key: statistics.median(seconds) for key, seconds in samples.items()}
    peer, full = _integrated(POOL, sizes, at), _integrated("full record", sizes, at)
    rows = [
        _row("decision, end to end, s", ours, peer, POOL, True),
        _row("decision, end to end, s", ours, _integrated(RAPIDFUZZ, sizes, at), RAPIDFUZZ, True),
        _row("full record, end to end, s", full, peer, POOL, True),
    ]
    return rows + [
        _row(f"{which}, one at {size:,}, ms", 1000 * at[which, size], 1000 * at[name, size], name, False)
        for which, name in (("decision", POOL), ("decision", RAPIDFUZZ), ("full record", POOL))
        for size in sizes
    ]


def _integrated(who: str, sizes: Sequence[int], at: dict[tuple[str, int], float]) -> float:
    """Seconds for the whole stream, a candidate's time taken as linear between the sizes."""
    points = [(0, at[who, sizes[0]])] + [(size, at[who, size]) for size in sizes]
    return sum((size_2 - size_1) * (at_1 + at_2) / 2 for (size_1, at_1), (size_2, at_2) in pairwise(points))


def _row(case: str, ours: float, peer: float, peer_name: str, estimated: bool) -> Row:
    return {
        "case": case,
        "ratio": round(peer / ours, 1),
        "ours": round(ours, 4),
        "peer": round(peer, 4),
        "peer_name": peer_name,
        "estimated": estimated,
    }


def _check(name: str, instructions: Sequence[str]) -> None:
    """Stop unless every decision, and every copy's nearest, is what comparing all pairs says."""
    known = known_instructions(SimilarityRecord.decision, LIMIT)
    rejected = 0
    for place, expected in enumerate(brute_force(instructions, LIMIT)):
        nearest = known.compare(instructions[place]).nearest
        assert (nearest and (int(nearest.id), nearest.similarity)) == expected, instructions[place]
        rejected += expected is not None
        if expected is None:
            known.add(str(place), instructions[place])
    print(
        f"{name}: {len(instructions):,} decisions, {rejected:,} rejected, all as brute force has it",
        flush=True,
    )


def _megabytes(record: SimilarityRecord, instructions: Sequence[str]) -> float:
    """Peak of what is allocated while all instructions are added and a hundredth of them compared."""
    tracemalloc.start()
    known = known_instructions(record, LIMIT)
    for place, instruction in enumerate(instructions):
        if place % 100 == 0:
            known.compare(instruction)
        known.add(str(place), instruction)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return round(peak / 2**20, 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--num", type=int, default=52_002, help="instructions of the stream")
    parser.add_argument("--rounds", type=int, default=3, help="peers and ours in turn, so often")
    parser.add_argument(
        "--candidates", type=int, default=3, help="samples of the peers at each size and round"
    )
    parser.add_argument("--check", action="store_true", help="compare all decisions with brute force, too")
    arguments = parser.parse_args()
    if arguments.num < 1_000 or arguments.rounds < 1 or arguments.candidates < 1:
        parser.error("it takes 1,000 instructions, one round and one candidate, or more of each")
    return arguments


if __name__ == "__main__":
    main()
