"""Files by their content: sha256 of a file or a folder, remembered for large files."""

from __future__ import annotations

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path

LARGE = 16 * 2**20
"""From this size on a hash is remembered by path, size and time; smaller files are always read."""


def sha256(path: Path) -> str:
    """64 hex digits: a file's content, or a folder's file names and contents (hidden files left out)."""
    if path.is_dir():
        listing = [(str(p.relative_to(path)), sha256(p)) for p in files_below(path)]
        return hashlib.sha256(json.dumps(listing).encode()).hexdigest()
    stat = path.stat()
    if stat.st_size < LARGE:
        return _read(path)
    return _remembered(str(path.resolve()), stat.st_size, stat.st_mtime_ns)


def files_below(folder: Path) -> list[Path]:
    """The files of a folder and its folders, sorted; hidden ones and links to nowhere left out."""
    found = (p for p in folder.rglob("*") if p.is_file())
    return sorted(p for p in found if not any(x.startswith(".") for x in p.relative_to(folder).parts))


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=4096)
def _remembered(path: str, size: int, mtime_ns: int) -> str:
    known = _load()
    entry = [size, mtime_ns]
    if path in known and known[path][:2] == entry:
        return str(known[path][2])
    digest = _read(Path(path))
    _save({**_load(), path: [*entry, digest]})
    return digest


def _memory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "alpaca_exp" / "hashes.json"


def _load() -> dict[str, list[int | str]]:
    try:
        loaded = json.loads(_memory().read_text())
    except (OSError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _save(known: dict[str, list[int | str]]) -> None:
    """Remembering saves time and nothing else: a home that cannot be written is no reason to stop."""
    try:
        _memory().parent.mkdir(parents=True, exist_ok=True)
        draft = _memory().with_suffix(f".{os.getpid()}.draft")
        draft.write_text(json.dumps(known))
        os.replace(draft, _memory())
    except OSError:
        return
