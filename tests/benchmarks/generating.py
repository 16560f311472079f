"""Answers of unknown length: seconds of one CPU for all of them, beside transformers' own ways to generate.

    python -m tests.benchmarks.generating                        both vocabularies, 80 prompts, 10 minutes
    python -m tests.benchmarks.generating --vocabulary 2048      one of them
    python -m tests.benchmarks.generating --prompts 300 --quick  more prompts; only the ways that may be best

Peers: `generate` in padded batches, in the prompts' order and sorted by length, with its usual and its
static cache, and `generate_batch` (continuous batching). All run once, in one process on one thread; the
three quickest of them and ours then take turns, and a ratio is the median over the rounds. The greedy
answers of all must be the same, token for token.

The model is a random LLaMA whose end token's output weights are longer than the others', so that it is the
likeliest one now and then. Where an answer ends is known to nobody before it is there.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

END, LIMIT = 2, 256
ENDS = {32_000: 1.8, 2048: 1.5}
"""How much longer the weights of the end token are, by vocabulary: answers of some 70 tokens, 1 to 256."""
ROUNDS, FINALISTS = 3, 3
OURS = "ours"

Tokens = list[list[int]]


@dataclass(frozen=True)
class Case:
    """A model, its tokenizer, and what it is asked."""

    model: Any
    tokenizer: Any
    prompts: Tokens


def main() -> None:
    """Measure, and print the figures as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--vocabulary", type=int, choices=ENDS, action="append")
    parser.add_argument("--prompts", type=int, default=80)
    parser.add_argument(
        "--quick", action="store_true", help="without the ways that were never among the best"
    )
    told = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    logging.disable(logging.WARNING)
    rows = []
    for vocabulary in told.vocabulary or ENDS:
        rows += compared(vocabulary, told.prompts, told.quick)
    top = min((row for row in rows if row["case"] == rows[0]["case"]), key=lambda row: row["ratio"])
    print(
        json.dumps(
            {
                "name": "generating",
                **{key: top[key] for key in ("ratio", "ours", "peer")},
                "unit": "tokens a CPU second",
                "machine": f"{platform.machine()}, {os.cpu_count()} cores",
                "threads": 1,
                "n": told.prompts,
                "rows": rows,
            }
        )
    )


def compared(vocabulary: int, count: int, quick: bool) -> list[dict[str, Any]]:
    """A row for each way of transformers'."""
    case, name = made(vocabulary, count), f"{count} prompts, {vocabulary:,} tokens"
    ways = {way: run for way, run in peers(count).items() if not quick or "16" in way or "static" in way}
    answers, first = timed(case, written)
    lengths = sorted(map(len, answers))
    print(f"{name}: answers of {lengths[0]} to {lengths[-1]} tokens, mean {statistics.fmean(lengths):.0f}")
    seconds: dict[str, list[float]] = {OURS: [first]}
    for way, run in ways.items():
        found, needed = timed(case, run)
        assert found == answers, f"{way} writes something else"
        seconds[way] = [needed]
        print(f"{name}, {way}: {needed:.1f} s beside {first:.1f}", flush=True)
    finalists = sorted(ways, key=lambda way: seconds[way][0])[:FINALISTS]
    for _ in range(1, ROUNDS):
        for way in (OURS, *finalists):
            seconds[way].append(timed(case, written if way == OURS else ways[way])[1])
    return [
        row(name, way, sum(lengths), seconds[OURS], seconds[way])
        for way in sorted(ways, key=finalists_first(finalists))
    ]


def finalists_first(finalists: Sequence[str]) -> Callable[[str], int]:
    """The order of the rows."""
    return lambda way: finalists.index(way) if way in finalists else len(finalists)


def row(name: str, way: str, tokens: int, ours: list[float], theirs: list[float]) -> dict[str, Any]:
    """Ours beside one peer."""
    ratios = [other / mine for mine, other in zip(ours, theirs, strict=False)]
    print(f"{name}: {statistics.median(ratios):.2f} times {way} ({len(ratios)} rounds)")
    return {
        "case": name,
        "ratio": round(statistics.median(ratios), 3),
        "range": [round(min(ratios), 3), round(max(ratios), 3)],
        "ours": round(tokens / statistics.median(ours)),
        "peer": round(tokens / statistics.median(theirs)),
        "peer_name": way,
    }


def made(vocabulary: int, count: int) -> Case:
    """A LLaMA of 4 layers, 256 wide; prompts of a log-normal length, median 45 tokens."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=256,
        intermediate_size=672,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=1024,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=END,
        initializer_range=0.1,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        model.lm_head.weight[END] *= ENDS[vocabulary]
    words = Tokenizer(WordLevel({f"t{n}": n for n in range(vocabulary)}, unk_token="t3"))
    words.pre_tokenizer = WhitespaceSplit()
    # No token but the end is special, so that the texts tell every token.
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token=f"t{END}")
    rng = Random(0)
    lengths = [min(300, max(4, round(rng.lognormvariate(3.8, 0.6)))) for _ in range(count)]
    return Case(model, tokenizer, [[1, *rng.choices(range(3, vocabulary), k=length)] for length in lengths])


def timed(case: Case, run: Callable[[Case], Tokens]) -> tuple[Tokens, float]:
    """The answers without their end tokens, and the CPU seconds of all threads."""
    start = time.process_time()
    answers = run(case)
    return answers, time.process_time() - start


def written(case: Case) -> Tokens:
    """The project's own way, as `complete` uses it."""
    from alpaca_exp.llm.local import LocalModel
    from alpaca_exp.llm.writing import Task, write
    from alpaca_exp.schemas import QuestionsConfig

    local = LocalModel(case.model, case.tokenizer)
    tasks = [Task(prompt, LIMIT) for prompt in case.prompts]
    answers = write(local, tasks, slots=QuestionsConfig().batch_size)
    return [[int(word[1:]) for word in answer.text.split()] for answer in answers]


def peers(count: int) -> dict[str, Callable[[Case], Tokens]]:
    """The ways of transformers, by name."""
    sizes = [size for size in (1, 8, 16, 32, 80) if size <= count]
    ways = {f"batches of {size}, sorted": padded(size) for size in sizes}
    ways |= {f"batches of {size}": padded(size, in_order=True) for size in sizes if size in (8, 16)}
    ways |= {f"batches of {size}, sorted, static cache": padded(size, static=True) for size in (16, 32, 80)}
    return ways | {"generate_batch": continuous}


def padded(size: int, *, in_order: bool = False, static: bool = False) -> Callable[[Case], Tokens]:
    """`generate`, so many prompts at a time."""
    import torch

    def run(case: Case) -> Tokens:
        answers: dict[int, list[int]] = {}
        order = range(len(case.prompts)) if in_order else by_length(case.prompts)
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            width = max(len(case.prompts[number]) for number in batch)
            rows = [[0] * (width - len(case.prompts[n])) + case.prompts[n] for n in batch]
            ids = torch.tensor(rows)
            cache = {"cache_implementation": "static"} if static else {}
            found = case.model.generate(
                ids, attention_mask=ids.ne(0).long(), max_new_tokens=LIMIT, do_sample=False, **cache
            )
            answers |= zip(batch, map(cut, found[:, width:].tolist()), strict=True)
        return [answers[number] for number in range(len(case.prompts))]

    return run


def continuous(case: Case) -> Tokens:
    """The continuous batching of transformers."""
    from transformers import GenerationConfig

    settings = GenerationConfig(max_new_tokens=LIMIT, do_sample=False, eos_token_id=END, pad_token_id=0)
    found = case.model.generate_batch(case.prompts, generation_config=settings).values()
    by_prompt = {tuple(answer.prompt_ids): cut(answer.generated_tokens) for answer in found}
    return [by_prompt[tuple(prompt)] for prompt in case.prompts]


def by_length(prompts: Tokens) -> list[int]:
    """The prompts' numbers, the longest first."""
    return sorted(range(len(prompts)), key=lambda number: -len(prompts[number]))


def cut(tokens: list[int]) -> list[int]:
    """What stands before the end token."""
    return tokens[: tokens.index(END)] if END in tokens else tokens


if __name__ == "__main__":
    main()
