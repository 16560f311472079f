"""Texts as token ids, and how many of them their prompts take: as the tokenizer counts, in one pass."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import models
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

Tokens = NDArray[np.int32]
SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
"""What SentencePiece writes for a space."""
UNTOLD = 2**40
"""The width of an unknown token: nobody knows how much of the text it stands for."""
PROBED = 64


class Encoded(NamedTuple):
    """Some texts as tokens."""

    ids: list[Tokens]
    """Of each text, the special tokens that the tokenizer adds among them."""
    prompts: Tokens
    """How many tokens the prompt of each has, encoded alone."""


Encode = Callable[[Sequence[str], Sequence[str]], Encoded]
"""(prompts, texts that begin with them) -> Encoded."""


def encoder(
    tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str] = (), texts: Sequence[str] = ()
) -> Encode:
    """The fastest way that counts as `tokenizer` itself does on some of these prompts and texts.

    A fast tokenizer is asked in Rust, where a batch makes no Python lists but the ids. Prompts are
    encoded a second time only where the tokens of the whole text do not tell how many are the prompt's.
    """
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        return lambda prompts, texts: plain(tokenizer, prompts, texts)
    fast = FastEncoder(tokenizer)
    step = max(1, len(texts) // PROBED)
    probes = list(prompts[::step]), list(texts[::step])
    if _same(fast(*probes), plain(tokenizer, *probes)):
        return fast
    return lambda prompts, texts: plain(tokenizer, prompts, texts)


def plain(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], texts: Sequence[str]) -> Encoded:
    """Texts and prompts, each encoded by calling the tokenizer: right for any, slow or fast."""
    ids = [np.array(each, np.int32) for each in token_ids(tokenizer, texts)]
    return Encoded(ids, np.array([len(each) for each in token_ids(tokenizer, prompts)], np.int32))


def token_ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """The tokens of each text, neither cut nor padded."""
    if not texts:
        return []
    encoded = tokenizer(
        list(texts), padding=False, truncation=False, return_attention_mask=False, verbose=False
    )
    ids: list[list[int]] = encoded["input_ids"]
    return ids


def _same(ours: Encoded, theirs: Encoded) -> bool:
    return np.array_equal(ours.prompts, theirs.prompts) and all(map(np.array_equal, ours.ids, theirs.ids))


class FastEncoder:
    """Asks in Rust, and tells a prompt's tokens from where in the text each token ends."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer
        self._widths = _widths(tokenizer)

    def __call__(self, prompts: Sequence[str], texts: Sequence[str]) -> Encoded:
        """Texts as tokens; prompts are encoded where their texts do not tell."""
        rust = rust_part(self._tokenizer)
        ids = [np.array(each.ids, np.int32) for each in rust.encode_batch_fast(list(texts))]
        counts = self.told(prompts, texts, ids)
        asked = np.flatnonzero(counts < 0).tolist()
        counts[asked] = [len(each) for each in rust.encode_batch_fast([prompts[place] for place in asked])]
        return Encoded(ids, counts)

    def told(self, prompts: Sequence[str], texts: Sequence[str], ids: Sequence[Tokens]) -> Tokens:
        """The tokens of each prompt; -1 where the text does not tell."""
        counts = np.full(len(texts), -1, np.int32)
        widths = self._widths
        if widths is None:
            return counts
        for place, (prompt, text, tokens) in enumerate(zip(prompts, texts, ids, strict=True)):
            if _closed(prompt, text) and widths.spell(text, tokens):
                ends = np.cumsum(widths.of[tokens])
                border = widths.before + len(prompt.encode())
                last = int(np.searchsorted(ends, border))
                if ends[-1] == widths.before + len(text.encode()) and ends[last] == border:
                    counts[place] = last + 1
        return counts


def _closed(prompt: str, text: str) -> bool:
    """Whether no pre-tokenizer reads the prompt's end otherwise when nothing follows.

    They look ahead in runs of white space ("a space before a word belongs to it"), of digits and of letters.
    """
    follows = text[len(prompt) : len(prompt) + 1]
    open_end = len(prompt) < 2 or prompt[-1].isalnum() or prompt[-2:].isspace()
    return not (open_end or follows.isspace())


class _Widths(NamedTuple):
    """How many bytes of a text each token stands for."""

    of: NDArray[np.int64]
    before: int
    """Bytes of tokens, or of their beginnings, that stand before a text without being in it."""
    composed: bool
    """Whether texts are brought into the normal form NFC first."""
    marked: bool
    """Whether spaces are marked as SentencePiece does."""
    inserted: NDArray[np.bool_] | None
    """Where a space is put before a text: which tokens cut it into several texts."""

    def spell(self, text: str, tokens: Tokens) -> bool:
        """Whether this text reaches the model as it is, `before` put before it."""
        return (
            len(tokens) > 0
            and not (self.marked and SPACE in text)
            and not (self.composed and not unicodedata.is_normalized("NFC", text))
            and not (self.inserted is not None and self.inserted[tokens[1:-1]].any())
        )


def _widths(tokenizer: PreTrainedTokenizerFast) -> _Widths | None:
    """None for a tokenizer whose tokens, laid end to end, are not the text: it drops or changes some."""
    rust = rust_part(tokenizer)
    normalizers = _parts(rust.normalizer, "normalizers")
    splitters = _parts(rust.pre_tokenizer, "pretokenizers")
    before, once = (each.ids for each in rust.encode_batch_fast(["", "a"]))
    keeps = _joins(rust.model) and all(map(_marks, normalizers)) and all(map(_splits, splitters))
    if not keeps or once[: len(before)] != before:
        return None
    of = np.zeros(max(tokenizer.get_vocab().values(), default=0) + 1, np.int64)
    byte_level = any(each["type"] == "ByteLevel" for each in splitters)
    for token, index in tokenizer.get_vocab().items():
        of[index] = len(token) if byte_level else _spelt(token)
    cutting = np.zeros(len(of), bool)
    for token, index in tokenizer.get_added_vocab().items():
        of[index], cutting[index] = len(token.encode()), True
    added = int(of[once].sum()) - 1
    if (unknown := getattr(rust.model, "unk_token", None)) is not None:
        of[rust.token_to_id(unknown)] = UNTOLD
    return _Widths(
        of,
        added,
        composed=any(each["type"] == "NFC" for each in normalizers),
        marked=not byte_level,
        inserted=cutting if added > of[before].sum() else None,
    )


def _parts(part: Any, name: str) -> list[dict[str, Any]]:
    """What a normalizer or pre-tokenizer consists of, as tokenizer.json has it."""
    stated = json.loads(part.__getstate__()) if part is not None else {"type": "Sequence", name: []}
    return list(_flat(stated, name))


def _flat(stated: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    if stated["type"] == "Sequence":
        for each in stated[name]:
            yield from _flat(each, name)
    else:
        yield stated


def _joins(model: Any) -> bool:
    """Whether a model's tokens are pieces of the text and nothing else."""
    return isinstance(model, models.BPE) and not (model.continuing_subword_prefix or model.end_of_word_suffix)


def _marks(normalizer: dict[str, Any]) -> bool:
    """Whether a normalizer only marks spaces, as SentencePiece does, or composes accents."""
    match normalizer:
        case {"type": "NFC"}:
            return True
        case {"type": "Prepend", "prepend": mark} | {
            "type": "Replace",
            "pattern": {"String": " "},
            "content": mark,
        }:
            return bool(mark == SPACE)
        case _:
            return False


def _splits(splitter: dict[str, Any]) -> bool:
    """Whether a pre-tokenizer only splits, and drops nothing."""
    known = splitter["type"] in ("ByteLevel", "Metaspace", "Split", "Digits", "Punctuation")
    return known and splitter.get("behavior") != "Removed"


def _spelt(token: str) -> int:
    """Bytes that a token of SentencePiece stands for; `<0x0A>` is one."""
    if len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
        return 1
    return len(token.replace(SPACE, " ").encode())


def rust_part(tokenizer: PreTrainedTokenizerFast) -> Any:
    """What a fast tokenizer wraps, without the padding and the cut that calls leave switched on in it."""
    rust = tokenizer.backend_tokenizer
    rust.no_padding()
    rust.no_truncation()
    rust.encode_special_tokens = tokenizer.split_special_tokens
    return rust
