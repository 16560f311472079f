"""Files that others published: known by their bytes, refused where they must be and are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.cleaning import published
from alpaca_exp.cleaning.sources import read_source, source_obstacles
from alpaca_exp.errors import InputError
from alpaca_exp.lineage import UNKNOWN, Cap
from alpaca_exp.paths import data_root
from alpaca_exp.schemas import DatasetVariantConfig

GOOD = {"instruction": "Go.", "input": "", "output": "Gone."}


def written(path: Path, content: object) -> Path:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def variant(**told: Any) -> DatasetVariantConfig:
    return DatasetVariantConfig(**told)


def obstacles(**told: Any) -> str:
    return "\n".join(source_obstacles(variant(**told), offline=True))


def test_a_file_is_known_by_its_content_not_by_its_place(tmp_path: Path) -> None:
    first, second = written(tmp_path / "a.json", [GOOD]), written(tmp_path / "b.json", [GOOD])
    one, other = (read_source(variant(source=file), None, offline=True) for file in (first, second))
    assert (one.lineage, one.facts) == (other.lineage, other.facts)
    assert one.lineage.source.startswith("file sha256:") and str(tmp_path) not in json.dumps(one.facts)
    assert one.facts["bytes"] == first.stat().st_size


def test_what_the_user_knows_of_a_file_is_its_lineage(tmp_path: Path) -> None:
    told = {"source": written(tmp_path / "a.json", [GOOD]), "source_teacher": "people"}
    assert read_source(variant(**told), None, offline=True).lineage.cap == Cap(UNKNOWN)
    told |= {"source_cap": "50", "source_cleaning": "by hand"}
    lineage = read_source(variant(**told), None, offline=True).lineage
    assert (lineage.teacher, lineage.cap, lineage.cleaning) == ("people", Cap(50), ("by hand",))
    assert read_source(variant(**told | {"source_cap": None}), None, offline=True).lineage.cap == Cap(None)


def test_the_original_is_recognised_whatever_its_name(shared_data: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "mine.json"
    renamed.symlink_to(shared_data / "alpaca" / "alpaca_data.json")
    source = read_source(variant(source=renamed, published="alpaca"), None, offline=True)
    assert (len(source.rows), source.rows[-1]["id"]) == (52_002, "row-52001")
    lineage = source.lineage
    assert (lineage.source, lineage.teacher, lineage.cap) == ("alpaca", "text-davinci-003", Cap(100))
    assert lineage.cleaning == () and source.notes == ()
    known = published.PUBLISHED["alpaca"]
    assert (known.bytes, known.sha256) == (source.facts["bytes"], source.facts["sha256"])
    assert (source.facts["published"], source.facts["licence"]) == ("alpaca", "CC BY-NC 4.0")


def test_other_bytes_than_the_declared_ones_are_refused_with_both_named(tmp_path: Path) -> None:
    file = written(tmp_path / "alpaca_data.json", [GOOD])
    said = obstacles(source=file, published="alpaca")
    assert "expected git blob 3779ddbc040543ab1834ef216c983d6fcc06cc9a of 22,773,992 bytes" in said
    assert f"found {published.identify(file).blob} of {file.stat().st_size} bytes" in said
    assert "https://github.com/tatsu-lab/stanford_alpaca" in said
    with pytest.raises(InputError, match="is not alpaca: expected"):
        read_source(variant(source=file, published="alpaca"), None, offline=True)


def test_a_published_name_with_other_bytes_is_used_with_one_line_of_warning(tmp_path: Path) -> None:
    file = written(tmp_path / "alpaca_data.json", [GOOD])
    source = read_source(variant(source=file), None, offline=True)
    (note,) = source.notes
    assert note == source.facts["warning"] and "is named like alpaca, but is another file" in note
    assert source.lineage.teacher == UNKNOWN and len(source.rows) == 1


def test_of_files_whose_bytes_nobody_knows_the_hash_is_recorded(tmp_path: Path) -> None:
    file = written(tmp_path / "chatgpt_9k.json", [GOOD])
    source = read_source(variant(source=file, published="alpagasus"), None, offline=True)
    assert (source.lineage.source, source.lineage.instructions) == ("alpagasus", "alpaca")
    assert source.facts["blob"] == published.identify(file).blob and source.notes == ()
    (note,) = read_source(variant(source=file), None, offline=True).notes
    assert "may be alpagasus" in note


def test_a_published_file_without_a_path_says_where_to_get_it() -> None:
    said = obstacles(published="alpaca_cleaned")
    assert "get alpaca_data_cleaned.json from https://github.com/gururise/AlpacaDataCleaned" in said
    assert "CC BY-NC 4.0" in said and "dataset_variant.source=FILE" in said
    assert "did you mean alpaca_gpt4?" in obstacles(published="alpaca_gpt_4")


def test_no_two_published_files_share_a_checksum() -> None:
    known = [one for one in published.PUBLISHED.values() if one.blob]
    assert len({one.blob for one in known}) == len(known) >= 4
    assert all(len(str(one.blob)) == 40 and one.repository and one.licence for one in known)
    gpt4 = published.PUBLISHED["alpaca_gpt4"].lineage
    assert (gpt4.teacher, gpt4.cap, gpt4.origin) == ("gpt-4", Cap(None), "alpaca")


def test_our_own_seed_tasks_are_known_to_be_peoples() -> None:
    file = data_root() / "seeds" / "seed_tasks.jsonl"
    lineage = read_source(variant(source=file), None, offline=True).lineage
    assert (lineage.source, lineage.teacher, lineage.cap) == ("seed_tasks", "people", Cap(None))
