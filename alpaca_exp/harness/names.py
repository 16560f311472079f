"""Where lm-eval defines a task, found by its name without importing lm-eval."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from alpaca_exp.errors import InputError

NAMED = re.compile(rb"^(?:task|group):[ \t]*[\"']?([\w.+-]+)", re.MULTILINE)


def task_folders(names: Sequence[str]) -> list[Path]:
    """The folders of lm-eval's task collection that define `names`; raises InputError for an unknown one.

    Looks where a task's name points first; reading all 14,000 files, by text, is the last resort.
    """
    stock = task_collection()
    folders: dict[str, Path] = {}
    for name in dict.fromkeys(names):
        parts = name.split("_")
        likely = [stock / "_".join(parts[:end]) for end in range(len(parts), 0, -1)]
        roots = [folder for folder in [*likely, stock / "super_glue" / name] if folder.is_dir()]
        known = next((found for root in roots if name in (found := _names(root))), None)
        known = known if known is not None else _names(stock)
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            raise InputError(f"lm-eval has no task {name}; did you mean {near[0]}?")
        folders[name] = known[name]
    return list(dict.fromkeys(folders.values()))


def _names(root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in sorted(root.rglob("*.yaml")):
        for name in NAMED.findall(file.read_bytes()):
            found.setdefault(name.decode(), file.parent)
    return found


def task_collection() -> Path:
    """The folder of lm-eval's own task files."""
    spec = find_spec("lm_eval")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("lm-eval is not installed; install it with pip install lm_eval")
    return Path(spec.submodule_search_locations[0]) / "tasks"
