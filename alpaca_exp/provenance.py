"""Where and with what an artifact was made: noted in its record, never part of its identity."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata

from alpaca_exp.paths import PACKAGE

PACKAGES = (
    "alpaca-exp", "torch", "pytorch-lightning", "transformers", "tokenizers", "datasets", "lm-eval",
    "openai", "hydra-core", "omegaconf", "numpy", "rapidfuzz",
)  # fmt: skip
"""Those whose version can change a number."""


def now() -> str:
    """UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def machine() -> dict[str, object]:
    """The machine in four words."""
    return {
        "host": platform.node(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }


def commit() -> str | None:
    """The checkout's commit, with `+` where files differ from it; None for an installed wheel."""
    root = PACKAGE.parent
    if not (root / ".git").exists():
        return None
    head = _git("rev-parse", "HEAD")
    return head and head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")


def packages() -> dict[str, str]:
    """The versions of the packages that can change a number."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _git(*words: str) -> str | None:
    command = ["git", "-C", str(PACKAGE.parent), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
