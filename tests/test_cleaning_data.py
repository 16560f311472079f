"""Sources, and what a data card says of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alpaca_exp.cleaning.card import word_lengths
from alpaca_exp.cleaning.sources import read_rows, source_name
from alpaca_exp.errors import InputError


def written(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_alpacas_array_is_read_with_ids_by_place_and_unknown_keys_kept(tmp_path: Path) -> None:
    file = written(
        tmp_path / "data.json", [{"instruction": "Go.", "input": "", "output": "Gone.", "from": "us"}]
    )
    assert read_rows(file) == [
        {"id": "row-0", "instruction": "Go.", "input": "", "output": "Gone.", "from": "us"}
    ]


def test_json_lines_with_other_usual_names_are_read(tmp_path: Path) -> None:
    file = written(
        tmp_path / "data.jsonl", '{"prompt": "Go.", "response": "Gone."}\n{"prompt": "A", "response": "B"}'
    )
    assert [row["output"] for row in read_rows(file)] == ["Gone.", "B"]
    assert [row["input"] for row in read_rows(file)] == ["", ""]


def test_seed_tasks_become_one_row_an_instance(tmp_path: Path) -> None:
    task = {"id": "seed_task_0", "instruction": "Add.", "instances": [{"input": "1 1", "output": "2"}]}
    twice = {**task, "id": "seed_task_1", "instances": task["instances"] * 2}
    file = written(tmp_path / "seeds.jsonl", f"{json.dumps(task)}\n{json.dumps(twice)}\n")
    assert [row["id"] for row in read_rows(file)] == ["seed_task_0", "seed_task_1.0", "seed_task_1.1"]
    assert "instances" not in read_rows(file)[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"instruction": "a", "output": "b"},\n {"instruction": "a" "output": "b"}]', "line 2"),
        ('{"instruction": "a", "output": "b"}\n{"instruction": ', "line 2"),
        (
            [{"instruction": "a", "output": "b"}, {"instruction": "a"}],
            "row 2, lacks output; it has instruction",
        ),
        ([{"instruction": "a", "output": 7}], "row 1: `output` must be text, not int"),
        ([{"instruction": "a", "output": None}], "row 1: `output` must be text, not null"),
        ([{"instruction": "a", "output": "b"}, ["c"]], "row 2, is no JSON object but a list"),
        ([{"id": "x", "instruction": "a", "output": "b"}] * 2, "row 2, has the id of row 1"),
        ([{"instruction": "a", "output": "\ud800"}], "lone surrogate"),
        ([{"instruction": "a", "instances": "b"}], "row 1: `instances` must be a list"),
        ("[]", "holds no rows"),
        ("", "holds no rows"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_place(
    tmp_path: Path, content: object, message: str
) -> None:
    file = written(tmp_path / "data.json", content)
    with pytest.raises(InputError, match=r"data\.json") as caught:
        read_rows(file)
    assert message in str(caught.value)


def test_a_file_that_is_absent_or_no_text_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_rows(tmp_path / "absent.json")
    (tmp_path / "data.parquet").write_bytes(b"PAR1\xff\xfe\x00")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        read_rows(tmp_path / "data.parquet")


def test_a_file_is_named_by_its_content_not_by_its_place(tmp_path: Path) -> None:
    first, second = written(tmp_path / "a.json", "[1]"), written(tmp_path / "b.json", "[1]")
    assert source_name(first) == source_name(second)
    assert str(tmp_path) not in source_name(first)


def test_the_published_file_is_recognised(shared_data: Path) -> None:
    assert source_name(shared_data / "alpaca" / "alpaca_data.json") == "alpaca_data (Stanford, original)"


def test_lengths_are_counted_in_words() -> None:
    made = [{"output": "word " * count} for count in (1, 2, 3, 4, 10)]
    assert word_lengths(made) == {"mean": 4.0, "median": 3, "p95": 8.8, "max": 10}
