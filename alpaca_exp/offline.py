"""Keeping every library off the network: what they read from the environment when they are imported."""

from __future__ import annotations

import os
import sys

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_EVALUATE_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "DISABLE_SAFETENSORS_CONVERSION": "1",  # transformers asks a server for it, in a thread of its own
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    "DO_NOT_TRACK": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_MODE": "offline",
}
"""Child processes inherit them."""
FLAGS = {
    "huggingface_hub.constants": ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"),
    "datasets.config": ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"),
    "evaluate.config": ("HF_EVALUATE_OFFLINE",),
}
"""What a library made of them, for one that was imported before."""


def go_offline() -> None:
    """From now on no library of this process or its children tries the network: no fetch, no telemetry."""
    os.environ.update(OFFLINE)
    for module, names in FLAGS.items():
        if module in sys.modules:
            for name in names:
                setattr(sys.modules[module], name, True)
