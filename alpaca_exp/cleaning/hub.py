"""A data set of the Hugging Face hub, pinned to a commit: fetched once, read from the hub's local cache.

`datasets`, asked by name while offline, takes the newest version that it has, whatever was pinned. So
the commit's own files are fetched (or found) first, and `datasets` reads these.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alpaca_exp.cleaning.files import Record, plain
from alpaca_exp.content import sha256
from alpaca_exp.errors import InputError
from alpaca_exp.prefetched import hub_options
from alpaca_exp.schemas import DatasetVariantConfig


def hub_records(variant: DatasetVariantConfig, *, offline: bool) -> Iterator[Record]:
    """The rows of `variant.hub`, one at a time, in the data set's order.

    Raises InputError where it cannot be fetched or found, or has no such configuration or split.
    """
    folder = hub_folder(variant, offline=offline)
    split = _split(variant, folder)
    number = 0
    try:
        for number, row in enumerate(split, start=1):
            yield Record("row", number, plain(row))
    except Exception as error:  # whatever a reader of some format may raise on what others wrote
        raise InputError(
            f"{hub_name(variant)} breaks off behind row {number}: {_first_line(error)}"
        ) from None
    expected = getattr((split.info.splits or {}).get(variant.split), "num_examples", None)
    if expected and expected != number:
        raise InputError(
            f"{hub_name(variant)} says that it has {expected:,} rows, but {number:,} were found; "
            f"{_remedy(variant)}"
        )


def hub_name(variant: DatasetVariantConfig) -> str:
    """The data set as messages name it."""
    name = f"the data set in {variant.hub}" if _is_folder(variant) else f"{variant.hub}@{variant.revision}"
    return f"{name}{_part(variant)}"


def hub_source(variant: DatasetVariantConfig) -> str:
    """The data set as a lineage names it: name and commit, or a folder's content; then what part of it."""
    name = f"hub {variant.hub}@{variant.revision}"
    if _is_folder(variant):
        name = f"folder sha256:{sha256(Path(str(variant.hub)).expanduser())[:16]}"
    return f"{name}{_part(variant)}"


def hub_folder(variant: DatasetVariantConfig, *, offline: bool) -> Path:
    """Where the commit's files are; fetches them unless `offline`. Raises InputError where they are not."""
    if _is_folder(variant):
        return Path(str(variant.hub)).expanduser()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    place = hub_options(str(variant.hub), variant.revision, offline=offline, kind="dataset")
    try:
        found = snapshot_download(str(variant.hub), repo_type="dataset", revision=variant.revision, **place)
    except HFValidationError:
        raise InputError(
            f"dataset_variant.hub is {variant.hub}, which is neither a folder nor a name such as owner/name"
        ) from None
    except GatedRepoError:
        raise InputError(
            f"{variant.hub} is open only to those whom its owners let in; ask at "
            f"https://huggingface.co/datasets/{variant.hub}, then log in with `hf auth login`"
        ) from None
    except RevisionNotFoundError:
        raise InputError(
            f"{variant.hub} has no commit {variant.revision}; they are listed at "
            f"https://huggingface.co/datasets/{variant.hub}/commits/main"
        ) from None
    except RepositoryNotFoundError:
        raise InputError(
            f"The hub has no data set {variant.hub}, or it is private; check dataset_variant.hub, "
            "or log in with `hf auth login`"
        ) from None
    except Exception as error:  # no network fails in many ways, down to those of the proxy between
        cause = type(error.__cause__ or error).__name__
        why = "runtime.offline is true" if offline else f"the hub cannot be reached ({cause})"
        raise InputError(
            f"{variant.hub} at {variant.revision} is not, or not wholly, in the hub's local cache and {why}; "
            f"{_remedy(variant)}"
        ) from None
    return Path(found)


def _split(variant: DatasetVariantConfig, folder: Path) -> Any:
    """The split as an iterable that holds no more than a batch."""
    import datasets

    config = variant.hub_config
    try:
        return datasets.load_dataset(str(folder.resolve()), config, split=variant.split, streaming=True)
    except Exception as error:  # datasets raises its own errors, ValueError, OSError and pyarrow's
        raise InputError(
            f"{hub_name(variant)} cannot be read: {_first_line(error)}; "
            "check dataset_variant.split and .hub_config"
        ) from None


def _remedy(variant: DatasetVariantConfig) -> str:
    fetch = "runtime.offline=false on a machine with network and the same HF_HOME"
    if _is_folder(variant):
        return "fetch it again"
    return (
        "fetch it with action=prefetch where there is a network, run "
        f"`hf download {variant.hub} --repo-type dataset --revision {variant.revision}`, "
        f"or this with {fetch}, or give its file as dataset_variant.source"
    )


def _part(variant: DatasetVariantConfig) -> str:
    config = f", configuration {variant.hub_config}" if variant.hub_config else ""
    return f"{config}, split {variant.split}"


def _is_folder(variant: DatasetVariantConfig) -> bool:
    return Path(str(variant.hub)).expanduser().is_dir()


def _first_line(error: Exception) -> str:
    """What a library says, in a line, without this machine's folders."""
    said = str(error).strip().splitlines()
    return said[0][:300] if said else type(error).__name__
