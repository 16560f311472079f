"""Making a tokenizer from texts: one token a word, or byte-level BPE."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

PAD, BEGIN, END, UNKNOWN = SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
MARK = r"#+|[^\w\s]"
"""A punctuation mark of its own; a run of # is one, since the Alpaca frames hold six of them."""
WORD = re.compile(rf"{MARK}|\w+")


def make_tokenizer(kind: str, texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """A tokenizer of at most `vocab_size` tokens, a function of the texts alone.

    `word`: the most frequent words and punctuation marks, one token each; a text is decoded with
    natural spacing, though with single spaces. `bpe`: byte-level byte-pair encoding, which loses
    nothing. Neither puts anything before or behind a text.
    """
    made = _words(texts, vocab_size) if kind == "word" else _bytes(texts, vocab_size)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=made,
        pad_token=PAD,
        bos_token=BEGIN,
        eos_token=END,
        unk_token=UNKNOWN,
        clean_up_tokenization_spaces=False,
    )


def _words(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(WORD.findall(text))
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[: vocab_size - len(SPECIAL)]
    vocabulary = {word: index for index, word in enumerate([*SPECIAL, *frequent])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex(MARK), "isolated")]
    )
    made.decoder = decoders.Sequence(
        [
            decoders.Replace(Regex("^"), " "),
            decoders.Fuse(),
            decoders.Replace(Regex(r" (?=[.,;:?!)\]%])"), ""),
            decoders.Replace(Regex(r"(?<=[(\[]) "), ""),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return made


def _bytes(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    made = Tokenizer(models.BPE(unk_token=None))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    return made
