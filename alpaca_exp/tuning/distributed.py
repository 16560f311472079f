"""One model on one or many devices: alone, as copies whose gradients are averaged, or cut among them.

Each is Lightning's strategy of that kind with two additions. Checkpoints have one format, which any number
of devices of any strategy reads, and gradients meet only when a window's are complete.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from pytorch_lightning.strategies import DDPStrategy, ModelParallelStrategy, SingleDeviceStrategy, Strategy
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from alpaca_exp.errors import InputError
from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.tuning.ranks import place

COPY_SHARE = 0.7
"""Of a device's memory, what a copy of a model and its optimizer may take."""
REST = "rest.pt"
"""What of a checkpoint is no tensor of the model: positions, counters, lines of metrics."""


def strategy(runtime: RuntimeConfig, precision: str, model: nn.Module) -> Strategy:
    """What `runtime.strategy` asks for; auto: a copy of `model` on each device, if it fits, else a part."""
    world = place().world
    if world == 1:
        return Alone(_device(runtime.accelerator))
    quantized = not all(p.is_floating_point() for p in model.parameters())
    if quantized and runtime.strategy == "fsdp":
        raise InputError(
            "Quantized weights cannot be cut among devices; set runtime.strategy=ddp: a copy on each"
        )
    if runtime.strategy == "fsdp" or (runtime.strategy == "auto" and not quantized and not _fits(model)):
        return Sharded(world, precision)
    return Copies()


class Shared(Strategy):
    """What the three have in common: the format of checkpoints, and the learner behind its wrapper."""

    @contextmanager
    def learning(self, last: bool) -> Iterator[Callable[..., Tensor]]:
        """What a micro-batch's loss is computed with; `last`: gradients are complete behind its backward."""
        yield self._learner

    @property
    def _learner(self) -> nn.Module:
        module: Any = self.lightning_module
        learner: nn.Module = module.learner
        return learner

    @property
    def restore_checkpoint_after_setup(self) -> bool:
        """Tensors are read into their places on the device."""
        return True

    @property
    def lightning_restore_optimizer(self) -> bool:
        """Done by `load_checkpoint`."""
        return False

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """Nothing: `save_checkpoint` takes the weights as they lie."""
        return {}

    def optimizer_state(self, optimizer: Any) -> dict[str, Any]:
        """Nothing: see above."""
        return {}

    def load_model_state_dict(self, checkpoint: Any, strict: bool = True) -> None:
        """Done by `load_checkpoint`."""

    def save_checkpoint(self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any = None) -> None:
        """A folder, to which each rank adds what it has. It appears whole, on the disk, or not at all."""
        path = Path(filepath)
        draft = path.with_name(f"{path.name}.draft")
        if self.is_global_zero:
            for stale in (draft, path):
                shutil.rmtree(stale, ignore_errors=True)
            draft.mkdir(parents=True)
        self.barrier()
        save(self._tensors(), checkpoint_id=draft, no_dist=place().world == 1)
        if self.is_global_zero:
            with (draft / REST).open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            _to_disk(draft)
            os.replace(draft, path)
            _to_disk(path.parent)
        self.barrier()

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """Read weights and optimizer into their places, whoever wrote them; returns the rest."""
        tensors = self._tensors()
        load(tensors, checkpoint_id=checkpoint_path, no_dist=place().world == 1)
        set_optimizer_state_dict(self._learner, self.optimizers[0], tensors["optimizer"])
        return rest_of(Path(checkpoint_path))

    def _tensors(self) -> dict[str, Any]:
        """What is learnt: frozen weights are those of the model that training began with."""
        weights = {name: p.detach() for name, p in self._learner.named_parameters() if p.requires_grad}
        optimizer = get_optimizer_state_dict(self._learner, self.optimizers[0])
        return {"weights": weights, "optimizer": optimizer}


class Alone(Shared, SingleDeviceStrategy):
    """One device."""


class Copies(Shared, DDPStrategy):
    """Each device has the whole model, and its share of each window."""

    def configure_ddp(self) -> None:
        """Wrap the learner alone: the wrapper counts one backward pass for one forward pass."""
        self._copy = DistributedDataParallel(
            self._learner,
            device_ids=self.determine_ddp_device_ids(),
            gradient_as_bucket_view=True,
        )

    @contextmanager
    def learning(self, last: bool) -> Iterator[Callable[..., Tensor]]:
        """The gradients of all devices are averaged during the last backward pass of a window."""
        waits: AbstractContextManager[None] = nullcontext() if last else self._copy.no_sync()
        with waits:
            yield self._copy


class Sharded(Shared, ModelParallelStrategy):
    """Each device has a part of every layer, and its share of each window (FSDP2).

    A layer is whole only while it is computed. The gradients of every micro-batch are averaged and cut
    at once: keeping them whole until the window ends would take as much memory as an unsharded model.
    """

    def __init__(self, world: int, precision: str) -> None:
        super().__init__(data_parallel_size=world, tensor_parallel_size=1)
        self._numbers = MixedPrecisionPolicy(
            param_dtype=torch.bfloat16 if precision == "bf16-mixed" else None, reduce_dtype=torch.float32
        )

    def shard(self, learner: nn.Module, layers: list[nn.Module]) -> None:
        """Cut `layers`, and in one piece what is left: embeddings, head and norm, used all in one forward."""
        mesh = self.device_mesh["data_parallel"]
        for part in (*layers, learner):
            fully_shard(part, mesh=mesh, mp_policy=self._numbers)


def gather(module: nn.Module) -> None:
    """Make a sharded `module` a plain one again: whole on the first rank's CPU, empty on the others."""
    whole: dict[Tensor, nn.Parameter] = {}
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            if isinstance(parameter, DTensor):
                if parameter not in whole:
                    full = parameter.full_tensor().detach()
                    kept = full.cpu() if place().rank == 0 else full.new_empty(0)
                    whole[parameter] = nn.Parameter(kept, requires_grad=parameter.requires_grad)
                setattr(part, name, whole[parameter])
    for part in module.modules():
        if isinstance(part, FSDPModule):
            state = fully_shard.state(part)  # type: ignore[attr-defined]
            state._pre_forward_hook_handle.remove()
            state._post_forward_hook_handle.remove()
            part.__class__ = type(part).__bases__[1]


def leave() -> None:
    """The ranks part."""
    if dist.is_initialized():
        dist.destroy_process_group()


def rest_of(path: Path) -> dict[str, Any]:
    """What of the checkpoint at `path` is no tensor of the model."""
    rest: dict[str, Any] = torch.load(path / REST, map_location="cpu", weights_only=True)
    return rest


def _device(accelerator: str) -> torch.device:
    """The one device that Lightning would choose."""
    if accelerator != "cpu" and torch.cuda.is_available():
        return torch.device("cuda", 0)
    if accelerator != "cpu" and torch.backends.mps.is_available():
        return torch.device("mps", 0)
    return torch.device("cpu")


def _fits(model: nn.Module) -> bool:
    """Whether weights, gradients and AdamW's two moments leave a device room for activations."""
    if not torch.cuda.is_available():
        return True
    learnt = sum(p.numel() * p.itemsize for p in model.parameters() if p.requires_grad)
    there = sum(p.numel() * p.itemsize for p in model.parameters())
    return there + 3 * learnt < COPY_SHARE * torch.cuda.get_device_properties(0).total_memory


def _to_disk(folder: Path) -> None:
    """The names in `folder`; the files themselves are there."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
