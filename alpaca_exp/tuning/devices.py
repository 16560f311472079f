"""The device that a training would run on: how much it holds, how fast it multiplies. Asked without torch."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from alpaca_exp.schemas import RuntimeConfig

MIB, GB = 2**20, 1e9


@dataclass(frozen=True)
class Device:
    """One GPU, or this machine's processor."""

    name: str
    memory: float | None
    """Bytes; None: not known."""
    flops: float | None
    """Of bfloat16 products a second, dense; None: not known."""
    flops_32: float | None
    """Of float32 products a second."""
    gpu: bool = True


GPUS = (
    Device("H200", 143_771 * MIB, 989e12, 67e12),
    Device("H100 NVL", 95_830 * MIB, 835e12, 60e12),
    Device("H100 PCIe", 81_559 * MIB, 756e12, 51e12),
    Device("H100", 81_559 * MIB, 989e12, 67e12),
    Device("A100 40GB", 40_960 * MIB, 312e12, 19.5e12),
    Device("A100", 81_920 * MIB, 312e12, 19.5e12),
    Device("L40S", 46_068 * MIB, 362e12, 91.6e12),
    Device("L4", 23_034 * MIB, 121e12, 30.3e12),
    Device("A10", 23_028 * MIB, 125e12, 31.2e12),
    Device("RTX 4090", 24_564 * MIB, 165e12, 82.6e12),
    Device("RTX 3090", 24_576 * MIB, 71e12, 35.6e12),
    Device("V100", 32_768 * MIB, None, 15.7e12),
    Device("T4", 15_360 * MIB, None, 8.1e12),
)
"""Peaks as NVIDIA's data sheets give them (without sparsity), memory as nvidia-smi shows it. V100 and T4
have no bfloat16. A name is matched by its words, the longer ones first."""

CORE_FLOPS = 9e10
"""Of float32 products a second, one core: what a present x86-64 core with 512-bit vectors reaches."""


def device(runtime: RuntimeConfig) -> Device:
    """What `runtime` names, else what this machine has; of a named GPU that is not known, only the name.

    A GPU is asked for with nvidia-smi, since a plan must not wait for torch.
    """
    if runtime.gpu:
        found = known(runtime.gpu) or Device(runtime.gpu, None, None, None)
    elif runtime.accelerator == "cpu":
        found = processor(runtime.num_threads)
    else:
        found = next(iter(gpus()), None) or processor(runtime.num_threads)
    memory = runtime.device_memory_gb
    return replace(found, memory=memory * GB) if memory else found


def known(name: str) -> Device | None:
    """The GPU of the table that `name` means: `h100`, `NVIDIA A100-SXM4-80GB`, `rtx_4090`."""
    words = name.upper().replace("-", " ").replace("_", " ").split()
    if name.isdigit():
        return None
    for gpu in sorted(GPUS, key=lambda gpu: -len(gpu.name)):
        named = gpu.name.upper().split()
        if set(named) <= set(words) or "".join(named) == "".join(words):
            return gpu
    return None


def processor(threads: int | None) -> Device:
    """This machine: its memory (a container's limit, if there is one) and its cores."""
    cores = threads or os.cpu_count() or 1
    flops = CORE_FLOPS * cores
    return Device(f"this machine's {cores} CPU cores", _ram(), flops, flops, gpu=False)


def _ram() -> float:
    installed = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return min(installed, float(Path(limit).read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return installed


@functools.cache
def gpus() -> tuple[Device, ...]:
    """The GPUs that nvidia-smi lists, with the memory that it says they have."""
    if shutil.which("nvidia-smi") is None or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return ()
    asked = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True).stdout
        return tuple(_listed(line) for line in said.splitlines() if line.strip())
    except (OSError, subprocess.SubprocessError, ValueError):
        return ()


def _listed(line: str) -> Device:
    """`NVIDIA H100 80GB HBM3, 81559`."""
    name, memory = line.rsplit(",", 1)
    found = known(name) or Device(name, None, None, None)
    return replace(found, name=name.strip(), memory=float(memory) * MIB)
