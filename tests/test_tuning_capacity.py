"""What a training takes, said before it starts: against published counts, transformers, peft, measurement."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from alpaca_exp.compose import compose
from alpaca_exp.feasibility import duration, lines, too_large, training
from alpaca_exp.plan import plan
from alpaca_exp.schemas import (
    LoraTrainerConfig,
    Optimizer,
    PretrainedModelConfig,
    Quantization,
    RuntimeConfig,
    TrainerConfig,
)
from alpaca_exp.tuning import capacity, devices
from alpaca_exp.tuning.shapes import KNOWN, Shape, read_shape, shape_of
from tests.conftest import Command
from tests.models import tiny_llama
from tests.stories import ROOT

PUBLISHED = {
    "huggyllama/llama-7b": 6_738_415_616,
    "huggyllama/llama-13b": 13_015_864_320,
    "huggyllama/llama-30b": 32_528_943_616,
    "huggyllama/llama-65b": 65_285_660_672,
    "meta-llama/Llama-3.1-8B": 8_030_261_248,
    "Qwen/Qwen2.5-7B": 7_615_616_512,
    "EleutherAI/pythia-70m": 70_426_624,
    "EleutherAI/pythia-1b": 1_011_781_632,
    "EleutherAI/pythia-6.9b": 6_857_302_016,
    "EleutherAI/pythia-12b": 11_846_072_320,
}
"""Of the models' cards."""
SEVEN = Shape(32, 4096, 32, 32, 128, 11008, 32_000, vectors=8192, last_vectors=4096)
HUB = PretrainedModelConfig(path="huggyllama/llama-7b")
PAPER = ("preset=paper", "+experiment=original")


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_known_models_have_as_many_parameters_as_their_makers_say(name: str) -> None:
    shape = read_shape(KNOWN[name])
    assert shape and shape.parameters == PUBLISHED[name]
    assert shape == SEVEN or name != HUB.path


@pytest.mark.parametrize(
    "told",
    [
        {"model_type": "llama", "num_attention_heads": 4, "num_key_value_heads": 2},
        {"model_type": "llama", "num_attention_heads": 4, "tie_word_embeddings": True},
        {"model_type": "mistral", "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32},
        {"model_type": "qwen2", "num_attention_heads": 4, "num_key_value_heads": 2},
        {"model_type": "olmo2", "num_attention_heads": 4},
        {"model_type": "gpt_neox", "num_attention_heads": 4},
    ],
    ids=lambda told: "-".join(map(str, told.values())),
)
def test_a_config_tells_as_many_parameters_as_the_model_has(told: dict[str, Any]) -> None:
    size = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "vocab_size": 500}
    made: Any = AutoModelForCausalLM
    with torch.device("meta"):
        model = made.from_config(AutoConfig.for_model(**told, **size))
    shape = read_shape(json.loads(model.config.to_json_string(use_diff=False)))
    assert shape and shape.parameters == sum(one.numel() for one in model.parameters())


def test_7b_with_adamw_in_float32_keeps_108_gb() -> None:
    method = capacity.method_of(TrainerConfig(), HUB, gpu=True)
    assert capacity.memory(SEVEN, method).lasting / 1e9 == pytest.approx(107.8, abs=0.1)


@pytest.mark.parametrize(
    ("settings", "bytes_a_weight"),
    [
        ({}, 16),
        ({"precision": "bf16-true"}, 8),
        ({"precision": "bf16-mixed"}, 18),
        ({"optimizer": Optimizer.sgd, "beta1": 0.0}, 8),
        ({"precision": "bf16-true", "optimizer": Optimizer.adamw_8bit}, 6.03),
    ],
)
def test_what_lasts_is_so_many_bytes_a_weight(settings: dict[str, Any], bytes_a_weight: float) -> None:
    method = capacity.method_of(TrainerConfig(**settings), HUB, gpu=True)
    lasting = capacity.memory(SEVEN, method).lasting
    assert lasting / SEVEN.parameters == pytest.approx(bytes_a_weight, rel=1e-2)


def test_lora_trains_as_many_weights_as_peft_makes(tmp_path: Path) -> None:
    import peft

    model: Any = AutoModelForCausalLM.from_pretrained(tiny_llama(tmp_path / "llama"))
    shape = shape_of(PretrainedModelConfig(path=str(tmp_path / "llama")))
    assert shape
    for targets, theirs in ((["all"], "all-linear"), (["q_proj", "v_proj"], ["q_proj", "v_proj"])):
        method = capacity.method_of(LoraTrainerConfig(lora_rank=4, lora_targets=targets), HUB, gpu=True)
        adapted = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules=theirs))
        assert capacity.trained(shape, method) == adapted.get_nb_trainable_parameters()[0]
        model = adapted.unload()


def test_less_is_needed_by_checkpointing_by_shards_by_lora_and_by_qlora() -> None:
    full = capacity.method_of(TrainerConfig(precision="bf16-true"), HUB, gpu=True)
    lora = capacity.method_of(LoraTrainerConfig(precision="bf16-true"), HUB, gpu=True)
    qlora = LoraTrainerConfig(precision="bf16-true", quantization=Quantization.nf4)
    falling = [
        full,
        replace(full, checkpointing=True),
        replace(full, checkpointing=True, devices=2, sharded=True),
        replace(lora, checkpointing=True),
        replace(capacity.method_of(qlora, HUB, gpu=True), checkpointing=True),
    ]
    needs = [capacity.memory(SEVEN, one).total for one in falling]
    assert needs == sorted(needs, reverse=True) and needs[-1] < 8e9 < needs[0]
    copies = replace(full, devices=2)
    assert capacity.memory(SEVEN, copies) == capacity.memory(SEVEN, full), "a copy on each saves nothing"


def test_a_useful_token_takes_6n_or_4n_and_attention() -> None:
    full = capacity.method_of(TrainerConfig(), HUB, gpu=True)
    lora = capacity.method_of(LoraTrainerConfig(lora_rank=1, lora_targets=["q_proj"]), HUB, gpu=True)
    multiplied = SEVEN.parameters - SEVEN.embedding - 32 * 2 * 4096 - 4096
    assert SEVEN.multiplied == multiplied
    assert capacity.flops(SEVEN, full, 1, 0) == 6 * multiplied
    assert capacity.flops(SEVEN, lora, 1, 0) == pytest.approx(4 * multiplied, rel=1e-3)
    # 12 x layers x width x length with the masked half, as PaLM counts: 6 without it
    attention = capacity.flops(SEVEN, full, 1, 512) - capacity.flops(SEVEN, full, 1, 0)
    assert attention == 6 * 32 * 4096 * 512


def test_hours_are_flops_over_what_the_device_reaches() -> None:
    method = capacity.method_of(TrainerConfig(precision="bf16-mixed"), HUB, gpu=True)
    h100 = devices.known("H100")
    assert h100
    one = capacity.hours(SEVEN, method, h100, 19.5e6, 125)
    assert one == pytest.approx(capacity.flops(SEVEN, method, 19.5e6, 125) / 989e12 / 0.4 / 3600)
    eight = capacity.hours(SEVEN, replace(method, devices=8), h100, 19.5e6, 125)
    assert one and eight and one / eight == pytest.approx(8)
    longer = capacity.hours(SEVEN, replace(method, checkpointing=True), h100, 19.5e6, 125)
    assert longer and longer / one == pytest.approx(8 / 6, rel=0.01)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("NVIDIA H200", "H200"),
        ("NVIDIA A100-SXM4-40GB", "A100 40GB"),
        ("NVIDIA A100-SXM4-80GB", "A100"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("rtx4090", "RTX 4090"),
        ("h100", "H100"),
        ("NVIDIA A10", "A10"),
        ("GeForce GTX 1080", None),
    ],
)
def test_a_gpu_is_known_by_what_nvidia_smi_calls_it(name: str, found: str | None) -> None:
    gpu = devices.known(name)
    assert (gpu.name if gpu else None) == found


def test_a_plan_asks_nvidia_smi_what_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho 'NVIDIA H100 80GB HBM3, 81559'\necho 'NVIDIA H100 80GB HBM3, 81559'\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    devices.gpus.cache_clear()
    try:
        assert len(devices.gpus()) == 2
        here = devices.device(RuntimeConfig())
        assert here.gpu and here.flops == 989e12 and here.memory == 81_559 * 2**20
        assert not devices.device(RuntimeConfig(accelerator="cpu")).gpu
    finally:
        devices.gpus.cache_clear()


def refusals(*words: str) -> list[str]:
    return list(too_large(plan(compose([*PAPER, *words]))["train"]))


def test_what_does_not_fit_is_refused_with_the_nearest_that_does() -> None:
    (said,) = refusals("runtime.gpu=H100", "trainer.precision=32-true")
    assert "6.74 B parameters" in said and "108 GB of it weights" in said and "H100 has 86 GB" in said
    assert "use runtime.devices=2 runtime.strategy=fsdp (" in said and " or trainer=lora (" in said
    shared = ("runtime.gpu=H100", "runtime.devices=2", "runtime.strategy=fsdp", "trainer.precision=32-true")
    assert not refusals(*shared), "and what it names does fit"
    assert not refusals("runtime.gpu=H100", "trainer=lora")
    assert not refusals("runtime.device_memory_gb=200", "runtime.gpu=H100")


def test_a_smaller_device_wants_another_remedy() -> None:
    (said,) = refusals("runtime.gpu=RTX_4090", "scale=large")
    assert "trainer=qlora trainer.gradient_checkpointing=true" in said and "trainer=lora" not in said
    (hopeless,) = refusals("runtime.gpu=RTX_4090", "runtime.device_memory_gb=2")
    assert hopeless.endswith("take a smaller base_model")


def test_copies_on_many_devices_are_no_smaller_than_one() -> None:
    assert refusals("runtime.gpu=H100", "runtime.devices=8", "runtime.strategy=ddp"), (
        "each of eight copies is whole"
    )
    assert not refusals("runtime.gpu=H100", "runtime.devices=8"), "auto cuts what is too large for copies"


def test_a_processor_is_refused_by_its_memory_and_told_how_long_it_would_take() -> None:
    (said,) = refusals("runtime.accelerator=cpu", "runtime.device_memory_gb=24", "runtime.num_threads=4")
    assert "would take some 4" in said and "days" in said and "runtime.gpu=H100" in said


def test_of_a_model_whose_shape_is_not_known_nothing_is_guessed(tmp_path: Path) -> None:
    assert not refusals("base_model.path=somebody/else", "runtime.device_memory_gb=1")
    mixture = tmp_path / "config.json"
    mixture.write_text(json.dumps({"model_type": "mixtral", "hidden_size": 64, "num_hidden_layers": 2}))
    assert shape_of(PretrainedModelConfig(path=str(tmp_path))) is None


def test_a_plan_says_what_the_training_takes(tmp_path: Path) -> None:
    words = [*PAPER, "runtime.gpu=H100", "runtime.gpu_usd_per_hour=2"]
    told = training(plan(compose(words))["train"], tmp_path)
    assert told and not told.fits
    text = "\n".join(lines(told))
    assert "6.74 B parameters, all of them learn" in text and "1,221 steps" in text
    assert told.hours and f"${2 * told.hours:,.2f}" in text
    assert "33 min at an assumed 40%" in text  # 7.7e17 FLOPs over .4 of 989 TFLOP/s


def test_no_money_is_spent_on_what_cannot_fit(command: Command, tmp_path: Path) -> None:
    done = command(*PAPER, "runtime.gpu=T4", OPENAI_API_KEY="any")
    assert done.returncode == 2 and "T4 has 16 GB" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "outputs" / "journal").exists()
    planned = command(*PAPER, "runtime.gpu=Foo", "action=plan")
    assert "how fast Foo is, is not known" in planned.stdout
    unknown = command(*PAPER, "base_model.path=somebody/else", "action=plan")
    assert "nothing is said of memory and time" in unknown.stdout


def test_capacity_is_counted_without_torch() -> None:
    heavy = "[m for m in ('torch', 'transformers') if m in sys.modules]"
    listing = f"import alpaca_exp.feasibility, sys; print({heavy})"
    done = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("seconds", "said"), [(3, "3.0 s"), (99, "99 s"), (600, "10 min"), (7200, "2.0 h"), (1e7, "116 days")]
)
def test_durations_are_said_in_fitting_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said


MEASURE = """
import importlib, resource, sys, tempfile
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.benchmarks.tuning import IMPORTED, MAX_SEQ_LEN, OURS, Shape, llama, rss, run_ours
from tests.benchmarks.alpaca_rows import examples, tokenizer
from alpaca_exp.schemas import TrainerConfig
from alpaca_exp.tuning.tokens import tokenise
for module in IMPORTED[OURS]:
    importlib.import_module(module)
token, size = tokenizer(), Shape(*map(int, sys.argv[1:3]), 64, 1)
longest = sorted(examples(), key=lambda one: -len(one.output))[:64]
rows = tokenise(longest, token, TrainerConfig(max_seq_len=MAX_SEQ_LEN)).rows
before = rss()
with tempfile.TemporaryDirectory() as folder:
    run_ours(llama(size), rows, token, Path(folder))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before * 2**20)
"""


@pytest.mark.long
@pytest.mark.parametrize(("layers", "hidden"), [(4, 256), (12, 768)])
def test_the_estimate_is_within_a_fifth_of_what_a_training_takes(layers: int, hidden: int) -> None:
    command = [sys.executable, "-c", MEASURE, str(layers), str(hidden)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    heads, inner = hidden // 64, hidden * 8 // 3 // 32 * 32
    shape = Shape(layers, hidden, heads, heads, 64, inner, 32_000, vectors=2 * hidden, last_vectors=hidden)
    method = capacity.method_of(TrainerConfig(), HUB, gpu=False)
    assert capacity.memory(shape, method).total == pytest.approx(float(done.stdout.split()[-1]), rel=0.2)
