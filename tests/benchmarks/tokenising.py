"""Tokenising instruction data with its masks, beside Alpaca's way and transformers' batches.

    python -m tests.benchmarks.tokenising                     all rows of the Alpaca data, some 2 minutes
    python -m tests.benchmarks.tokenising --rows 5000 --data alpaca_data.json

Peers: stanford_alpaca's train.py, which calls the tokenizer twice for each row, with the fast tokenizer
(its own setting is the slow one); and transformers' batches, one call for all texts and one for all
prompts. All take turns on a quarter of the rows after the other, on one thread, in process CPU seconds; a
ratio is that of the sums, the range that of the quarters. Every row's tokens and mask are compared.
Without the Alpaca data made rows of the same distribution of lengths are repeated, numbered.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

from alpaca_exp.records import Example
from tests.benchmarks.alpaca_rows import all_examples, tokenizer

ROWS, ROUNDS = 52_002, 4
MAX_SEQ_LEN = 512
OURS, ALPACA, BATCHED = "ours", "stanford_alpaca, a call a text", "transformers, a call for all"
THREADS = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"}


class Masked(NamedTuple):
    """One row as a peer makes it: its tokens after the cut, and how many of the first are masked."""

    tokens: list[int]
    masked: int


def main() -> None:
    """Measure, compare every row, and print the figures as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--data", type=Path, help="instruction data in Alpaca's format")
    told = parser.parse_args()
    os.environ.update(THREADS)
    token, examples = tokenizer(told.data), rows(told.data, told.rows)
    for way in WAYS.values():  # loading code and the first call are no part of it
        way(examples[:200], token)
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for round in range(ROUNDS):
        part, made = examples[round::ROUNDS], {}
        for name, way in WAYS.items():
            start = time.process_time()
            result = way(part, token)
            seconds[name].append(time.process_time() - start)
            made[name] = listed(result)
            print(f"round {round + 1}, {name}: {seconds[name][-1]:.2f} CPU s", flush=True)
        if not made[OURS] == made[ALPACA] == made[BATCHED]:
            raise SystemExit("rows differ: tokens or masks are not those of the peers")
    print(f"{len(examples):,} rows, every token and mask the same; {memory(examples, token)}")
    peers = [compared(name, seconds[OURS], seconds[name], len(examples)) for name in (ALPACA, BATCHED)]
    summary = {key: peers[0][key] for key in ("ratio", "ours", "peer")}
    print(
        json.dumps(
            {
                "name": "tokenising",
                **summary,
                "unit": "rows a CPU second",
                "machine": f"{platform.machine()}, {os.cpu_count()} cores",
                "threads": 1,
                "n": len(examples),
                "rows": peers,
            }
        )
    )


def rows(data: Path | None, count: int) -> list[Example]:
    """`count` rows; where there are fewer, they are repeated, no two the same."""
    there = all_examples(data)
    rounds = cycle(range(len(there)))
    return [
        there[place]
        if number < len(there)
        else replace(there[place], instruction=f"{number}. {there[place].instruction}")
        for number, place in enumerate(islice(rounds, count))
    ]


def ours(examples: list[Example], token: Any) -> Any:
    """The project's own."""
    from alpaca_exp.schemas import TrainerConfig
    from alpaca_exp.tuning.tokens import tokenise

    return tokenise(examples, token, TrainerConfig(max_seq_len=MAX_SEQ_LEN))


def alpaca(examples: list[Example], token: Any) -> list[Masked]:
    """A call a text, as stanford_alpaca's train.py makes them."""
    prompts, texts = framed(examples, token)
    call = {"return_tensors": "pt", "padding": "longest", "max_length": MAX_SEQ_LEN, "truncation": True}
    whole, alone = ([token(text, **call).input_ids[0] for text in each] for each in (texts, prompts))
    return [Masked(ids.tolist(), len(prompt)) for ids, prompt in zip(whole, alone, strict=True)]


def batched(examples: list[Example], token: Any) -> list[Masked]:
    """One call for all texts and one for all prompts."""
    prompts, texts = framed(examples, token)
    call = {"padding": False, "max_length": MAX_SEQ_LEN, "truncation": True}
    whole, alone = (token(each, **call)["input_ids"] for each in (texts, prompts))
    return [Masked(ids, len(prompt)) for ids, prompt in zip(whole, alone, strict=True)]


def framed(examples: list[Example], token: Any) -> tuple[list[str], list[str]]:
    """Prompts and whole texts."""
    from alpaca_exp.schemas import TrainerConfig
    from alpaca_exp.tuning.tokens import texts

    return texts(examples, token, TrainerConfig())


def listed(result: Any) -> list[Masked]:
    """Ours in the peers' form, those rows among them whose output the cut leaves nothing of."""
    if isinstance(result, list):
        return result
    ends = result.lengths.cumsum()
    return [
        Masked(
            result.encodings.tokens[end - length : end][:MAX_SEQ_LEN].tolist(), min(int(prompt), MAX_SEQ_LEN)
        )
        for end, length, prompt in zip(ends, result.lengths, result.prompts, strict=True)
    ]


def memory(examples: list[Example], token: Any) -> str:
    """What the tokens take, beside lists of Python's numbers."""
    import sys

    result = ours(examples, token)
    arrays = result.encodings.tokens.nbytes + result.lengths.nbytes + result.prompts.nbytes
    ids = token(framed(examples[:2000], token)[1])["input_ids"]
    lists = sum(sys.getsizeof(each) + sum(sys.getsizeof(one) for one in each) for each in ids)
    share = sum(map(len, ids)) / len(result.encodings.tokens)
    return f"{arrays / 2**20:.0f} MiB of tokens, as lists {lists / share / 2**20:.0f} MiB"


def compared(name: str, mine: list[float], theirs: list[float], count: int) -> dict[str, Any]:
    """Ours beside one peer."""
    ratios = [other / own for own, other in zip(mine, theirs, strict=True)]
    ratio = sum(theirs) / sum(mine)
    print(f"{ratio:.2f} times {name} (quarters {min(ratios):.2f} to {max(ratios):.2f})")
    return {
        "case": f"{count} rows",
        "ratio": round(ratio, 3),
        "range": [round(min(ratios), 3), round(max(ratios), 3)],
        "ours": round(count / sum(mine), 1),
        "peer": round(count / sum(theirs), 1),
        "peer_name": name,
    }


WAYS: dict[str, Callable[[list[Example], Any], Any]] = {OURS: ours, ALPACA: alpaca, BATCHED: batched}

if __name__ == "__main__":
    main()
