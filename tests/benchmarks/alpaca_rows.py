"""Instruction rows for the benchmarks of tuning: real ones where they are found, else made ones like them."""

from __future__ import annotations

import math
import tempfile
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from alpaca_exp import prompts
from alpaca_exp.cleaning.sources import read_rows
from alpaca_exp.records import Example
from alpaca_exp.schemas import Frame
from tests.conftest import SHARED

POOL = 2000
VOCABULARY = 32_000
ALPACA = SHARED / "alpaca" / "alpaca_data.json"


def examples(file: Path | None = None) -> list[Example]:
    """The pool: 2,000 rows of `file`, or of the Alpaca data, or made ones."""
    rows = all_examples(file)
    return Random(0).sample(rows, min(POOL, len(rows)))


@cache
def all_examples(file: Path | None = None) -> list[Example]:
    """Every row there is."""
    if file is None and not ALPACA.exists():
        return made()
    return [Example(row["instruction"], row["output"], row["input"]) for row in read_rows(file or ALPACA)]


def made() -> list[Example]:
    """Rows whose outputs are as long as Alpaca's: log-normal, median 30 words, mean 44 (FACTS: mean 44.2)."""
    rng = Random(0)
    words = ["".join(rng.choices("abcdefghijklmnoprstuvw", k=rng.randint(2, 9))) for _ in range(4000)]

    def text(median: float, sigma: float) -> str:
        count = max(1, round(rng.lognormvariate(math.log(median), sigma)))
        return " ".join(rng.choices(words, k=min(count, 500)))

    return [
        Example(text(12, 0.4), text(30, 0.88), text(9, 0.9) if rng.random() < 0.4 else "")
        for _ in range(POOL)
    ]


def tokenizer(file: Path | None = None) -> Any:
    """A byte-level BPE made from all rows, in a vocabulary of 32,000, kept for the next process."""
    from transformers import AutoTokenizer

    from alpaca_exp.content import sha256
    from tests.models import bpe_tokenizer

    name = sha256(file or ALPACA)[:12] if (file or ALPACA).exists() else "made"
    kept = Path(tempfile.gettempdir()) / f"alpaca_exp-benchmark-tokenizer-{name}"
    if not (kept / "tokenizer.json").exists():
        texts = [
            prompts.framed(Frame.alpaca, one.instruction, one.input) + one.output
            for one in all_examples(file)
        ]
        bpe_tokenizer(texts, VOCABULARY).save_pretrained(kept)
    return AutoTokenizer.from_pretrained(kept)
