"""The curated data set on disk: either format, one reader, the same rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet
import pytest

from alpaca_exp.artifacts import Artifact
from alpaca_exp.cleaning.dataset import dataset_file, dataset_size, read_dataset, write_dataset
from alpaca_exp.cleaning.sources import read_source
from alpaca_exp.errors import InputError
from alpaca_exp.records import Row
from alpaca_exp.schemas import DatasetVariantConfig, FileFormat, RuntimeConfig
from alpaca_exp.stages.curate import curate

ROWS: list[Row] = [
    {"id": "a", "instruction": "Go.", "input": "", "output": "Gone."},
    {
        "id": "b",
        "instruction": "Möwe",
        "input": "x",
        "output": "😀\n",
        "source": {"item": 3, "from": [1, None]},
    },
    {"id": "c", "instruction": "Go.", "input": "", "output": "Went.", "source": "text", "n": 0.5},
]


@pytest.mark.parametrize("file_format", FileFormat)
def test_what_is_written_is_read_whatever_keys_the_rows_have(tmp_path: Path, file_format: FileFormat) -> None:
    file = write_dataset(ROWS, tmp_path, file_format)
    assert file == dataset_file(tmp_path) == tmp_path / f"dataset.{file_format.name}"
    assert list(read_dataset(tmp_path)) == ROWS
    assert dataset_size(tmp_path) == 3


@pytest.mark.parametrize("file_format", FileFormat)
def test_the_same_rows_give_the_same_bytes_and_leave_nothing_of_another_attempt(
    tmp_path: Path, file_format: FileFormat
) -> None:
    for other in FileFormat:
        (tmp_path / f"dataset.{other.name}").write_text("half")
    first = write_dataset(iter(ROWS), tmp_path, file_format).read_bytes()
    assert write_dataset(ROWS, tmp_path, file_format).read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == [f"dataset.{file_format.name}"]


def test_a_curated_parquet_is_a_source_like_any_other(tmp_path: Path) -> None:
    file = write_dataset(ROWS, tmp_path, FileFormat.parquet)
    assert read_source(DatasetVariantConfig(source=file), None, offline=True).rows == ROWS
    columns = pyarrow.parquet.read_schema(file).names
    assert columns[:4] == ["id", "instruction", "input", "output"], "other tools find the usual columns"


def test_an_empty_data_set_and_none_at_all_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no data set, neither dataset\.jsonl nor dataset\.parquet"):
        list(read_dataset(tmp_path))
    for file_format in FileFormat:
        write_dataset([], tmp_path, file_format)
        assert list(read_dataset(tmp_path)) == [] and dataset_size(tmp_path) == 0


def test_curation_gives_the_same_rows_in_either_format(tmp_path: Path) -> None:
    source = write_dataset(ROWS * 1, tmp_path, FileFormat.jsonl)
    made = {}
    for file_format in FileFormat:
        out = tmp_path / file_format.name
        out.mkdir()
        variant = DatasetVariantConfig(source=source, file_format=file_format, rules=["all"])
        curate(variant, None, None, 0, runtime=RuntimeConfig(outputs=tmp_path), out=out)
        made[file_format] = list(read_dataset(Artifact(out).path))
    assert made[FileFormat.jsonl] == made[FileFormat.parquet] and made[FileFormat.jsonl]
