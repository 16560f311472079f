"""What was found good before, by keys that hold its content: it need not be looked at again."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

MOST = 5000


def is_known(key: str) -> bool:
    """Whether `key` was remembered, by this process or another one."""
    return key in _keys()


def remember(key: str) -> None:
    """Keep `key`. It saves time and nothing else: a home that cannot be written is no reason to stop."""
    keys: Sequence[str] = [*(known for known in _keys() if known != key), key][-MOST:]
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        draft = _file().with_suffix(f".{os.getpid()}.draft")
        draft.write_text(json.dumps(keys), encoding="utf-8")
        os.replace(draft, _file())
    except OSError:
        return


def _keys() -> list[str]:
    try:
        told = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return told if isinstance(told, list) else []


def _file() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "alpaca_exp" / "found_good.json"
