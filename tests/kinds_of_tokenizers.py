"""Tokenizers of every kind that base models have, each made here from a few texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def gpt_2(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE."""
    return _byte_level(texts, pre_tokenizers.ByteLevel(add_prefix_space=False))


def pythia(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """The same behind NFC, as OLMo and Qwen have it too."""
    return _byte_level(texts, pre_tokenizers.ByteLevel(add_prefix_space=False), normalizers.NFC())


def roberta(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """Byte-level with a space before the first word, and special tokens on both sides."""
    made = _byte_level(texts, pre_tokenizers.ByteLevel(add_prefix_space=True))
    made.backend_tokenizer.post_processor = _template("<s> $A </s>")
    return made


def llama_3(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """Byte-level behind tiktoken's expression, with a begin token."""
    splitter = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA_3), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made = _byte_level(texts, splitter)
    made.backend_tokenizer.model.ignore_merges = True
    made.backend_tokenizer.post_processor = _template("<s> $A")
    return made


def llama_2(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """SentencePiece as transformers converts it: marked spaces, unknown ones as bytes, a begin token."""
    marks = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return _sentencepiece(texts, marks, None)


def mistral(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """The same, the spaces marked by the pre-tokenizer."""
    return _sentencepiece(texts, None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False))


def bert(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """WordPiece without capitals and accents."""
    made = Tokenizer(models.WordPiece(unk_token="<unk>"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=300, special_tokens=SPECIAL, show_progress=False)
    )
    made.post_processor = _template("<s> $A </s>")
    return _wrapped(made)


def t5(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """Unigram behind NFKC, with runs of spaces made one."""
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.train_from_iterator(
        texts,
        trainers.UnigramTrainer(
            vocab_size=300, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False
        ),
    )
    return _wrapped(made)


def _byte_level(
    texts: Sequence[str],
    splitter: pre_tokenizers.PreTokenizer,
    normalizer: normalizers.Normalizer | None = None,
) -> PreTrainedTokenizerFast:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = splitter
    if normalizer is not None:
        made.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=450,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    return _wrapped(made)


def _sentencepiece(
    texts: Sequence[str],
    normalizer: normalizers.Normalizer | None,
    splitter: pre_tokenizers.PreTokenizer | None,
) -> PreTrainedTokenizerFast:
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    if normalizer is not None:
        made.normalizer = normalizer
    if splitter is not None:
        made.pre_tokenizer = splitter
    bytes_ = [f"<0x{value:02X}>" for value in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=SPECIAL + bytes_, max_token_length=16, show_progress=False
    )
    made.train_from_iterator((text[:60] for text in texts), trainer)
    stated = json.loads(made.to_str())
    stated["added_tokens"] = [each for each in stated["added_tokens"] if each["content"] in SPECIAL]
    made = Tokenizer.from_str(json.dumps(stated))
    made.post_processor = _template("<s> $A")
    return _wrapped(made)


def _template(single: str) -> processors.TemplateProcessing:
    return processors.TemplateProcessing(single=single, special_tokens=[("<s>", 1), ("</s>", 2)])


def _wrapped(made: Tokenizer) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=made, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


KINDS: tuple[Callable[[Sequence[str]], PreTrainedTokenizerFast], ...] = (
    gpt_2, pythia, roberta, llama_3, llama_2, mistral, bert, t5,
)  # fmt: skip
