from __future__ import annotations

import json
import multiprocessing
import os
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from alpaca_exp.prompts import framed
from alpaca_exp.records import Example
from alpaca_exp.schemas import Frame, TrainerConfig
from alpaca_exp.tuning import tokenised, tokens
from alpaca_exp.tuning.encoding import FastEncoder, encoder, plain, token_ids
from alpaca_exp.tuning.tokenised import tokenised_examples, tokenizer_digest
from alpaca_exp.tuning.tokens import texts, tokenise
from tests.kinds_of_tokenizers import KINDS

CORPUS = [framed(Frame.alpaca, "Name 12 houses.", "the (old) town"), "hello 345 日本 é ... :( A B the"] * 8
HOSTILE = (
    "a", " ", "  ", "\n", " \n", "\t", "hello", " the", "é", "e\u0301", "\u0301", "²", "½", "ﬁ", "\u0958",
    "日本", "🦙", "👩\u200d👧", ":", ":(", "'s", "12", "345", "...", "###", "</s>", "<s>", "<unk>", "▁", "Ġ",
    "<0x0A>", "\r\n", "\u3000", "\u00a0", "\u200b", "A", "x" * 20,
)  # fmt: skip
"""What tokenizers stumble over: runs of spaces, marks that combine, special tokens as text, bytes."""
EXAMPLES = [Example(f"Add {n} and 1.", f"It is {n + 1}." * (n % 3), "quickly" * (n % 2)) for n in range(40)]
CONFIG = TrainerConfig(max_seq_len=64)


def hostile(count: int, seed: int) -> list[Example]:
    rng = Random(seed)

    def text(most: int) -> str:
        return "".join(rng.choices(HOSTILE, k=rng.randint(0, most)))

    return [Example(text(6), text(8), text(3) if rng.random() < 0.5 else "") for _ in range(count)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frame", list(Frame))
def test_prompts_are_as_long_as_their_own_encoding_whatever_the_tokenizer(kind: Any, frame: Frame) -> None:
    tokenizer = kind(CORPUS)
    prompts, whole = texts(hostile(250, seed=len(frame.name)), tokenizer, TrainerConfig(frame=frame))
    ours = encoder(tokenizer)(prompts, whole)
    theirs = plain(tokenizer, prompts, whole)
    assert ours.prompts.tolist() == theirs.prompts.tolist()
    assert [each.tolist() for each in ours.ids] == [each.tolist() for each in theirs.ids]


@pytest.mark.parametrize("kind", KINDS[:2] + KINDS[3:6])
def test_few_prompts_are_encoded_a_second_time(kind: Any) -> None:
    tokenizer = kind(CORPUS)
    prompts, whole = texts(EXAMPLES, tokenizer, CONFIG)
    encode = encoder(tokenizer)
    assert isinstance(encode, FastEncoder)
    told = encode.told(prompts, whole, encode(prompts, whole).ids)
    assert (told >= 0).mean() > 0.9


def test_padding_and_cuts_that_another_call_left_switched_on_change_nothing() -> None:
    tokenizer = KINDS[0](CORPUS)
    expected = tokenise(EXAMPLES, tokenizer, CONFIG)
    tokenizer(["a", "a b c"], padding="longest", truncation=True, max_length=4)
    assert tokenizer.backend_tokenizer.padding and tokenizer.backend_tokenizer.truncation
    found = tokenise(EXAMPLES, tokenizer, CONFIG)
    assert found.encodings.tokens.tolist() == expected.encodings.tokens.tolist()
    assert found.prompts.tolist() == expected.prompts.tolist()
    assert not tokenizer.backend_tokenizer.padding and not tokenizer.backend_tokenizer.truncation


class Reversing(PreTrainedTokenizerFast):
    """A fast tokenizer whose calls do more than its Rust part."""

    def _encode_plus(self, text: Any, **options: Any) -> Any:
        return super()._encode_plus([each[::-1] for each in text], **options)


def test_a_tokenizer_whose_calls_differ_from_its_rust_part_is_called() -> None:
    tokenizer = Reversing(tokenizer_object=KINDS[0](CORPUS).backend_tokenizer, eos_token="</s>")
    found = tokenise(EXAMPLES, tokenizer, CONFIG).encodings.tokens.tolist()
    _, whole = texts(EXAMPLES, tokenizer, CONFIG)
    assert found == [token for each in token_ids(tokenizer, whole) for token in each]


def count_encodings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    counted: list[int] = []

    def encodings(prompts: Any, whole: Any, tokenizer: Any) -> tokens.Encodings:
        counted.append(len(whole))
        return tokens.encodings(prompts, whole, tokenizer)

    monkeypatch.setattr(tokenised, "encodings", encodings)
    return counted


def test_the_same_texts_are_tokenised_once_however_they_are_cut_and_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = count_encodings(monkeypatch)
    tokenizer = KINDS[0](CORPUS)
    for config in (
        CONFIG,
        TrainerConfig(max_seq_len=50, learning_rate=1.0),
        TrainerConfig(mask_prompt=False),
    ):
        found = tokenised_examples(EXAMPLES, tokenizer, config, tmp_path)
        expected = tokenise(EXAMPLES, tokenizer, config)
        assert found.counts() == expected.counts()
        for name in ("lengths", "prompts", "labels", "ended"):
            assert getattr(found, name).tolist() == getattr(expected, name).tolist()
        assert [(row.tokens.tolist(), row.masked) for row in found.rows] == [
            (row.tokens.tolist(), row.masked) for row in expected.rows
        ]
    assert counted == [40]


def test_other_texts_another_frame_and_another_tokenizer_are_tokenised_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = count_encodings(monkeypatch)
    one, two = KINDS[0](CORPUS), KINDS[1](CORPUS)
    other = Frame.plain if hasattr(Frame, "plain") else list(Frame)[-1]
    tokenised_examples(EXAMPLES, one, CONFIG, tmp_path)
    tokenised_examples(EXAMPLES[:-1], one, CONFIG, tmp_path)
    tokenised_examples(EXAMPLES, one, TrainerConfig(frame=other), tmp_path)
    tokenised_examples(EXAMPLES, two, CONFIG, tmp_path)
    # The same texts, cut elsewhere into prompt and output.
    moved = [Example(each.instruction, "\n\n### Response:" + each.output) for each in EXAMPLES]
    tokenised_examples(moved, one, CONFIG, tmp_path)
    assert counted == [40, 39, 40, 40, 40]


def test_a_tokenizer_is_known_by_what_it_does_not_by_where_it_lies(tmp_path: Path) -> None:
    tokenizer = KINDS[0](CORPUS)
    tokenizer.save_pretrained(tmp_path / "one")
    read = PreTrainedTokenizerFast.from_pretrained(tmp_path / "one")
    tokenizer(["a", "b c"], padding=True, truncation=True, max_length=3)
    assert tokenizer_digest(read) == tokenizer_digest(tokenizer)
    read.add_tokens(["houses"])
    assert tokenizer_digest(read) != tokenizer_digest(tokenizer)


def test_kept_tokens_that_are_damaged_or_half_written_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = count_encodings(monkeypatch)
    tokenizer = KINDS[0](CORPUS)
    expected = tokenised_examples(EXAMPLES, tokenizer, CONFIG, tmp_path).encodings.tokens.tolist()
    (entry,) = (each for each in tmp_path.iterdir() if each.is_dir())
    whole = (entry / "tokens.npy").read_bytes()
    for damage in (whole[:-10], b"", whole[:100]):
        (entry / "tokens.npy").write_bytes(damage)
        (tmp_path / f"{entry.name}.draft").mkdir()
        found = tokenised_examples(EXAMPLES, tokenizer, CONFIG, tmp_path)
        assert found.encodings.tokens.tolist() == expected
        assert (entry / "tokens.npy").read_bytes() == whole
    assert counted == [40] * 4


def test_where_tokens_cannot_be_kept_they_are_learnt_from_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    found = tokenised_examples(EXAMPLES, KINDS[0](CORPUS), CONFIG, tmp_path)
    assert found.counts() == tokenise(EXAMPLES, KINDS[0](CORPUS), CONFIG).counts()
    assert not [each for each in tmp_path.iterdir() if each.is_dir()]


def job(kept: Path, ready: Any, encoded: Any) -> None:
    slow = tokens.encodings

    def encodings(*given: Any) -> tokens.Encodings:
        with encoded.get_lock():
            encoded.value += 1
        time.sleep(0.3)
        return slow(*given)

    tokenised.encodings = encodings
    ready.wait()
    found = tokenised_examples(EXAMPLES, KINDS[0](CORPUS), CONFIG, kept)
    (kept / f"{os.getpid()}.json").write_text(json.dumps(found.encodings.tokens.tolist()))


def test_two_jobs_of_a_sweep_that_want_the_same_tokens_make_them_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready, encoded = context.Barrier(2), context.Value("i", 0)
    jobs = [context.Process(target=job, args=(tmp_path, ready, encoded)) for _ in range(2)]
    for each in jobs:
        each.start()
    for each in jobs:
        each.join(60)
    found = [path.read_text() for path in tmp_path.glob("*.json")]
    assert encoded.value == 1 and len(found) == 2 and found[0] == found[1]


def test_tokens_that_are_long_unused_go_when_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = KINDS[0](CORPUS)
    for count, days in ((10, 30), (20, 20), (30, 3)):
        tokenised_examples(EXAMPLES[:count], tokenizer, CONFIG, tmp_path)
        newest = max((each for each in tmp_path.iterdir() if each.is_dir()), key=os.path.getmtime)
        os.utime(newest, (time.time() - days * 86400,) * 2)
    tokenised_examples(EXAMPLES[:20], tokenizer, CONFIG, tmp_path)  # used again
    monkeypatch.setattr(tokenised, "KEPT_BYTES", 1)
    tokenised_examples(EXAMPLES, tokenizer, CONFIG, tmp_path)
    kept = sorted(len(np.load(each)[0]) for each in tmp_path.glob("*/lengths.npy"))
    assert kept == [20, 30, 40], "the one that nothing has used for a month is gone"
