"""Examples as tokens, exactly as stanford_alpaca makes them: prompt, output and end token as one text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from alpaca_exp import prompts
from alpaca_exp.records import Example
from alpaca_exp.schemas import TrainerConfig, Truncation
from alpaca_exp.tuning.encoding import Tokens, encoder, token_ids

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


@dataclass(frozen=True, eq=False)
class TokenRows(Sequence[TokenRow]):
    """Rows that lie end to end in one array, which may be a file; each is made when it is asked for."""

    tokens: Tokens
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    masked: Tokens

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, place: int) -> TokenRow: ...
    @overload
    def __getitem__(self, place: slice) -> TokenRows: ...
    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return self.at(place)
        return TokenRow(self.tokens[self.starts[place] : self.stops[place]], int(self.masked[place]))

    def counts(self) -> dict[str, int]:
        """What they come to."""
        lengths = self.stops - self.starts
        return {
            "examples": len(self),
            "tokens": int(lengths.sum()),
            "label_tokens": int(np.maximum(0, lengths - np.maximum(self.masked, 1)).sum()),
        }

    def at(self, places: slice | NDArray[np.int64]) -> TokenRows:
        """Some of them."""
        return TokenRows(self.tokens, self.starts[places], self.stops[places], self.masked[places])


@dataclass(frozen=True, eq=False)
class Encodings:
    """Every example as the tokenizer sees it: neither cut nor masked, all end to end."""

    tokens: Tokens
    lengths: Tokens
    """Tokens of each example,"""
    prompts: Tokens
    """and of its prompt alone."""


@dataclass(frozen=True, eq=False)
class Tokenised:
    """The rows that have something to learn from, and what became of the others."""

    encodings: Encodings
    max_seq_len: int
    mask_prompt: bool
    end_token: int
    cuts: bool = True
    """Whether longer examples are cut at `max_seq_len`; else they are left out."""

    @cached_property
    def rows(self) -> TokenRows:
        """The examples of whose output the cut left something, in their order."""
        kept = np.flatnonzero(self.labels)
        starts = self._starts[kept]
        return TokenRows(self.encodings.tokens, starts, starts + self._cut[kept], self.prompts[kept])

    @property
    def lengths(self) -> Tokens:
        """Tokens of every example before the cut, those left out among them."""
        return self.encodings.lengths

    @cached_property
    def prompts(self) -> Tokens:
        """Tokens of every example's prompt; 0 where prompts are learnt too."""
        return self.encodings.prompts if self.mask_prompt else np.zeros_like(self.encodings.prompts)

    @cached_property
    def labels(self) -> Tokens:
        """Tokens of every example that are predicted after the cut."""
        return np.maximum(0, self._cut - np.maximum(self.prompts, 1))

    @cached_property
    def ended(self) -> NDArray[np.bool_]:
        """Whether the last token of every example, after the cut, is the end token."""
        ended: NDArray[np.bool_] = self._cut > 0
        last = self._starts + self._cut - 1
        ended[ended] = self.encodings.tokens[last[ended]] == self.end_token
        return ended

    @property
    def truncated(self) -> int:
        """Rows longer than `max_seq_len`, those that were left out among them."""
        return int((self.lengths > self.max_seq_len).sum())

    @property
    def left_out(self) -> int:
        """Rows of whose output the cut left nothing, or that were to be left out rather than cut."""
        return int((self.labels == 0).sum())

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return int(self._cut[self.labels > 0].max(initial=0))

    def counts(self) -> dict[str, int]:
        """What the data come to, in examples and tokens."""
        return {
            "examples": len(self.rows),
            "truncated": self.truncated,
            "left_out": self.left_out,
            "tokens": int(self._cut[self.labels > 0].sum()),
            "label_tokens": int(self.labels.sum()),
        }

    @cached_property
    def _cut(self) -> Tokens:
        kept = np.minimum(self.lengths, self.max_seq_len)
        return kept if self.cuts else np.where(self.lengths > self.max_seq_len, 0, kept)

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return np.cumsum(self.lengths, dtype=np.int64) - self.lengths


def tokenise(
    examples: Iterable[Example], tokenizer: PreTrainedTokenizerBase, config: TrainerConfig
) -> Tokenised:
    """The rows of `examples`, in their order.

    As in stanford_alpaca's train.py, prompt, output and end token are encoded as one text and cut
    at `max_seq_len`, and the prompt's length is that of its own encoding: where prompt and output
    share a token, that token counts as the prompt's.
    """
    return cut(encodings(*texts(examples, tokenizer, config), tokenizer), tokenizer, config)


def texts(
    examples: Iterable[Example], tokenizer: PreTrainedTokenizerBase, config: TrainerConfig
) -> tuple[list[str], list[str]]:
    """The prompts, and each with its output and, if it is to be learnt, the end token."""
    framed, whole = [], []
    end = tokenizer.eos_token if config.end_token else ""
    for example in examples:
        framed.append(prompts.framed(config.frame, example.instruction, example.input))
        whole.append(framed[-1] + example.output + end)
    return framed, whole


def encodings(framed: Sequence[str], whole: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> Encodings:
    """Every text of `whole` as tokens, and how many tokens its prompt has."""
    encode = encoder(tokenizer, framed, whole)
    tokens: list[Tokens] = []
    lengths, of_prompts = np.zeros((2, len(whole)), np.int32)
    for start in range(0, len(whole), ENCODED_AT_ONCE):
        some = slice(start, start + ENCODED_AT_ONCE)
        ids, of_prompts[some] = encode(framed[some], whole[some])
        lengths[some] = [len(each) for each in ids]
        tokens.append(np.concatenate(ids))
    return Encodings(np.concatenate(tokens or [np.zeros(0, np.int32)]), lengths, of_prompts)


def cut(encodings: Encodings, tokenizer: PreTrainedTokenizerBase, config: TrainerConfig) -> Tokenised:
    """What a training learns of encoded examples."""
    cuts = config.truncation is Truncation.cut
    return Tokenised(encodings, config.max_seq_len, config.mask_prompt, tokenizer.eos_token_id, cuts)


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
        for ids in token_ids(tokenizer, texts):
            yield from ids
            yield tokenizer.eos_token_id


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    remaining = iter(items)
    while chunk := list(islice(remaining, ENCODED_AT_ONCE)):
        yield chunk
