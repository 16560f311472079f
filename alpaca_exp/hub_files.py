"""Repositories of the Hugging Face hub: what is in them, and their files, fetched so that nothing is twice.

huggingface_hub begins a file anew after a kill; here what has come of it is kept and continued, and each
file is compared with the checksum that the hub states for it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from alpaca_exp.content import sha256
from alpaca_exp.errors import InputError
from alpaca_exp.prefetched import repository

Advance = Callable[[int], None]
"""Is told of bytes that came."""

PART = ".part"
SHA256 = 64
"""Digits of the checksum by which the hub knows large files."""


@dataclass(frozen=True)
class File:
    """A file of a repository, as the hub describes it."""

    name: str
    size: int
    digest: str
    """sha256 of a large file, else git's sha1 of it; empty where it states none."""


@dataclass(frozen=True)
class Listing:
    """A repository at one commit."""

    kind: str
    """model or dataset."""
    name: str
    commit: str
    files: tuple[File, ...]


def listing(kind: str, name: str, revision: str | None) -> Listing:
    """The repository `name` (kind: model or dataset) at `revision`. Raises InputError, naming the reason."""
    from huggingface_hub import HfApi

    try:
        api = HfApi()
        ask: Any = api.dataset_info if kind == "dataset" else api.model_info
        info = ask(name, revision=revision, files_metadata=True)
        if info.gated:
            api.auth_check(name, repo_type=kind)
    except Exception as error:  # no network fails in many ways, down to those of the proxy between
        raise refusal(kind, name, revision, error) from None
    files = tuple(
        File(each.rfilename, each.size or 0, each.lfs.sha256 if each.lfs else each.blob_id or "")
        for each in info.siblings or ()
    )
    return Listing(kind, name, str(info.sha), files)


def fetch(source: Listing, file: File, to: Path, advance: Advance) -> None:
    """Bring `file` to the path `to`: from where an earlier attempt stopped, or from the hub's own cache.

    Raises InputError where it cannot be had, or is not what the hub says it is.
    """
    if to.is_file() and _is(to, file):
        return advance(file.size)
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f"{to.name}{PART}")
    if _cached(source, file, part):
        advance(file.size)
    else:
        _download(source, file, part, advance)
    os.replace(part, to)
    if not _is(to, file):
        to.unlink()
        raise InputError(
            f"{file.name} of {source.name} came otherwise than the hub describes it; give the command again"
        )


class Unreachable(InputError):
    """No repository can be had: there is no way to the hub."""


def refusal(kind: str, name: str, revision: str | None, error: Exception) -> InputError:
    """Why a repository cannot be had, in one sentence with the remedy."""
    from huggingface_hub import errors

    page = f"https://huggingface.co/{'datasets/' if kind == 'dataset' else ''}{name}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    match error:
        case errors.GatedRepoError():
            said = f"it is given only to those who accept its terms; do so at {page}, then `hf auth login`"
        case errors.RevisionNotFoundError():
            said = f"it has no revision {revision}; they are listed at {page}/commits/main"
        case errors.RepositoryNotFoundError():
            said = "the hub has none of that name, or it is private; check the name, or `hf auth login`"
        case errors.HFValidationError():
            said = "that is neither a folder here nor a name that the hub could have"
        case errors.OfflineModeIsEnabled():
            return Unreachable("HF_HUB_OFFLINE is set in the environment; unset it to fetch")
        case _ if status in (401, 403):
            said = f"the hub refuses it (status {status}); log in with `hf auth login`, see {page}"
        case _ if status is not None:
            said = f"the hub answers with status {status}; try again later"
        case _:
            return Unreachable("the hub cannot be reached; check the network, then give the command again")
    return InputError(said)


def _download(source: Listing, file: File, part: Path, advance: Advance) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._headers import build_hf_headers

    url = hf_hub_url(source.name, file.name, repo_type=source.kind, revision=source.commit)
    begun = part.stat().st_size if part.exists() else 0
    if begun > file.size:
        part.unlink()
        begun = 0
    advance(begun)
    with part.open("ab", buffering=0) as stream:
        counted: Any = _Counted(stream, advance)
        try:
            http_get(
                url, counted, resume_size=begun, headers=build_hf_headers(), expected_size=file.size or None
            )
        except Exception as error:  # as in `listing`
            raise refusal(source.kind, source.name, source.commit, error) from None


class _Counted:
    """A file that tells how much was written, and takes back what is written again."""

    def __init__(self, stream: IO[bytes], advance: Advance) -> None:
        self._stream, self._advance = stream, advance

    def write(self, block: bytes) -> int:
        self._advance(len(block))
        return self._stream.write(block)

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, place: int) -> int:
        return self._stream.seek(place)

    def truncate(self) -> int:
        before = os.fstat(self._stream.fileno()).st_size
        after = self._stream.truncate()
        self._advance(after - before)
        return after


def _cached(source: Listing, file: File, to: Path) -> bool:
    """Take the file from the hub's own cache, where it is: linked where the disk is the same."""
    from huggingface_hub import constants

    place = Path(repository(source.kind, source.name)).name
    found = Path(constants.HF_HUB_CACHE) / place / "blobs" / file.digest
    if not found.is_file() or not _is(found, file):
        return False
    to.unlink(missing_ok=True)
    try:
        os.link(found.resolve(), to)
    except OSError:
        shutil.copyfile(found, to)
    return True


def _is(path: Path, file: File) -> bool:
    """Whether the file has the size and checksum that the hub states."""
    if path.stat().st_size != file.size:
        return False
    if not file.digest:
        return True
    if len(file.digest) == SHA256:
        return sha256(path) == file.digest
    content = path.read_bytes()  # what lies in git itself is small
    return hashlib.sha1(b"blob %d\0" % file.size + content, usedforsecurity=False).hexdigest() == file.digest
