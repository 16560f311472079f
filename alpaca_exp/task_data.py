"""A stock task's documents, from the hub's data set into a mirror."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Sequence
from datetime import date, time
from pathlib import Path
from typing import Any

from alpaca_exp.errors import InputError
from alpaca_exp.harness.needs import NeededDataset
from alpaca_exp.hub_files import File, Listing, fetch

FEATURES = "features.json"
ABOUT = ("README.md", "dataset_infos.json", ".huggingface.yaml")
"""What `datasets` reads of a repository to know its parts."""


def files_of(source: Listing, needed: NeededDataset, splits: Sequence[str], work: Path) -> list[File]:
    """The repository's files that hold the splits that are needed.

    `work` gets the repository's card, and an empty file in the place of each other one: `datasets` tells
    the parts of a data set from names alone, so that nothing else has to be fetched. Raises InputError
    where it has no such part.
    """
    known = {file.name: file for file in source.files}
    for file in source.files:
        place = work / file.name
        if file.name in ABOUT:
            fetch(source, file, place, lambda count: None)
        elif not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    found = _builder(needed, work).config.data_files or {}
    lacking = [split for split in splits if split not in found]
    if lacking:
        raise InputError(f"{needed.path} has no split {lacking[0]}; it has {', '.join(map(str, found))}")
    root = work.resolve()
    named = [os.path.relpath(path, root) for split in splits for path in found[split]]
    return [known[name] for name in dict.fromkeys(named)]


def write_documents(needed: NeededDataset, splits: Sequence[str], work: Path, folder: Path) -> list[Path]:
    """The splits that lie in `work` as JSON lines in `folder`, with their columns' types; the files written.

    Their bytes are a function of the hub's files alone: the documents are known by their content.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written, types = [], {}
    for split in splits:
        try:
            rows = _rows(needed, split, work)
            types = rows.features.to_dict()
            written.append(_write((_line(row) for row in rows), folder / f"{split}.jsonl"))
        except Exception as error:  # whatever a reader of some format may raise on what others wrote
            raise InputError(f"{needed.path}, split {split}, cannot be read: {_first_line(error)}") from None
    return [*written, _write([json.dumps(types, indent=1)], folder / FEATURES)]


def _rows(needed: NeededDataset, split: str, work: Path) -> Any:
    """The rows of one split, which is all that is there of the data set, with their types."""
    builder = _builder(needed, work)
    builder.config.data_files = {split: builder.config.data_files[split]}
    rows = builder.as_streaming_dataset(split=split)
    return rows if rows.features else rows._resolve_features()


def _builder(needed: NeededDataset, work: Path) -> Any:
    """What `datasets` knows of the data set before it reads a row."""
    import datasets

    logging.getLogger("datasets").setLevel(logging.CRITICAL)  # what goes wrong is raised, too
    try:
        return datasets.load_dataset_builder(str(work.resolve()), needed.name, **needed.options)
    except Exception as error:  # datasets raises its own errors, ValueError and OSError
        raise InputError(f"{needed.path} cannot be read: {_first_line(error)}") from None


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, default=_plain)


def _plain(value: object) -> str:
    """A date as its name; a picture or a sound is none that a mirror of texts could hold."""
    if isinstance(value, (date, time)):
        return value.isoformat()
    raise TypeError(f"it holds {type(value).__name__}, and a mirror holds texts and numbers")


def _write(lines: Iterable[str], file: Path) -> Path:
    draft = file.with_name(f"{file.name}.draft")
    with draft.open("w", encoding="utf-8", newline="\n") as stream:
        for line in lines:
            stream.write(line + "\n")
    os.replace(draft, file)
    return file


def _first_line(error: Exception) -> str:
    said = str(error).strip().splitlines()
    return said[0][:300] if said else type(error).__name__
