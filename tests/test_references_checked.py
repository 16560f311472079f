"""A cell of a shipped table that is typed over makes the plain audit speak, whatever the cell."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from alpaca_exp.errors import InputError
from alpaca_exp.references import library, names
from alpaca_exp.references.library import load, shipped
from alpaca_exp.references.rows import rounds_to, texts_of
from alpaca_exp.report.references import main

HERE = names.HERE
FILES = sorted([*(names.HERE / file for file in names.FILES), *library.PUBLISHED.glob("*.yaml")])
CHANGED = "Was changed since it was checked"
Audit = Callable[[], str]
Cell = tuple[str, yaml.ScalarNode]


def forget() -> None:
    for cached in (library.shipped, names.models, names.sets, names.models_named, names.set_named):
        cached.cache_clear()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of what is shipped, in its place."""
    for file in FILES:
        copy = tmp_path / file.relative_to(HERE)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(file, copy)
    monkeypatch.setattr(library, "PUBLISHED", tmp_path / "published")
    monkeypatch.setattr(names, "HERE", tmp_path)
    forget()
    yield tmp_path
    monkeypatch.undo()
    forget()


@pytest.fixture
def audit(capsys: pytest.CaptureFixture[str]) -> Audit:
    """What the plain audit says now."""

    def said() -> str:
        forget()
        try:
            main(["--audit"])
        except InputError as error:
            return f"{CHANGED}, and cannot be read: {error}"
        return str(capsys.readouterr().out)

    return said


def cells(file: Path) -> list[Cell]:
    """Every value in a file, by where it stands: its table, its field."""
    found: list[Cell] = []

    def walk(node: yaml.Node, where: str) -> None:
        if isinstance(node, yaml.ScalarNode):
            found.append((where, node))
        elif isinstance(node, yaml.SequenceNode):
            for child in node.value:
                walk(child, where)
        elif isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                walk(value, f"{where} {key.value}")

    for number, document in enumerate(yaml.compose_all(file.read_text(encoding="utf-8"), yaml.SafeLoader)):
        walk(document, str(number))
    return found


def typed_over(text: str, node: yaml.ScalarNode) -> str:
    """The file with one value changed by a digit, or a letter."""
    start, end, value = int(node.start_mark.index), int(node.end_mark.index), str(node.value)
    if re.fullmatch(r"-?[\d,.]*\d", value):
        new = value[:-1] + str((int(value[-1]) + 1) % 10)
    else:
        new = json.dumps(f"{value}x", ensure_ascii=False)
    return text[:start] + new + ("\n" if text[start:end].endswith("\n") else "") + text[end:]


def silent(file: Path, folder: Path, audit: Audit, chosen: list[Cell]) -> list[str]:
    """Of the cells, those that may be changed without a word."""
    place = folder / file.relative_to(HERE)
    text = place.read_text(encoding="utf-8")
    found = []
    for where, node in chosen:
        place.write_text(typed_over(text, node), encoding="utf-8")
        if CHANGED not in audit():
            found.append(f"{where}: {node.value}")
    place.write_text(text, encoding="utf-8")
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_cell_of_any_kind_that_is_typed_over_makes_the_plain_audit_speak(
    file: Path, folder: Path, audit: Audit
) -> None:
    assert CHANGED not in audit()
    one_of_each = list(dict(cells(file)).items())
    assert len(one_of_each) > 5 and silent(file, folder, audit, one_of_each) == []
    assert CHANGED not in audit()


@pytest.mark.long
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_single_cell_that_is_typed_over_makes_the_plain_audit_speak(
    file: Path, folder: Path, audit: Audit
) -> None:
    assert silent(file, folder, audit, cells(file)) == []


def test_sums_and_parts_of_the_sources_are_asked_by_the_plain_audit_too(folder: Path, audit: Audit) -> None:
    reviews, report = (folder / "published" / name for name in ("vicuna.yaml", "gpt4all.yaml"))
    reviews.write_text(reviews.read_text(encoding="utf-8").replace("92.06", "92.04"), encoding="utf-8")
    report.write_text(report.read_text(encoding="utf-8").replace("76.2", "76.4"), encoding="utf-8")
    said = audit()
    assert "prints 92.04; 100 x 638.0/693.0 is 92.06" in said
    assert "GPT4All report: adds up to 1503.1; total says 1502.9" in said
    assert "GPT4All report: was changed since it was checked cell by cell against GPT4All report on" in said


def test_what_is_to_be_noted_once_a_change_is_right_is_said(folder: Path, audit: Audit) -> None:
    file = folder / "published" / "alpaca_eval.yaml"
    text = file.read_text(encoding="utf-8").replace("n: 805", "n: 804")
    file.write_text(text, encoding="utf-8")
    noted = re.search(r"note checked: ([\d-]+ \w+)\.", audit())
    assert noted is not None
    file.write_text(re.sub("(?m)^checked: .*", f"checked: {noted[1]}", text), encoding="utf-8")
    assert CHANGED not in audit()
    file.write_text(re.sub("(?m)^checked: .*", "checked: 2026-11-23", text), encoding="utf-8")
    assert f"was checked against AlpacaEval 2 on 2026-11-23; note checked: {noted[1]}, so that" in audit()


def test_every_shipped_table_was_checked_and_its_layout_is_no_part_of_that(
    folder: Path, audit: Audit
) -> None:
    assert all(table.checked for table in shipped())
    file = folder / "published" / "haltt4llm.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text("# more words\n" + text.replace("printed: 26.66}", 'printed: "26.66"}'), encoding="utf-8")
    assert CHANGED not in audit()


@pytest.mark.parametrize(
    ("field", "value"),
    [("stderr", "0.54"), ("n", "9042"), ("split", "test"), ("frame", "chat"), ("harness", "HELM"),
     ("num_fewshot", "5"), ("place", "Table 9"), ("date", "2021"), ("task", "PIQA"), ("measure", "acc")],
)  # fmt: skip
def test_any_cell_of_a_copied_row_that_is_not_the_shipped_ones_is_found(
    field: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = (row for row in load() if row.id == "gpt4all.llama-7b.hellaswag")
    theirs = texts_of(row)
    assert said_of(theirs, tmp_path, capsys).get("differs_from_source") is None
    said = said_of({**theirs, field: value}, tmp_path, capsys)["differs_from_source"]
    assert said == f"is a copy of {row.id} with another {field} {value} (not {theirs[field]})"


def said_of(row: dict[str, str], folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    file = folder / "mine.jsonl"
    file.write_text(json.dumps(row), encoding="utf-8")
    main(["--audit", "--rows", str(file), "--format", "json"])
    return {one["rule"]: one["reason"] for one in json.loads(capsys.readouterr().out)}


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, False),
        ({"stderr": "0.09"}, True),
        ({"stderr": "1.79"}, True),
        ({"n": "32700"}, True),
        ({"stderr": "0.8"}, False),
        ({"stderr": "0.09", "protocol": "mean of five runs, over their seeds"}, False),
        ({"stderr": "0.09", "metric": "mc2"}, False),
    ],
)
def test_a_standard_error_that_no_run_over_so_many_documents_has_is_found(
    changed: dict[str, str], found: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {
        "id": "mine.1", "source": "Lab 2026", "place": "T1", "model": "Foo-7B", "task": "BoolQ",
        "metric": "acc", "unit": "%", "printed": "71.2", "cited": "71.23", "cited_source": "a log",
        "stderr": "0.79", "n": "3270",
    }  # fmt: skip
    said = said_of({**row, **changed}, tmp_path, capsys).get("not_that_protocol", "")
    assert ("and no protocol says of what else it is" in said) is found


def test_a_half_is_rounded_up_or_to_even_and_never_cut_off(folder: Path, audit: Audit) -> None:
    def rounds(number: str, printed: str) -> bool:
        return rounds_to(Decimal(number), Decimal(printed))

    assert rounds("39.95", "40.0") and not rounds("39.95", "39.9")
    assert rounds("0.705", "0.71") and rounds("0.705", "0.70") and not rounds("0.706", "0.70")
    paper = folder / "published" / "lindenau.yaml"
    paper.write_text(paper.read_text(encoding="utf-8").replace("printed: 40.0", "printed: 39.9"), "utf-8")
    assert "text-davinci-003 TruthfulQA: prints 39.9; AlpacaDataCleaned README" in audit()
