from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from alpaca_exp.artifacts import Artifact
from alpaca_exp.errors import InputError, Stopped
from alpaca_exp.schemas import LoraTrainerConfig, PretrainedModelConfig, Quantization
from alpaca_exp.tuning import adapters, loss
from alpaca_exp.tuning.data import Windows
from alpaca_exp.tuning.loss import ready, summed_loss
from alpaca_exp.tuning.tokens import TokenRow
from tests.tunings import LORA, RECIPE, before_step, tune

PROMPT = torch.arange(20, 60)[None]


@pytest.fixture(scope="module")
def tuned(base: PretrainedModelConfig, dataset: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("lora")
    tune(base, dataset, out, trainer=LORA)
    return out


def logits(model: Any) -> Tensor:
    with torch.no_grad():
        found: Tensor = model(PROMPT).logits
    return found


def adapted(base: PretrainedModelConfig, out: Path) -> Any:
    return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base.path), out / "adapter")


def test_the_merged_model_answers_as_the_base_with_its_adapter_and_not_as_the_base(
    base: PretrainedModelConfig, tuned: Path
) -> None:
    merged = logits(AutoModelForCausalLM.from_pretrained(tuned / "model"))
    beside = logits(adapted(base, tuned))
    words = beside.shape[-1]  # the adapter's base has no row for the new [PAD]
    assert (merged[..., :words] - beside).abs().max() < 1e-5
    assert (beside - logits(AutoModelForCausalLM.from_pretrained(base.path))).abs().max() > 1e-2


def test_a_lora_training_learns(tuned: Path) -> None:
    losses = [float(line.split(",")[2]) for line in (tuned / "metrics.csv").read_text().splitlines()[1:]]
    assert losses[-1] < losses[0]


def test_the_adapter_says_what_it_is_and_not_where_its_base_lay(
    base: PretrainedModelConfig, tuned: Path
) -> None:
    settings = json.loads((tuned / "adapter" / "adapter_config.json").read_text())
    assert (settings["r"], settings["lora_alpha"], settings["base_model_name_or_path"]) == (4, 8, None)
    assert settings["target_modules"] == sorted(settings["target_modules"])
    for path in tuned.rglob("*"):
        assert path.is_dir() or base.path.encode() not in path.read_bytes()
    names = {path.name for path in (tuned / "adapter").iterdir()}
    assert names == {"README.md", "adapter_config.json", "adapter_model.safetensors"}


def test_a_base_of_the_hub_is_named_with_its_revision(tmp_path: Path) -> None:
    named = PretrainedModelConfig(path="huggyllama/llama-7b", revision="abc")
    adapters.save_adapter(adapters.attach(llama(), LORA, 0), named, tmp_path / "adapter", "")
    settings = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (settings["base_model_name_or_path"], settings["revision"]) == ("huggyllama/llama-7b", "abc")


def test_a_stopped_lora_training_goes_on_to_the_same_bytes(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path, tuned: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        before_step(4, lambda: os.kill(os.getpid(), signal.SIGTERM), patch)
        tune(base, dataset, tmp_path / "out", trainer=LORA)
    again = tune(base, dataset, tmp_path / "out", trainer=LORA)
    assert again == {path.relative_to(tuned).as_posix(): path.read_bytes() for path in files_of(tuned)}


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
def test_lora_learns_in_lower_precisions_too(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path, tuned: Path, precision: str
) -> None:
    tune(base, dataset, tmp_path / "out", trainer=replace(LORA, precision=precision))
    kind, norm = learnt(tmp_path / "out")
    assert kind == (torch.float32 if precision == "bf16-mixed" else torch.bfloat16)
    assert norm == pytest.approx(learnt(tuned)[1], rel=0.1)


def learnt(out: Path) -> tuple[torch.dtype, float]:
    """The adapter's number format, and the norm of what began as zeros."""
    weights = load_file(out / "adapter" / "adapter_model.safetensors")
    (kind,) = {weight.dtype for weight in weights.values()}
    norms = [weight.float().norm() for name, weight in weights.items() if "lora_B" in name]
    return kind, torch.stack(norms).norm().item()


def llama(vocabulary: int = 60) -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=vocabulary, **sizes)).train()


def rows(vocabulary: int = 60) -> list[TokenRow]:
    rng = np.random.default_rng(0)
    lengths = rng.integers(4, 30, size=12)
    return [TokenRow(rng.integers(0, vocabulary, size=n).astype(np.int32), 2) for n in lengths]


def stirred(model: Any) -> Any:
    """Adapters that have learnt something."""
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return model


@pytest.mark.parametrize("targets", [["all"], ["q_proj", "v_proj"], ["q_proj", "lm_head"]])
@pytest.mark.parametrize("chunked", [True, False])
def test_the_packed_response_only_loss_and_its_gradient_are_the_plain_ones(
    targets: list[str], chunked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with an adapter on the output embedding, whose product with hidden states is not all it does."""
    monkeypatch.setattr(loss, "WORTH_CHUNKING", 0 if chunked else 2**40)
    config = LoraTrainerConfig(**RECIPE, lora_rank=4, lora_dropout=0.0, lora_targets=targets)
    wrapped = adapters.attach(llama(), config, 0)
    model = wrapped.get_base_model()
    windows = Windows(rows(), batch_size=12, micro_batch_size=4)
    found = {}
    for packed in (True, False):
        with ready(model, pack=packed) as abilities:
            stirred(model)
            windows.packed = abilities.packs
            assert abilities.packs == packed and abilities.splits == ("lm_head" not in targets)
            parts = [
                summed_loss(model, b, abilities.splits and packed) for b in windows.window(0).micro_batches
            ]
            total = torch.stack(parts).sum()
            total.backward()
        learnt = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
        model.zero_grad()
        found[packed] = (total.item(), learnt)
    assert found[True][0] == pytest.approx(found[False][0], rel=1e-6)
    assert set(found[True][1]) == set(found[False][1])
    for name, gradient in found[True][1].items():
        assert torch.allclose(gradient, found[False][1][name], rtol=1e-4, atol=1e-5), name


def test_frozen_weights_get_no_gradient_and_no_work_is_done_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the products of a backward pass, those that full tuning makes for its weights are not made."""
    from torch.utils.flop_counter import FlopCounterMode

    monkeypatch.setattr(loss, "WORTH_CHUNKING", 0)
    window = Windows(rows(), batch_size=12, micro_batch_size=12).window(0)
    spent = {}
    for lora in (False, True):
        model = llama()
        config = LoraTrainerConfig(**RECIPE, lora_rank=1, lora_dropout=0.0)
        model = adapters.attach(model, config, 0).get_base_model() if lora else model
        with FlopCounterMode(display=False) as counter:
            total = torch.stack([summed_loss(model, batch) for batch in window.micro_batches]).sum()
            total.backward()
        spent[lora] = counter.get_total_flops()
        with_gradient = {name for name, p in model.named_parameters() if p.grad is not None}
        assert all(("lora_" in name) == lora for name in with_gradient) and with_gradient
    # 6 to 4 for the matrices, but for the adapters' own small products and the attention.
    assert spent[True] < 0.85 * spent[False]


def test_an_adapter_is_a_function_of_the_seed() -> None:
    def first(seed: int) -> Tensor:
        wrapped = adapters.attach(llama(), LORA, seed)
        return next(p for name, p in wrapped.named_parameters() if "lora_A" in name)

    assert torch.equal(first(0), first(0))
    assert not torch.equal(first(0), first(1))


def test_layers_that_the_model_lacks_are_one_sentence_with_those_it_has() -> None:
    with pytest.raises(InputError) as raised:
        adapters.attach(llama(), replace(LORA, lora_targets=["query_key_value"]), 0)
    said = str(raised.value)
    assert "query_key_value" in said and "q_proj" in said and "\n" not in said


def test_qlora_without_its_package_is_one_sentence_before_any_work(
    base: PretrainedModelConfig, dataset: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alpaca_exp.tuning import requirements

    monkeypatch.setattr(requirements, "find_spec", lambda name: None if name == "bitsandbytes" else object())
    with pytest.raises(InputError, match=r"trainer.quantization=nf4 needs bitsandbytes.*pip install"):
        tune(base, dataset, tmp_path / "out", trainer=replace(LORA, quantization=Quantization.nf4))
    assert not files_of(tmp_path / "out")


@pytest.mark.parametrize("kind", [Quantization.nf4, Quantization.fp4, Quantization.int8])
def test_what_transformers_is_told_of_quantization(kind: Quantization) -> None:
    told = adapters.stored_as(replace(LORA, quantization=kind, precision="bf16-mixed"))
    if kind is Quantization.int8:
        assert told.load_in_8bit
    else:
        assert (told.bnb_4bit_quant_type, told.bnb_4bit_use_double_quant) == (kind.name, True)
        assert told.bnb_4bit_compute_dtype == torch.bfloat16


def test_an_adapter_that_learnt_beside_rounded_weights_is_merged_into_the_exact_ones(
    base: PretrainedModelConfig, tuned: Path
) -> None:
    whole = adapters.merged_from(AutoModelForCausalLM.from_pretrained(base.path), tuned / "adapter")
    assert not [name for name, _ in whole.named_parameters() if "lora" in name]
    assert (logits(whole) - logits(adapted(base, tuned))).abs().max() < 1e-5
