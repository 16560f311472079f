"""What can be said of the data to be trained on while a plan is looked at: no tokenizer, no second."""

from __future__ import annotations

from pathlib import Path

from alpaca_exp.cleaning.dataset import read_dataset
from alpaca_exp.cleaning.sources import read_source
from alpaca_exp.errors import InputError
from alpaca_exp.records import Row
from alpaca_exp.schemas import DatasetVariantConfig
from alpaca_exp.tuning.lints import text_lints

ORIGIN = (
    "source", "published", "columns", "on_error", "source_teacher", "source_cap", "source_cleaning",
    "file_format",
)  # fmt: skip
"""The fields that say where rows come from and how they are kept; any other may change which they are."""


def foreseen(curated: Path | None, variant: DatasetVariantConfig) -> list[str]:
    """One sentence for each odd thing about the texts: of the `curated` set, or of a file taken as it is.

    Nothing where the rows are not known yet, or cannot be read: that is said elsewhere.
    """
    try:
        return [finding.message for finding in text_lints(_rows(curated, variant))]
    except InputError:
        return []


def _rows(curated: Path | None, variant: DatasetVariantConfig) -> list[Row]:
    if curated:
        return list(read_dataset(curated))
    as_it_is = DatasetVariantConfig(**{name: getattr(variant, name) for name in ORIGIN})
    local = variant.source is not None and variant == as_it_is
    return read_source(variant, None, offline=True).rows if local else []
