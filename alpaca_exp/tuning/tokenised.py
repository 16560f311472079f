"""Tokenised data sets, kept by content: a second training on the same texts does not tokenise them again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import tokenizers
import transformers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from alpaca_exp.content import sha256
from alpaca_exp.locks import hold
from alpaca_exp.records import Example
from alpaca_exp.schemas import TrainerConfig
from alpaca_exp.tuning.encoding import rust_part
from alpaca_exp.tuning.ranks import place
from alpaca_exp.tuning.tokens import Encodings, Tokenised, cut, encodings, texts

LAYOUT = 1
"""Raised when other files are written, or the same ones mean something else."""
TOKENS, LENGTHS = "tokens.npy", "lengths.npy"
KEPT_BYTES = 2 * 2**30
"""With more than this, what no training has begun with for a week is deleted, the longest unused first."""
UNUSED_S = 7 * 24 * 3600.0


def tokenised_examples(
    examples: Iterable[Example], tokenizer: PreTrainedTokenizerBase, config: TrainerConfig, kept: Path
) -> Tokenised:
    """As `tokens.tokenise`, from the folder `kept` where the same texts were tokenised before.

    The tokens are a file that is mapped into memory, one for all processes of a machine. Its name is
    that of its content: the framed texts and the tokenizer; the cut and the mask come after it. Several
    processes that want the same tokens make them once.
    """
    framed, whole = texts(examples, tokenizer, config)
    entry = kept / _key(framed, whole, tokenizer)
    found = _read(entry)
    if found is None:
        with hold(entry.with_suffix(".lock"), "the tokens of the data set"):
            found = _read(entry) or _keep(encodings(framed, whole, tokenizer), entry)
    return cut(found, tokenizer, config)


def folder(out: Path) -> Path:
    """Where tokens are kept: `<outputs>/.cache/tokens`, seen from a stage's own folder."""
    return place().shared(out).parents[1] / ".cache" / "tokens"


def _key(framed: Sequence[str], whole: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> str:
    """32 hex digits, of everything that decides which tokens are made."""
    digest = hashlib.sha256()
    versions = (LAYOUT, transformers.__version__, tokenizers.__version__)
    digest.update(json.dumps([*versions, tokenizer_digest(tokenizer)]).encode())
    for prompt, text in zip(framed, whole, strict=True):
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d %d\n" % (len(prompt), len(encoded)))
        digest.update(encoded)
    return digest.hexdigest()[:32]


def tokenizer_digest(tokenizer: PreTrainedTokenizerBase) -> str:
    """64 hex digits: what the tokenizer makes of texts, wherever it was read from."""
    if isinstance(tokenizer, PreTrainedTokenizerFast):
        stated = [type(tokenizer).__name__, tokenizer.split_special_tokens, rust_part(tokenizer).to_str()]
        return hashlib.sha256(json.dumps(stated).encode()).hexdigest()
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return sha256(Path(folder))


def _read(entry: Path) -> Encodings | None:
    """What lies in `entry`, unless it is not there or not whole."""
    try:
        tokens = np.load(entry / TOKENS, mmap_mode="r").view(np.ndarray)
        lengths, prompts = np.load(entry / LENGTHS)
        os.utime(entry)
    except (OSError, ValueError, EOFError):
        return None
    return Encodings(tokens, lengths, prompts) if len(tokens) == lengths.sum() else None


def _keep(made: Encodings, entry: Path) -> Encodings:
    """Write it, whole or not at all. A disk that is full costs time at the next training, and no more."""
    draft = entry.with_suffix(".draft")
    for stale in (draft, entry):
        shutil.rmtree(stale, ignore_errors=True)
    try:
        draft.mkdir()
        np.save(draft / TOKENS, made.tokens)
        np.save(draft / LENGTHS, np.stack([made.lengths, made.prompts]))
        os.replace(draft, entry)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        return made
    _bound(entry.parent)
    return _read(entry) or made


def _bound(kept: Path) -> None:
    """Delete what is too much and long unused."""
    with suppress(OSError):
        entries = sorted(
            (each for each in kept.iterdir() if each.is_dir()), key=lambda each: each.stat().st_mtime
        )
        size = sum(_bytes(each) for each in entries)
        for entry in entries:
            if size <= KEPT_BYTES or time.time() - entry.stat().st_mtime < UNUSED_S:
                return
            size -= _bytes(entry)
            shutil.rmtree(entry, ignore_errors=True)


def _bytes(entry: Path) -> int:
    return sum(file.stat().st_size for file in entry.iterdir())
