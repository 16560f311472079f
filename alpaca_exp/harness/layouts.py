"""A split's files in a folder of a mirror: plain JSON lines, a saved data set, or a clone from the hub."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

SUFFIXES = (".jsonl", ".json", ".parquet", ".arrow", ".csv", ".tsv")
KEYWORDS = {
    "train": "train|training",
    "validation": "validation|valid|val|dev",
    "test": "test|testing|eval|evaluation",
}
"""What `datasets` takes a split by in a file's name, where a repository does not say."""


def split_files(folder: Path, config: str | None, split: str, *, of_task: bool = True) -> tuple[Path, ...]:
    """The files of `split` below `folder`, in their order; none where it has no such split.

    `config` is the data set's configuration: a folder within, or one that the repository's card describes.
    What lies in `folder` itself is of that configuration too where the folder is one task's (`of_task`).
    """
    roots = [*((folder / config,) if config else ()), *((folder,) if of_task or not config else ())]
    for root in roots:
        if (plain := root / f"{split}.jsonl").is_file():
            return (plain,)
        if saved := _saved(root, split):
            return saved
    described = _described(folder, config, split)
    return described or next((files for root in roots if (files := _named_by_split(root, split))), ())


def described_by(folder: Path, config: str | None, files: tuple[Path, ...]) -> Path | None:
    """The file that says the columns' types where the documents' own do not: JSON lines and tables of text.

    It is `features.json` (`datasets.Features.to_dict()`) beside them, or the card of a clone.
    """
    if not files or files[0].suffix in (".parquet", ".arrow"):
        return None
    for root in dict.fromkeys((files[0].parent, folder)):
        if (beside := root / "features.json").is_file():
            return beside
    return folder / "README.md" if card_features(folder / "README.md", config) else None


def card_features(card: Path, config: str | None) -> list[Any]:
    """The columns' types as a data set's card lists them; empty where it does not."""
    told = _card(card.parent).get("dataset_info") or []
    for info in told if isinstance(told, list) else [told]:
        if info.get("config_name", "default") in (config or "default", "default"):
            return list(info.get("features") or [])
    return []


def _saved(root: Path, split: str) -> tuple[Path, ...]:
    """What `save_to_disk` left: of several splits a folder each, of one its own files."""
    for folder in (root / split, root):
        state = folder / "state.json"
        if state.is_file():
            told = json.loads(state.read_text(encoding="utf-8"))
            if folder != root or told.get("_split") in (split, None):
                return tuple(folder / part["filename"] for part in told.get("_data_files", ()))
    return ()


def _described(folder: Path, config: str | None, split: str) -> tuple[Path, ...]:
    """What the card of a clone says."""
    for told in _configs(folder, config):
        root = folder / (told.get("data_dir") or ".")
        for pattern in _patterns(told.get("data_files"), split):
            if files := _matching(root, pattern):
                return files
        if told.get("data_dir") and (files := _named_by_split(root, split)):
            return files
    return ()


def _configs(folder: Path, config: str | None) -> list[Mapping[str, Any]]:
    """The card's entry for the configuration; without a name the default one, or the only one."""
    told: list[Mapping[str, Any]] = _card(folder).get("configs") or []
    wanted = [entry for entry in told if entry.get("config_name") == (config or "default")]
    return wanted or [entry for entry in told if config is None and (entry.get("default") or len(told) == 1)]


def _patterns(told: Any, split: str) -> Iterator[str]:
    """The paths that a card's `data_files` has for the split; those without a split are the training data."""
    match told:
        case str():
            yield from ([told] if split == "train" else [])
        case dict():
            yield from _listed(told.get(split))
        case list():
            for entry in told:
                if isinstance(entry, dict) and entry.get("split", "train") == split:
                    yield from _listed(entry.get("path"))
                elif isinstance(entry, str):
                    yield from ([entry] if split == "train" else [])


def _listed(paths: Any) -> list[str]:
    return [paths] if isinstance(paths, str) else list(paths or [])


def _matching(root: Path, pattern: str) -> tuple[Path, ...]:
    found = (path for path in root.glob(pattern) if path.is_file() and path.suffix in SUFFIXES)
    return tuple(sorted(found))


def _named_by_split(root: Path, split: str) -> tuple[Path, ...]:
    """The files below `root` or its `data` that carry the split's name, or lie in a folder that does."""
    places = [place for place in (root / "data", root) if place.is_dir()]
    for words in dict.fromkeys((re.escape(split), KEYWORDS.get(split, re.escape(split)))):
        named = re.compile(rf"(?:^|[-_. ])(?:{words})(?:[-_. ]|$)")
        for place in places:
            files = [path for path in place.glob("*") if named.search(path.name)]
            files += [path for path in files if path.is_dir() for path in path.glob("*")]
            if found := sorted(path for path in files if path.suffix in SUFFIXES and path.is_file()):
                return tuple(found)
    return ()


def _card(folder: Path) -> dict[str, Any]:
    """The data set's card: the YAML that its README.md opens with."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
    except OSError:
        return {}
    parts = re.split(r"^---[ \t]*$", text, maxsplit=2, flags=re.MULTILINE)
    try:
        told = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else None
    except yaml.YAMLError:
        return {}
    return told if isinstance(told, dict) else {}
