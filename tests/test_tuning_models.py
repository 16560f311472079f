from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM
from transformers.modeling_utils import PreTrainedModel

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError
from alpaca_exp.schemas import Attention, PadRow, PretrainedModelConfig
from alpaca_exp.tuning import models
from alpaca_exp.tuning.models import complete_tokens, load_base, save
from tests.models import bpe_tokenizer, tiny_llama
from tests.tunings import TRAINER, dataset_in, llama_in, tune


@pytest.fixture
def base(tmp_path: Path) -> PretrainedModelConfig:
    return llama_in(tmp_path)


def embeddings(model: PreTrainedModel) -> list[torch.Tensor]:
    return [model.get_input_embeddings().weight, model.get_output_embeddings().weight]  # type: ignore


@pytest.mark.parametrize("kind", list(PadRow))
def test_the_row_of_a_new_pad_token_is_what_was_asked_for(base: PretrainedModelConfig, kind: PadRow) -> None:
    rows = {}
    for seed in (0, 0, 1):
        model, tokenizer = load_base(base, None, offline=True)
        known = len(tokenizer)
        assert complete_tokens(model, tokenizer, kind, seed) == ["[PAD]"]
        assert tokenizer.pad_token_id == model.config.pad_token_id == known
        for weight in embeddings(model):
            row, others = weight[known], weight[:known]
            if kind is PadRow.mean:
                assert torch.allclose(row, others.mean(dim=0), atol=1e-7)
            elif kind is PadRow.zero:
                assert not row.any()
            else:
                assert 0.2 * others.std() < row.std() < 3 * others.std()
        rows.setdefault(seed, []).append(embeddings(model)[0][known])
    assert torch.equal(*rows[0])
    assert torch.equal(rows[0][0], rows[1][0]) == (kind is not PadRow.random)


def test_a_tokenizer_without_an_end_token_gets_one_and_it_is_reported(
    tmp_path: Path, base: PretrainedModelConfig
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base.path)
    tokenizer.eos_token = None
    tokenizer.backend_tokenizer.add_special_tokens([])
    tokenizer.save_pretrained(tmp_path / "endless")
    AutoModelForCausalLM.from_pretrained(base.path).save_pretrained(tmp_path / "endless")
    out = tmp_path / "out"
    tune(PretrainedModelConfig(path=str(tmp_path / "endless")), dataset_in(tmp_path), out)
    made = AutoTokenizer.from_pretrained(out / "model")
    assert made.eos_token == "</s>"
    assert "| tokens added | [PAD], </s> |" in (out / "model" / "README.md").read_text()


def test_a_tokenizer_with_more_tokens_than_the_model_has_rows_is_one_sentence(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path)
    rows = LlamaConfig(
        vocab_size=50, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    LlamaForCausalLM(rows).save_pretrained(folder)
    with pytest.raises(InputError, match=r"has \d+ tokens, but its model has rows for 50"):
        load_base(PretrainedModelConfig(path=str(folder)), None, offline=True)


def test_rows_that_no_token_uses_are_kept(tmp_path: Path) -> None:
    config = LlamaConfig(
        vocab_size=1000, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    model, tokenizer = LlamaForCausalLM(config), bpe_tokenizer()
    tokenizer.pad_token = None
    complete_tokens(model, tokenizer)
    assert [len(weight) for weight in embeddings(model)] == [1000, 1000]


@pytest.mark.parametrize("attention", [Attention.eager, Attention.sdpa])
def test_who_computes_attention_is_the_users_to_say(
    base: PretrainedModelConfig, attention: Attention
) -> None:
    model, _ = load_base(replace(base, attention=attention), None, offline=True)
    assert model.config._attn_implementation == attention.value


def test_attention_is_torchs_own_where_nothing_quicker_is_there(
    base: PretrainedModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(models, "load", lambda *_, **options: asked.append(options) or (None, None))
    quick = replace(base, dtype="bfloat16")
    for machine in (False, True):
        monkeypatch.setattr(models, "is_flash_attn_2_available", lambda: machine)  # noqa: B023
        monkeypatch.setattr(torch.cuda, "is_available", lambda: machine)  # noqa: B023
        for config in (base, quick):
            load_base(config, Path(config.path), offline=True)
    assert asked == [{}, {}, {}, {"attn_implementation": "flash_attention_2"}]


def test_an_attention_that_the_machine_lacks_is_one_sentence(base: PretrainedModelConfig) -> None:
    with pytest.raises(InputError) as raised:
        load_base(replace(base, attention=Attention.flash_attention_2), None, offline=True)
    assert "lash" in str(raised.value) and "\n" not in str(raised.value)


def test_a_gated_model_is_one_sentence_that_says_where_to_accept_its_licence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("You are trying to access a gated repo.\nMake sure to have access to it at ...")

    monkeypatch.setattr(models, "load", refuse)
    with pytest.raises(InputError, match=r"co/meta-llama/Llama-3.1-8B; do so, then log in"):
        load_base(PretrainedModelConfig(path="meta-llama/Llama-3.1-8B"), None, offline=False)


def test_weights_are_cut_into_files_of_the_size_asked_for(tmp_path: Path) -> None:
    base = PretrainedModelConfig(path=str(tiny_llama(tmp_path / "llama")))
    out, dataset = tmp_path / "out", dataset_in(tmp_path)
    tune(base, dataset, out, trainer=replace(TRAINER, max_seq_len=256, max_shard_size="60KB"))
    shards = sorted((out / "model").glob("model-*.safetensors"))
    assert len(shards) > 2 and max(path.stat().st_size for path in shards) < 66_000
    index = json.loads((out / "model" / "model.safetensors.index.json").read_text())
    assert {path.name for path in shards} == set(index["weight_map"].values())
    tune(base, dataset, tmp_path / "whole", trainer=replace(TRAINER, max_seq_len=256))
    whole = AutoModelForCausalLM.from_pretrained(tmp_path / "whole" / "model").state_dict()
    cut = AutoModelForCausalLM.from_pretrained(out / "model").state_dict()
    assert all(torch.equal(cut[name], weight) for name, weight in whole.items())


def test_a_folder_of_weights_is_replaced_as_a_whole(base: PretrainedModelConfig, tmp_path: Path) -> None:
    model, tokenizer = load_base(base, None, offline=True)
    folder = tmp_path / "model"
    save(model, tokenizer, folder, card="first")
    (folder / "stale").touch()
    save(model, tokenizer, folder, "bfloat16")
    assert not (folder / "stale").exists() and not (folder / "README.md").exists()
    assert AutoModelForCausalLM.from_pretrained(folder, dtype="auto").dtype == torch.bfloat16


def test_a_base_model_made_here_is_read_from_its_own_folder(base: PretrainedModelConfig) -> None:
    made_here = Artifact(Path(base.path))
    model, tokenizer = load_base(PretrainedModelConfig(path="nobody/nothing"), made_here.path, offline=True)
    assert len(tokenizer) == len(embeddings(model)[0])
