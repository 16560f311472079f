"""A table of one's own: read from YAML, JSON lines or CSV, and what is wrong in it is said with its line."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.references.files import read_tables
from alpaca_exp.references.library import read, shipped
from alpaca_exp.references.rows import Reference, made, texts_of
from alpaca_exp.report.references import main

ROW = {
    "id": "mine.1", "source": "Me 2026", "place": "Table 2", "model": "Alpaca-7B", "task": "BoolQ",
    "metric": "acc", "unit": "%", "printed": "73.10", "stderr": "0.78", "cites": "gpt4all.alpaca-7b.boolq",
}  # fmt: skip


def as_yaml(row: dict[str, str]) -> str:
    return "rows:\n  - " + "\n    ".join(
        f"{key}: {json.dumps(value) if '%' in value else value}" for key, value in row.items()
    )


def as_jsonl(row: dict[str, str]) -> str:
    return json.dumps(row).replace('"73.10"', "73.10") + "\n"


def as_csv(row: dict[str, str]) -> str:
    return "# mine\n" + ",".join(row) + "\n" + ",".join(row.values()) + "\n"


def written(folder: Path, kind: str, row: dict[str, str]) -> Path:
    file = folder / f"rows.{kind}"
    file.write_text({"yaml": as_yaml, "jsonl": as_jsonl, "csv": as_csv}[kind](row), encoding="utf-8")
    return file


@pytest.mark.parametrize("kind", ["yaml", "jsonl", "csv"])
def test_a_table_of_ones_own_is_audited_whatever_its_format(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, kind, ROW)
    (row,) = read(file)[0].rows
    assert row.printed == Decimal("73.1") and str(row.printed) == "73.10"
    main(["--audit", "--rows", str(file), "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    assert [(one["rule"], one["row"]) for one in found] == [("differs_from_source", "mine.1")]
    right = written(tmp_path, kind, ROW | {"printed": "73.9"})
    main(["--audit", "--strict", "--rows", str(right)])
    assert "1 printed number in 1 table: nothing found" in capsys.readouterr().out


def test_a_source_that_is_no_row_is_quoted_by_its_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {key: value for key, value in ROW.items() if key != "cites"}
    file = written(tmp_path, "csv", row | {"cited": "74.0", "cited_source": "their appendix"})
    main(["--audit", "--rows", str(file)])
    assert "prints 73.10; their appendix says 74.0" in capsys.readouterr().out


def test_a_copy_of_a_shipped_number_that_was_changed_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = (row for table in shipped() for row in table.rows if row.id == "gpt4all.llama-13b.boolq")
    file = written(tmp_path, "jsonl", texts_of(row) | {"printed": "86.5"})
    main(["--audit", "--rows", str(file), "--format", "json"])
    reasons = {one["rule"]: one["reason"] for one in json.loads(capsys.readouterr().out)}
    assert reasons["differs_from_source"] == "has 86.5, where GPT4All report prints 68.5"


def test_every_shipped_row_is_the_same_after_writing_and_reading_it() -> None:
    for table in shipped():
        for row in table.rows:
            assert made(texts_of(row)) == (row, [])


WITHOUT_UNIT = {key: value for key, value in ROW.items() if key != "unit"}


@pytest.mark.parametrize("kind", ["yaml", "jsonl", "csv"])
@pytest.mark.parametrize(
    ("row", "told"),
    [
        (ROW | {"modle": "x"}, "has the field modle, which is none; did you mean model?"),
        (WITHOUT_UNIT, "lacks unit"),
        (ROW | {"printed": "many"}, "has 'many' as printed, which is no number"),
        (ROW | {"printed": "nan"}, "has 'nan' as printed, which is no finite number"),
        (ROW | {"printed": "730"}, "prints 730 %; a share lies between 0 and 100"),
        (ROW | {"unit": "precent"}, "has the unit precent"),
        (ROW | {"n": "-3"}, "has '-3' as n; it is a whole number of 0 or more"),
        (ROW | {"flags": "unresolvd"}, "has the flag unresolvd; did you mean unresolved?"),
        (ROW | {"low": "70"}, "has one of low and high; an interval has both"),
        (ROW | {"low": "74", "high": "75"}, "lies outside its own interval [74, 75]"),
        (ROW | {"frame": "alpacca"}, "has the frame alpacca; did you mean alpaca?"),
        (ROW | {"unit": "% of"}, "lacks reference, which names that model"),
        (ROW | {"cited": "3"}, "has both cites and cited"),
        (ROW | {"parts": "5 of 7"}, "write fractions as 583.0/704.0 x 638.0/693.0"),
        (ROW | {"parts": "5/0"}, "write fractions as"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_said_in_one_sentence_with_file_and_line(
    kind: str, row: dict[str, str], told: str, tmp_path: Path
) -> None:
    file = written(tmp_path, kind, row)
    line = {"yaml": 2, "jsonl": 1, "csv": 3}[kind]
    with pytest.raises(InputError) as error:
        read(file)
    assert str(error.value).startswith(f"{file}, line {line}, ") and told in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.yaml", "rows:\n  - {id: a, source: b", "is not valid YAML"),
        ("a.yaml", "rows:\n  - id: a\n    id: b\n", "line 3, has id a second time"),
        (
            "a.yaml",
            "row:\n  - id: a\n",
            "line 1, has row beside the rows, which is nothing; did you mean rows?",
        ),
        ("a.yaml", "table: x\n", "has no list of rows"),
        ("a.yaml", "- 5\n", "line 1, is no row; write its fields as name: value"),
        ("a.yaml", "- id: {a: b}\n", "line 1, has fields below id"),
        ("a.yaml", "total: many\nrows: []\n", "has 'many' as total, which is no number"),
        ("a.yaml", "", "holds no rows"),
        ("a.jsonl", as_jsonl(ROW) + as_jsonl(ROW)[:40], "line 2, is not valid JSON"),
        ("a.jsonl", "[1]\n", "line 1, is no JSON object but a list"),
        ("a.jsonl", as_jsonl(ROW) * 2, "line 2, has the id mine.1, which line 1 has already"),
        ("a.csv", as_csv(ROW) + "mine.2,Me\n", "line 4, has 2 cells where the head has 10"),
        ("a.txt", "", "ends with none of .yaml, .yml, .jsonl, .csv"),
    ],
)
def test_a_torn_or_misshapen_file_is_said_in_one_sentence(
    name: str, text: str, told: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_tables(file)
    assert str(error.value).startswith(str(file)) and told in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_row_that_cites_nothing_that_is_there_names_the_nearest(tmp_path: Path) -> None:
    file = written(tmp_path, "yaml", ROW | {"cites": "gpt4all.alpaca-7b.boolqq"})
    with pytest.raises(InputError, match=r"mine.1 has .* as cites.*did you mean gpt4all.alpaca-7b.boolq\?"):
        read(file)
    with pytest.raises(InputError, match=r"mine.1 cites itself"):
        read(written(tmp_path, "yaml", ROW | {"cites": "mine.1"}))
    with pytest.raises(InputError, match=r"absent\.yaml cannot be read"):
        read(tmp_path / "absent.yaml")


def test_strict_without_an_audit_is_said() -> None:
    with pytest.raises(InputError, match="--strict is the exit code of an audit; add --audit"):
        main(["--strict"])


def test_a_reference_says_which_cell_it_is() -> None:
    row, problems = made(ROW)
    assert isinstance(row, Reference) and not problems
    assert row.named == "Me 2026, Table 2: Alpaca-7B, BoolQ acc"
