"""One thing of the hub, brought into the folder of what is prefetched."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from alpaca_exp.content import sha256
from alpaca_exp.errors import InputError
from alpaca_exp.hub_files import Advance, File, Listing, fetch, listing
from alpaca_exp.locks import hold
from alpaca_exp.needs import Need, missing
from alpaca_exp.prefetched import LOCKS, MAIN, TASKS, Entry, damage, entries, note, repository
from alpaca_exp.task_data import files_of, write_documents

DOWNLOADS = ".downloads"
"""Where a task's data set lies until its documents are written."""
SAFE = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
TORCH = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin")
FORMS = (".safetensors", ".bin", ".pth", ".h5", ".msgpack", ".ot", ".onnx", ".gguf", ".index.json")
"""Weights; of those that fit neither pattern none is loaded."""
Repository = tuple[str, str, str | None]
"""Kind, name and revision."""
TEMPLATES = "additional_chat_templates"


@dataclass(frozen=True)
class Order:
    """What is to be fetched for a need, and from which commit."""

    need: Need
    source: Listing
    files: tuple[File, ...]
    kept: Mapping[str, str] = field(default_factory=dict)
    """Of a task: what is here of it, with other splits."""

    @property
    def bytes(self) -> int:
        """To fetch, as the hub says."""
        return sum(file.size for file in self.files)


def order(need: Need, folder: Path, seen: dict[Repository, Listing | InputError]) -> Order:
    """What `need` comes to, asked of the hub; what was fetched before is taken from the same commit.

    `seen`: what the hub said of repositories before; the tasks of a group share one. Raises InputError with
    the reason where it cannot be had.
    """
    kind, name, revision = need.repository
    known = need.among(entries(folder))
    kept = known.files if known and need.documents and not list(damage(folder, known)) else {}
    source = _listing((kind, name, known.commit if known else revision), seen)
    if (data := need.documents) is not None:
        need = replace(need, splits=_lacking(need, known, kept))
        files = files_of(source, data, need.splits, _work(need, source, folder))
    else:
        files = [file for file in source.files if need.kind == "dataset" or _loaded(need, file, source.files)]
    if not files:
        raise InputError(f"the hub's {name} has no file that a {need.kind} is made of")
    return Order(need, source, tuple(files), kept)


def _listing(asked: Repository, seen: dict[Repository, Listing | InputError]) -> Listing:
    if asked not in seen:
        try:
            seen[asked] = listing(*asked)
        except InputError as error:
            seen[asked] = error
    found = seen[asked]
    if isinstance(found, InputError):
        raise found
    return found


def _lacking(need: Need, known: Entry | None, kept: Mapping[str, str]) -> tuple[str, ...]:
    """The splits to be fetched: those that are needed or were here once, but for what is `kept`."""
    once = [Path(name).stem for name in (known.files if known else ()) if name.endswith(".jsonl")]
    wanted = dict.fromkeys((*need.splits, *once))
    return tuple(split for split in wanted if f"{TASKS}/{need.name}/{split}.jsonl" not in kept)


def bring(told: Order, folder: Path, advance: Advance) -> None:
    """Fetch it, unless another process has done so meanwhile, and note it in the manifest."""
    need, source = told.need, told.source
    lock = folder / LOCKS / f"{need.kind}-{need.name.replace('/', '--')}.lock"
    with hold(lock, str(need)):
        if not missing([need], folder):
            return
        written = list(
            _documents(told, folder, advance) if need.documents else _snapshot(told, folder, advance)
        )
        files = {path.relative_to(folder).as_posix(): sha256(path) for path in written}
        files = {**told.kept, **files}
        size = sum((folder / name).stat().st_size for name in files)
        origin = need.documents.path if need.documents else ""
        note(folder, Entry(need.kind, need.name, need.revision, source.commit, files, size, origin))


def _snapshot(told: Order, folder: Path, advance: Advance) -> Iterator[Path]:
    """A repository's files as the hub's cache has them where there are no links, and its commit's name."""
    place = folder / repository(told.source.kind, told.source.name)
    for file in told.files:
        path = place / "snapshots" / told.source.commit / file.name
        fetch(told.source, file, path, advance)
        yield path
    revision = told.need.revision or MAIN
    if revision != told.source.commit:
        ref = place / "refs" / revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(told.source.commit, encoding="utf-8")
        yield ref


def _documents(told: Order, folder: Path, advance: Advance) -> Iterator[Path]:
    """A task's documents; the data set that they come from is not kept."""
    assert told.need.documents is not None
    work = _work(told.need, told.source, folder)
    for file in told.files:
        fetch(told.source, file, work / file.name, advance)
    yield from write_documents(told.need.documents, told.need.splits, work, folder / TASKS / told.need.name)
    shutil.rmtree(work)


def _work(need: Need, source: Listing, folder: Path) -> Path:
    return folder / DOWNLOADS / f"{need.name.replace('/', '--')}-{source.commit}"


def _loaded(need: Need, file: File, beside: Sequence[File]) -> bool:
    """Whether transformers reads the file: no weights in another form than the one that it takes."""
    path = PurePosixPath(file.name)
    if len(path.parts) > 1:
        return path.parts[0] == TEMPLATES
    names = [other.name for other in beside]
    form = SAFE if any(map(SAFE.fullmatch, names)) else TORCH
    if file.name.endswith(FORMS) or file.name == "training_args.bin":
        index = "model.safetensors.index.json" if form is SAFE else "pytorch_model.bin.index.json"
        return need.kind == "model" and (bool(form.fullmatch(file.name)) or file.name == index)
    return not file.name.startswith(".") and path.suffix not in (".md", ".png", ".jpg", ".pdf")
