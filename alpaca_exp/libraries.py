"""What other libraries are told before they are imported: not to talk, and to stay off the network."""

from __future__ import annotations

import logging
import os
import sys

TALKERS = ("httpx", "httpx2", "httpcore", "openai")
"""They tell of each request at a level that Hydra shows."""

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


def hush() -> None:
    """They tell of errors, and not of each request; bars are ours."""
    for name in TALKERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # a retry is no news, an end is raised
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")  # which it reads when it is imported
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def go_offline() -> None:
    """From now on no library of this process or its children tries the network: no fetch, no telemetry."""
    os.environ.update(OFFLINE)
    for module, names in FLAGS.items():
        if module in sys.modules:
            for name in names:
                setattr(sys.modules[module], name, True)
