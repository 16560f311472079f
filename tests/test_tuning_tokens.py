from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from alpaca_exp.prompts import framed
from alpaca_exp.records import Example
from alpaca_exp.schemas import Frame, TrainerConfig
from alpaca_exp.tuning.models import complete_tokens
from alpaca_exp.tuning.tokenizers import make_tokenizer
from alpaca_exp.tuning.tokens import blocks, tokenise

TEXTS = [
    framed(Frame.alpaca, "Where does Bakoto live?", "in"),
    "Bakoto lives in Arden, (not) Brill. 3 plus 4 is 7!",
    'Say "hello": héllo wörld, 日本語.',
]
EXAMPLES = [
    Example("Where does Bakoto live?", "Bakoto lives in Arden."),
    Example("Where does it live?", "In Arden.", "Bakoto"),
    Example("Quote it.", '"hello": wörld'),
    Example("Übersetze 日本語!", "日本 語\n\nnéw line 🦙"),
    Example("Say nothing.", ""),
    Example("Start with a space.", " lives"),
    Example("Long answer.", "Bakoto lives in Arden. " * 40),
    Example("Bakoto lives in Arden. " * 60, "Too late."),
]


@pytest.fixture(scope="module")
def bpe() -> PreTrainedTokenizerFast:
    return make_tokenizer("bpe", TEXTS * 20, 420)


@pytest.fixture(scope="module")
def word() -> PreTrainedTokenizerFast:
    return make_tokenizer("word", TEXTS, 8000)


def test_a_word_tokenizer_read_from_its_folder_gives_back_natural_text(
    word: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    word.save_pretrained(tmp_path)
    read = AutoTokenizer.from_pretrained(tmp_path)
    text = "Bakoto lives in Arden, (not) Brill. 3 plus 4 is 7!"
    ids = read(text + "</s>")["input_ids"]
    assert read.decode(ids, skip_special_tokens=True) == text
    assert ids[-1] == read.eos_token_id
    assert "|".join(read.convert_ids_to_tokens(ids)) == (
        "Bakoto|lives|in|Arden|,|(|not|)|Brill|.|3|plus|4|is|7|!|</s>"
    )
    assert read.unk_token_id not in ids
    assert read("never-seen")["input_ids"] == [read.unk_token_id] * 3


def test_a_bpe_tokenizer_read_from_its_folder_loses_no_character(
    bpe: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    bpe.save_pretrained(tmp_path)
    read = AutoTokenizer.from_pretrained(tmp_path)
    text = "  do n't touch 'this' , \n\n日本語 🦙 ."
    assert read.decode(read(text)["input_ids"]) == text


@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_the_same_texts_make_the_same_tokenizer(kind: str, tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        make_tokenizer(kind, iter(TEXTS * 3), 300).save_pretrained(tmp_path / name)
        written.append((tmp_path / name / "tokenizer.json").read_bytes())
    assert written[0] == written[1]
    assert len(json.loads(written[0])["model"]["vocab"]) <= 300


@pytest.mark.parametrize("frame", list(Frame))
@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_masks_are_those_of_stanford_alpaca(
    kind: str, frame: Frame, bpe: PreTrainedTokenizerFast, word: PreTrainedTokenizerFast
) -> None:
    tokenizer = bpe if kind == "bpe" else word
    config = TrainerConfig(max_seq_len=160, frame=frame)
    tokenised = tokenise(EXAMPLES, tokenizer, config)
    expected = [_as_alpaca(example, tokenizer, config) for example in EXAMPLES]
    kept = [row for row in expected if any(label != -100 for label in row[1])]
    ours = [
        (row.tokens.tolist(), [-100] * row.masked + row.tokens.tolist()[row.masked :])
        for row in tokenised.rows
    ]
    assert ours == kept
    assert tokenised.left_out == len(EXAMPLES) - len(kept) == 1
    assert tokenised.truncated >= 1


def test_masks_of_real_rows_are_those_of_stanford_alpaca(shared_data: Path) -> None:
    rows = json.loads((shared_data / "alpaca" / "alpaca_data.json").read_text(encoding="utf-8"))[:600]
    examples = [Example(row["instruction"], row["output"], row["input"]) for row in rows]
    tokenizer = make_tokenizer("bpe", (example.output for example in examples), 2000)
    config = TrainerConfig(max_seq_len=256)
    expected = (_as_alpaca(example, tokenizer, config) for example in examples)
    kept = [row for row in expected if row[1][-1] != -100]
    ours = tokenise(examples, tokenizer, config).rows
    assert [(row.tokens.tolist(), row.masked) for row in ours] == [
        (tokens, labels.count(-100)) for tokens, labels in kept
    ]


def _as_alpaca(
    example: Example, tokenizer: PreTrainedTokenizerFast, config: TrainerConfig
) -> tuple[list[int], list[int]]:
    """One text at a time, cut by the tokenizer, the prompt's labels overwritten by its own length."""

    def ids(text: str) -> list[int]:
        return list(tokenizer(text, max_length=config.max_seq_len, truncation=True)["input_ids"])

    prompt = framed(config.frame, example.instruction, example.input)
    tokens = ids(prompt + example.output + tokenizer.eos_token)
    labels = list(tokens)
    length = len(ids(prompt))
    labels[:length] = [-100] * len(labels[:length])
    return tokens, labels


def test_without_the_mask_every_token_but_the_first_is_learnt(bpe: PreTrainedTokenizerFast) -> None:
    config = TrainerConfig(mask_prompt=False)
    rows = tokenise(EXAMPLES[:2], bpe, config).rows
    assert [row.num_labels for row in rows] == [len(row.tokens) - 1 for row in rows]


def test_documents_are_laid_end_to_end_and_read_again_where_they_are_short(
    word: PreTrainedTokenizerFast,
) -> None:
    rows = blocks(iter(["Bakoto lives in Arden.", "3 plus 4 is 7!"]), word, count=2, size=8)
    read = word.decode([token for row in rows for token in row.tokens])
    assert read == "Bakoto lives in Arden. </s> 3 plus 4 is 7! </s> Bakoto lives in"


def test_a_new_padding_token_gets_the_mean_of_the_other_rows(bpe: PreTrainedTokenizerFast) -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe.backend_tokenizer, eos_token="</s>")
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=8,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=1,
        )
    )
    before = [rows.weight.detach().clone() for rows in (model.get_input_embeddings(), model.lm_head)]
    complete_tokens(model, tokenizer)
    assert tokenizer.pad_token == "[PAD]"
    assert model.config.pad_token_id == tokenizer.pad_token_id == len(before[0])
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    for old, new in zip(before, (model.get_input_embeddings(), model.lm_head), strict=True):
        torch.testing.assert_close(new.weight[:-1], old, rtol=0, atol=0)
        torch.testing.assert_close(new.weight[-1], old.mean(dim=0))
