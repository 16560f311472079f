"""Where a variant's rows come from: the teacher's examples, a local file, or a data set of the hub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from alpaca_exp import paths
from alpaca_exp.artifacts import Artifact
from alpaca_exp.cleaning import hub, published
from alpaca_exp.cleaning.files import folder_remedy, records
from alpaca_exp.cleaning.lineage import from_file, generated_by
from alpaca_exp.cleaning.reading import Reading
from alpaca_exp.cleaning.subsets import subset
from alpaca_exp.errors import InputError
from alpaca_exp.lineage import Cap, Lineage
from alpaca_exp.records import Row
from alpaca_exp.schemas import DatasetVariantConfig, OnError

EXAMPLES = "examples.jsonl"
"""What the stage generate leaves."""


@dataclass(frozen=True)
class Source:
    """The rows of a source, and what there is to say about them."""

    rows: list[Row]
    lineage: Lineage
    facts: Row = field(default_factory=dict)
    """For the card: which bytes they were, under which licence, what to be wary of. Names no path."""
    skipped: dict[str, int] = field(default_factory=dict)
    """Rows that were left out since they cannot be used, by reason."""
    notes: tuple[str, ...] = ()
    """What to print, a line each."""


def read_source(variant: DatasetVariantConfig, examples: Artifact | None, *, offline: bool) -> Source:
    """All rows of `examples` where they were generated, else of the file or the hub's data set.

    Each has `id`, `instruction`, `input`, `output` and every key that it had besides. Raises InputError
    where nothing can be read, and, unless `variant.on_error` says skip, where any row cannot be used.
    """
    if examples:
        asked = examples.record["identity"]["teacher"]
        return Source(read_rows(examples / EXAMPLES), generated_by(asked))
    lineage = source_lineage(variant)
    if variant.hub:
        reading = Reading(hub.hub_name(variant), variant.columns.given(), variant.on_error)
        rows = list(reading.rows(hub.hub_records(variant, offline=offline)))
        return _source(rows, lineage, reading, {"hub": lineage.source})
    file = _file(variant)
    found = published.identify(file)
    one = _published(variant, file, found)
    reading = Reading(str(file), variant.columns.given(), variant.on_error)
    rows = list(reading.rows(records(file)))
    facts: Row = {"bytes": found.bytes, "blob": found.blob, "sha256": found.sha256}
    facts |= {"published": one.name, "licence": one.licence} if one else {}
    return _source(rows, lineage, reading, facts, None if one else published.namesake(file, found))


def iterate_rows(
    file: Path, columns: Mapping[str, str] | None = None, on_error: OnError = OnError.stop
) -> Iterator[Row]:
    """The rows of a local file, one at a time, as `read_source` gives them."""
    found = paths.find(file)
    return Reading(str(file), columns, on_error).rows(records(found))


def read_rows(
    file: Path, columns: Mapping[str, str] | None = None, on_error: OnError = OnError.stop
) -> list[Row]:
    """The rows of a local file, all at once."""
    return list(iterate_rows(file, columns, on_error))


def source_lineage(variant: DatasetVariantConfig) -> Lineage:
    """Of the file or the hub's data set: what its bytes say, else what the variant declares.

    Reads no more than the bytes. Bytes that are known go before what is declared.
    """
    if variant.hub:
        return _as_declared(hub.hub_source(variant), variant)
    file = _file(variant)
    found = published.identify(file)
    one = _published(variant, file, found)
    return one.lineage if one else _as_declared(found.name, variant)


def source_obstacles(variant: DatasetVariantConfig, *, offline: bool) -> Iterator[str]:
    """What keeps the source from being read, or its rows from being drawn.

    A local file is read for it, as a run would; of the hub no more is asked than whether it is here.
    """
    try:
        if variant.hub and offline:
            hub.hub_folder(variant, offline=True)
        elif not variant.generated and not variant.hub:
            rows = read_source(variant, None, offline=offline).rows
            wanted = (variant.num_tasks, variant.num_examples)
            subset(rows, *wanted, 0, task=variant.task, min_instances=variant.min_instances)
    except InputError as error:
        yield str(error)


def _file(variant: DatasetVariantConfig) -> Path:
    """The local file. Raises InputError where there is none, or a folder."""
    if variant.source is None:
        if variant.published:
            raise InputError(published.where_to_get(published.declared(variant.published)))
        raise InputError("dataset_variant.source is null and no examples were generated; name a file")
    file = paths.find(variant.source)
    if file.is_dir():
        raise InputError(f"dataset_variant.source, {file}, is a folder; {folder_remedy(file)}")
    if not file.exists():
        raise InputError(f"dataset_variant.source is {file}, and there is no such file; give one that exists")
    return file


def _published(
    variant: DatasetVariantConfig, file: Path, found: published.Identified
) -> published.Published | None:
    """What the file is known as. Raises InputError where it is not what it was declared to be."""
    if not variant.published:
        return found.published
    one = published.declared(variant.published)
    problem = published.mismatch(one, file, found)
    if problem:
        raise InputError(problem)
    return one


def _as_declared(name: str, variant: DatasetVariantConfig) -> Lineage:
    words = variant.source_cap
    cap = Cap(int(words) if words and words.isdecimal() else words)
    cleaning = () if variant.source_cleaning == "none" else (variant.source_cleaning,)
    return replace(from_file(name, variant.source_teacher), cap=cap, cleaning=cleaning)


def _source(
    rows: list[Row], lineage: Lineage, reading: Reading, facts: Row, warning: str | None = None
) -> Source:
    facts |= {"warning": warning} if warning else {}
    notes = tuple(note for note in (warning, reading.note()) if note)
    return Source(rows, lineage, facts, dict(sorted(reading.skipped.items())), notes)
