from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import ModuleType

import pytest
import torch
from torch import distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor

from alpaca_exp.errors import InputError
from alpaca_exp.schemas import LoraTrainerConfig, Optimizer, Quantization, TrainerConfig
from alpaca_exp.tuning import requirements
from alpaca_exp.tuning.optimizers import build


@dataclass(frozen=True)
class Settings:
    optimizer: Optimizer = Optimizer.adamw
    learning_rate: float = 0.1
    beta1: float = 0.8
    beta2: float = 0.95
    eps: float = 1e-6
    weight_decay: float = 0.01


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 1))


@pytest.mark.parametrize("optimizer", [Optimizer.adamw, Optimizer.adafactor, Optimizer.sgd])
def test_every_optimizer_lowers_a_loss_and_leaves_frozen_weights_and_their_memory_alone(
    optimizer: Optimizer,
) -> None:
    learner = model()
    frozen = learner[0].requires_grad_(False)
    before = frozen.weight.clone()
    made = build(learner.parameters(), Settings(optimizer=optimizer, learning_rate=0.01))
    torch.manual_seed(1)
    inputs = torch.randn(32, 4)
    losses = []
    for _ in range(60):
        loss = (learner(inputs) - inputs.sum(1, keepdim=True)).square().mean()
        losses.append(loss.item())
        loss.backward()
        made.step()
        made.zero_grad()
    assert losses[-1] < 0.7 * losses[0]
    assert torch.equal(frozen.weight, before)
    known = {id(parameter) for group in made.param_groups for parameter in group["params"]}
    assert known == {id(parameter) for parameter in learner.parameters() if parameter.requires_grad}


def test_settings_reach_adamw_and_vectors_do_not_decay() -> None:
    made = build(model().parameters(), Settings())
    matrices, vectors = made.param_groups
    assert (matrices["betas"], matrices["eps"], matrices["lr"]) == ((0.8, 0.95), 1e-6, 0.1)
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.01, 0.0)
    assert {parameter.ndim for parameter in vectors["params"]} == {1}


@pytest.mark.parametrize(
    ("optimizer", "package"),
    [(Optimizer.adamw_8bit, "bitsandbytes"), (Optimizer.adamw_8bit_torchao, "torchao")],
)
def test_adamw_of_8_bits_comes_from_its_package_or_one_sentence_says_how_to_get_it(
    optimizer: Optimizer, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, f"{package}.optim", None)
    with pytest.raises(
        InputError, match=rf"optimizer={optimizer.name} needs {package} .*pip install {package}"
    ):
        build(model().parameters(), Settings(optimizer=optimizer))
    package_with = ModuleType(f"{package}.optim")
    package_with.AdamW8bit = torch.optim.AdamW  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, package, ModuleType(package))
    monkeypatch.setitem(sys.modules, f"{package}.optim", package_with)
    made = build(model().parameters(), Settings(optimizer=optimizer))
    assert made.param_groups[0]["betas"] == (0.8, 0.95)


@pytest.fixture
def cut() -> Iterator[nn.Parameter]:
    """A matrix of which other devices could have the other rows."""
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        mesh = init_device_mesh("cpu", (1,))
        yield nn.Parameter(distribute_tensor(torch.ones(2, 2), mesh, [Shard(0)]))
    finally:
        distributed.destroy_process_group()


def test_an_optimizer_that_wants_whole_matrices_refuses_parts_of_them(cut: nn.Parameter) -> None:
    build([cut], Settings())
    with pytest.raises(InputError, match=r"adafactor wants whole matrices.*runtime.strategy=ddp"):
        build([cut], Settings(optimizer=Optimizer.adafactor))


def test_what_a_trainer_lacks_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "find_spec", lambda name: None)
    assert requirements.lacking(TrainerConfig()) == []
    (eight,) = requirements.lacking(replace(TrainerConfig(), optimizer=Optimizer.adamw_8bit))
    assert "bitsandbytes" in eight and "pip install" in eight and "trainer.optimizer=adamw" in eight
    peft, bits = requirements.lacking(LoraTrainerConfig(quantization=Quantization.nf4))
    assert "needs peft" in peft and "trainer.quantization=nf4 needs bitsandbytes" in bits
    monkeypatch.setattr(requirements, "find_spec", lambda name: object())
    assert requirements.lacking(LoraTrainerConfig(quantization=Quantization.nf4)) == []
