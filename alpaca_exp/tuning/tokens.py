"""Examples as tokens, exactly as stanford_alpaca makes them: prompt, output and end token as one text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from alpaca_exp import prompts
from alpaca_exp.records import Example
from alpaca_exp.schemas import TrainerConfig, Truncation

Tokens = NDArray[np.int32]
ENCODED_AT_ONCE = 1000
Item = TypeVar("Item")


class TokenRow(NamedTuple):
    """One sequence to learn from: its tokens, and how many of the first are no labels."""

    tokens: Tokens
    masked: int = 0

    @property
    def num_labels(self) -> int:
        """Tokens that are predicted; nothing predicts the first one."""
        return max(0, len(self.tokens) - max(self.masked, 1))


@dataclass(frozen=True)
class Tokenised:
    """The rows that have something to learn from, and what became of the others."""

    rows: list[TokenRow]
    truncated: int
    """Rows longer than `max_seq_len`: cut there, or left out where that is asked for."""
    left_out: int
    """Rows of whose output the cut left nothing, and longer ones where those are not cut."""
    lengths: Tokens
    """Of every example, those left out among them: its tokens before the cut,"""
    prompts: Tokens
    """those of its prompt,"""
    labels: Tokens
    """those that are predicted after the cut,"""
    ended: NDArray[np.bool_]
    """and whether the last of them is the end token."""

    def counts(self) -> dict[str, int]:
        """What the data come to, in examples and tokens."""
        return {
            "examples": len(self.rows),
            "truncated": self.truncated,
            "left_out": self.left_out,
            "tokens": sum(len(row.tokens) for row in self.rows),
            "label_tokens": sum(row.num_labels for row in self.rows),
        }


def tokenise(
    examples: Iterable[Example], tokenizer: PreTrainedTokenizerBase, config: TrainerConfig
) -> Tokenised:
    """The rows of `examples`, in their order.

    As in stanford_alpaca's train.py, prompt, output and end token are encoded as one text and cut
    at `max_seq_len`, and the prompt's length is that of its own encoding: where prompt and output
    share a token, that token counts as the prompt's.
    """
    rows, uncut = [], []
    for example_rows in _chunks(examples):
        for tokens, masked in _encode(example_rows, tokenizer, config):
            uncut.append(len(tokens))
            rows.append(TokenRow(np.array(tokens[: config.max_seq_len], np.int32), masked))
    most = config.max_seq_len if config.truncation is Truncation.leave_out else math.inf
    kept = [row for row, length in zip(rows, uncut, strict=True) if row.num_labels and length <= most]
    lengths = np.array(uncut, np.int32)
    return Tokenised(
        rows=kept,
        truncated=int((lengths > config.max_seq_len).sum()),
        left_out=len(rows) - len(kept),
        lengths=lengths,
        prompts=np.array([row.masked for row in rows], np.int32),
        labels=np.array([row.num_labels for row in rows], np.int32),
        ended=np.array([tokenizer.eos_token_id in row.tokens[-1:] for row in rows], bool),
    )


def _encode(
    examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, config: TrainerConfig
) -> Iterator[tuple[list[int], int]]:
    framed = [prompts.framed(config.frame, each.instruction, each.input) for each in examples]
    end = tokenizer.eos_token if config.end_token else ""
    whole = [prompt + each.output + end for prompt, each in zip(framed, examples, strict=True)]
    encoded = _ids(tokenizer, whole)
    lengths = [len(ids) for ids in _ids(tokenizer, framed)] if config.mask_prompt else [0] * len(encoded)
    return zip(encoded, lengths, strict=True)


def _ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    encoded = tokenizer(
        list(texts), padding=False, truncation=False, return_attention_mask=False, verbose=False
    )
    ids: list[list[int]] = encoded["input_ids"]
    return ids


def blocks(
    documents: Iterable[str], tokenizer: PreTrainedTokenizerBase, *, count: int, size: int
) -> list[TokenRow]:
    """`count` rows of `size` tokens: the documents, each with its end token, laid end to end.

    Where the documents end too soon, they are read again from the first.
    """
    stream = np.fromiter(islice(_stream(documents, tokenizer), count * size), np.int32)
    return [TokenRow(row) for row in np.resize(stream, (count, size))] if len(stream) else []


def _stream(documents: Iterable[str], tokenizer: PreTrainedTokenizerBase) -> Iterator[int]:
    for texts in _chunks(documents):
        for ids in _ids(tokenizer, texts):
            yield from ids
            yield tokenizer.eos_token_id


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    remaining = iter(items)
    while chunk := list(islice(remaining, ENCODED_AT_ONCE)):
        yield chunk
