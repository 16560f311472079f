"""What was fetched before: models, data sets and tasks' documents in one folder, with their checksums.

The folder can be copied to a machine without network. Models and data sets lie in it as in the hub's own
cache, so that names and revisions in the configuration, and with them identities, stay what they are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alpaca_exp.content import sha256
from alpaca_exp.errors import InputError
from alpaca_exp.locks import hold
from alpaca_exp.provenance import packages
from alpaca_exp.records import write_json

MANIFEST, HUB, TASKS, LOCKS = "manifest.json", "hub", "tasks", ".locks"
FOLDER = "ALPACA_EXP_PREFETCHED"
"""The variable that tells this process and its children where the folder is, as HF_HOME does of the cache."""
MAIN = "main"
"""The hub's name for the newest revision."""
SERVES = {"tokenizer": ("tokenizer", "model")}
"""A model brings its tokenizer."""


@dataclass(frozen=True)
class Entry:
    """One thing in the folder: what it is, and each of its files with its sha256."""

    kind: str
    """model, tokenizer, dataset or task."""
    name: str
    """Its name on the hub; of a task the name of its folder."""
    revision: str | None
    """As it was asked for: a commit, a branch, or null for the newest."""
    commit: str
    """What that was when it was fetched."""
    files: Mapping[str, str]
    bytes: int
    source: str = ""
    """Of a task: the data set on the hub that its documents come from."""

    def answers(self, kind: str, name: str, revision: str | None) -> bool:
        """Whether this is what is asked for."""
        wanted = revision or MAIN
        known = (self.revision or MAIN, self.commit)
        return self.kind in SERVES.get(kind, (kind,)) and self.name == name and wanted in known


def entries(folder: Path) -> list[Entry]:
    """What the folder's manifest lists; nothing where there is none. Raises InputError for a broken one."""
    file = folder / MANIFEST
    if not file.exists():
        return []
    try:
        return [Entry(**item) for item in json.loads(file.read_text(encoding="utf-8"))["items"]]
    except (ValueError, TypeError, KeyError):
        raise InputError(
            f"{file} is no manifest of what was fetched; delete it and fetch again with action=prefetch "
            "(files that are whole are not fetched twice)"
        ) from None


def entry(folder: Path, kind: str, name: str, revision: str | None = None) -> Entry | None:
    """The manifest's entry for this thing, if there is one."""
    return next((each for each in entries(folder) if each.answers(kind, name, revision)), None)


def damage(folder: Path, found: Entry) -> Iterator[str]:
    """One phrase for each file that is not what the manifest says; hashes of large files are remembered."""
    for name, digest in found.files.items():
        file = folder / name
        if not file.is_file():
            yield f"{file} is missing"
        elif sha256(file) != digest:
            yield f"{file} is not what was fetched"


def note(folder: Path, made: Entry) -> None:
    """Add to the manifest, in the place of an earlier entry for the same thing."""
    with hold(folder / LOCKS / "manifest.lock", f"the manifest of {folder}"):
        same = (made.kind, made.name, made.revision)
        kept = [each for each in entries(folder) if (each.kind, each.name, each.revision) != same]
        items = sorted([*kept, made], key=lambda each: (each.kind, each.name, each.revision or ""))
        write_json({"items": [asdict(each) for each in items], "versions": packages()}, folder / MANIFEST)


def use(folder: Path) -> None:
    """Whatever is in `folder` is from now on taken from there, by this process and its children."""
    os.environ[FOLDER] = str(folder.expanduser().absolute())


def hub_options(name: str, revision: str | None, *, offline: bool, kind: str = "model") -> dict[str, Any]:
    """Where the hub's libraries look for `name`, for `from_pretrained`, `snapshot_download` and the like.

    In the folder, if it was prefetched; else in their own cache and, unless `offline`, on the hub.
    """
    folder = os.environ.get(FOLDER)
    if folder and entry(Path(folder), kind, name, revision):
        return {"cache_dir": str(Path(folder) / HUB), "local_files_only": True}
    return {"local_files_only": offline}


def snapshot(name: str, revision: str | None) -> Path | None:
    """The folder of a model that was prefetched, for libraries that take no other cache."""
    folder = Path(os.environ.get(FOLDER, ""))
    found = entry(folder, "model", name, revision) if FOLDER in os.environ else None
    return folder / repository("model", name) / "snapshots" / found.commit if found else None


def repository(kind: str, name: str) -> str:
    """The folder of a repository in the hub's cache."""
    return f"{HUB}/{'datasets' if kind == 'dataset' else 'models'}--{name.replace('/', '--')}"
