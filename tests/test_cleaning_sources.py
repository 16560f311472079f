"""Where rows come from: files in the usual formats, published ones; and what is said of bad rows."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from alpaca_exp.cleaning.corpora import corpus_texts
from alpaca_exp.cleaning.files import count_rows
from alpaca_exp.cleaning.sources import iterate_rows, read_rows, read_source, source_obstacles
from alpaca_exp.errors import InputError
from alpaca_exp.records import Row
from alpaca_exp.schemas import DatasetVariantConfig, OnError

GOOD = {"instruction": "Go.", "input": "", "output": "Gone."}


def written(path: Path, content: object) -> Path:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def lines(*rows: object) -> str:
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)


def parquet(path: Path, rows: Iterable[Row]) -> Path:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
    return path


def problem(file: Path, **told: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_rows(file, **told)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def variant(**told: Any) -> DatasetVariantConfig:
    return DatasetVariantConfig(**told)


def obstacles(**told: Any) -> str:
    return "\n".join(source_obstacles(variant(**told), offline=True))


def test_alpacas_array_is_read_with_ids_by_place_and_unknown_keys_kept(tmp_path: Path) -> None:
    file = written(tmp_path / "data.json", [{**GOOD, "from": "us"}])
    assert read_rows(file) == [{"id": "row-0", **GOOD, "from": "us"}]


def test_the_same_rows_come_out_of_every_format(tmp_path: Path) -> None:
    rows = [{**GOOD, "output": text, "n": n} for n, text in enumerate(("Gone.", "Möwe \u2028 😀", 'a "b"'))]
    text, several = json.dumps(rows, indent=4, ensure_ascii=False), lines(*rows)
    files = [
        written(tmp_path / "array.json", text),
        written(tmp_path / "compact.json", json.dumps(rows, separators=(",", ":"))),
        written(tmp_path / "lines.jsonl", several),
        written(tmp_path / "windows.jsonl", b"\xef\xbb\xbf" + several.replace("\n", "\r\n").encode()),
        written(tmp_path / "array.json.gz", gzip.compress(text.encode(), mtime=0)),
        written(tmp_path / "wrongly_named.txt", gzip.compress(several.encode(), mtime=0)),
        parquet(tmp_path / "rows.parquet", rows),
    ]
    expected = [{"id": f"row-{n}", **row} for n, row in enumerate(rows)]
    for file in files:
        assert read_rows(file) == expected, file.name
        assert count_rows(file) == 3, file.name


def test_json_lines_with_other_usual_names_are_read(tmp_path: Path) -> None:
    rows = ({"prompt": "Go.", "response": "Gone."}, {"question": "A", "context": None, "answer": "B"})
    read = read_rows(written(tmp_path / "data.jsonl", lines(*rows)))
    assert [(row["input"], row["output"]) for row in read] == [("", "Gone."), ("", "B")]


def test_unusual_columns_are_named_in_the_config(tmp_path: Path) -> None:
    file = written(tmp_path / "data.jsonl", lines({"task": "Go.", "reply": "Gone.", "prompt": "kept"}))
    columns = {"instruction": "task", "output": "reply"}
    assert read_rows(file, columns) == [{"id": "row-0", **GOOD, "prompt": "kept"}]
    assert "line 1 lacks ask (it has prompt, reply, task)" in problem(
        file, columns={**columns, "instruction": "ask"}
    )
    assert "lacks more" in problem(file, columns={**columns, "input": "more"})
    without = written(tmp_path / "null.jsonl", lines({"task": "Go.", "reply": "Gone.", "more": None}))
    assert read_rows(without, {**columns, "input": "more"}) == [{"id": "row-0", **GOOD}]


def test_a_chat_of_one_turn_is_a_row_and_any_other_is_named(tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "Go."}, {"role": "assistant", "content": "Gone."}]
    sharegpt = [{"from": "human", "value": "Go."}, {"from": "gpt", "value": "Gone."}]
    file = written(tmp_path / "chat.jsonl", lines({"messages": chat}, {"id": 7, "conversations": sharegpt}))
    assert read_rows(file) == [{"id": "row-0", **GOOD}, {"id": "7", **GOOD}]
    longer = [{"messages": chat * 2}, {"messages": [{"role": "system", "content": "Be."}, *chat]}]
    said = problem(written(tmp_path / "longer.jsonl", lines({"messages": chat}, *longer)))
    assert "line 2 is no single question and answer: `messages` has user, assistant, user, assistant" in said
    assert "line 3 is no single question and answer: `messages` has system, user, assistant" in said


def test_seed_tasks_become_one_row_an_instance(tmp_path: Path) -> None:
    task = {"id": "seed_task_0", "instruction": "Add.", "instances": [{"input": "1 1", "output": "2"}]}
    twice = {**task, "id": "seed_task_1", "instances": task["instances"] * 2}
    read = read_rows(written(tmp_path / "seeds.jsonl", lines(task, twice)))
    assert [row["id"] for row in read] == ["seed_task_0", "seed_task_1.0", "seed_task_1.1"]
    assert "instances" not in read[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lines(GOOD, '{"instruction": '), "line 2 is not valid JSON (Expecting value at column 17)"),
        (
            lines(GOOD, '{"output": "b'),
            "line 2 is not valid JSON (Unterminated string starting at column 12)",
        ),
        (
            '[{"instruction": "a", "output": "b"},\n {"instruction": "a" "output": "b"}]',
            "line 2 is not valid",
        ),
        (
            '[\n{"instruction": "a", "output": "b"},\n{"instruction": "a", "outp',
            "line 3 is not valid JSON (Unterminated string starting at column 22), and no row follows: "
            "the file was cut short there",
        ),
        ('[{"instruction": "a", "output": "b"}\n', "line 1 is the file's end, but the array is not closed"),
        (
            '[{"instruction": "a", "output": "b"}\n {"instruction": "a", "output": "b"}]',
            "line 2 lacks the comma between two rows",
        ),
        ('[{"instruction": "a", "output": "b"}]\n[]', "line 2 goes on behind the array's end"),
        ([GOOD, {"instruction": "a"}], "row 2 lacks output (it has instruction)"),
        ([GOOD, {**GOOD, "output": 7}], "row 2 has int for `output`, which must be text"),
        ([GOOD, {**GOOD, "output": None}], "row 2 has null for `output`, which must be text"),
        ([GOOD, ["c"]], "row 2 is no JSON object but a list"),
        (lines({**GOOD, "id": "x"}, GOOD, {**GOOD, "id": "x"}), "line 3 has the id of line 1 (x)"),
        (lines({**GOOD, "id": "row-1"}, GOOD), "line 2 has the id of line 1 (row-1)"),
        (lines(GOOD, {**GOOD, "id": "row-0"}), "line 2 has the id of row 1 (row-0)"),
        ([GOOD, {**GOOD, "output": "\ud83d"}], "row 2 holds half a character in `output` (a lone surrogate)"),
        ([GOOD, {**GOOD, "tags": [{"a": "\ud83d"}]}], "row 2 holds half a character in `tags`"),
        (lines(GOOD).encode() + b'{"output": "caf\xe9"}\n', "line 2 is not UTF-8 (byte 0xe9)"),
        (
            b'[{"instruction": "a", "output": "b"}, {"instruction": "a", "output": "caf\xe9"}]',
            "row 2 holds a byte in `output` that is not UTF-8 (0xe9)",
        ),
        (lines(GOOD, {**GOOD, "k\ud83d": 1}), "line 2 holds half a character in `a column's name`"),
        ([GOOD, {"instruction": "a", "instances": "b"}], "row 2 must have a list of input/output objects"),
        (lines(GOOD, "[" * 100_000), "line 2 is nested too deeply"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_or_left_out_and_counted(
    tmp_path: Path, content: object, message: str
) -> None:
    file = written(tmp_path / "data.json", content)
    said = problem(file)
    assert said.startswith(f"{file} has 1 row that cannot be used: {message}")
    assert "mend it" in said and said.endswith("dataset_variant.on_error=skip")
    source = read_source(variant(source=file, on_error=OnError.skip), None, offline=True)
    assert sum(source.skipped.values()) == 1
    assert all(row["instruction"] in ("Go.", "a") for row in source.rows) and source.rows
    assert source.notes[-1].startswith(f"{file}: 1 row left out (1 ")


def test_all_problems_of_a_file_are_summed_up_in_one_sentence(tmp_path: Path) -> None:
    broken = ["{", {"instruction": "a"}, {**GOOD, "output": 1}, *[{**GOOD, "input": []}] * 1200]
    file = written(tmp_path / "data.jsonl", lines(GOOD, *broken, GOOD))
    said = problem(file)
    assert f"{file} has 1,203 rows that cannot be used: line 2 is not valid JSON" in said
    assert "line 3 lacks output" in said and "line 4 has int" in said and "line 7" not in said
    assert "and 1,198 more (in all: 1,201 mixed types, 1 broken JSON, 1 missing columns)" in said
    assert "mend them, name the columns with dataset_variant.columns=" in said
    source = read_source(variant(source=file, on_error=OnError.skip), None, offline=True)
    assert [row["id"] for row in source.rows] == ["row-0", "row-1204"]
    assert source.skipped == {"broken JSON": 1, "missing columns": 1, "mixed types": 1201}
    assert source.notes == (
        f"{file}: 1,203 rows left out (1,201 mixed types, 1 broken JSON, 1 missing columns)",
    )


def test_behind_a_broken_row_of_an_array_the_others_are_found_again(tmp_path: Path) -> None:
    rows = [json.dumps({**GOOD, "n": n}) for n in range(6)]
    rows[1], rows[3] = rows[1][:-3], rows[3].replace(":", "", 1)
    for joint in (",\n  ", ", "):
        file = written(tmp_path / "data.json", f"[{joint.join(rows)}]")
        read = read_rows(file, on_error=OnError.skip)
        assert [row["n"] for row in read] == [0, 2, 4, 5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "holds no rows; give a source with at least one example"),
        ("", "holds no rows"),
        (lines({"ask": "a", "tell": "b"}), "lacks instruction and output (it has ask, tell)"),
        ("instruction,output\na,b\n", "no row is left: give a JSON array or JSON lines"),
        (b"\xff\xfe[\x00]\x00", "is UTF-16 text; save it as UTF-8"),
        (b"PAR1\xff\xfe\x00", "is not a Parquet file that can be read"),
        (gzip.compress(b"[" + b" " * 4000, mtime=0)[:-12], "cannot be unpacked"),
    ],
)
@pytest.mark.parametrize("on_error", OnError)
def test_a_file_without_one_usable_row_is_refused_either_way(
    tmp_path: Path, content: object, message: str, on_error: OnError
) -> None:
    file = written(tmp_path / "data.json", content)
    assert message in problem(file, on_error=on_error)
    assert str(file) in problem(file, on_error=on_error)


def test_a_gzip_file_that_was_cut_short_gives_the_rows_before_the_cut(tmp_path: Path) -> None:
    rows = lines(*({**GOOD, "n": n, "noise": str(n * 7919 % 10007) * 3} for n in range(3000)))
    file = written(tmp_path / "data.jsonl.gz", gzip.compress(rows.encode(), mtime=0)[:-400])
    assert "cannot be unpacked" in problem(file) and "cut short" in problem(file)
    assert 1000 < len(read_rows(file, on_error=OnError.skip)) < 3000


def test_a_folder_is_answered_with_the_file_to_name(tmp_path: Path) -> None:
    assert f"{tmp_path}, is a folder; name a file: a JSON array" in obstacles(source=tmp_path)
    written(tmp_path / "data.json", [GOOD])
    assert f"is a folder; name a file in it, such as {tmp_path / 'data.json'}" in obstacles(source=tmp_path)
    assert "is a folder" in problem(tmp_path)
    assert "there is no such file" in obstacles(source=tmp_path / "absent.json")


def test_a_parquet_without_the_columns_says_which_it_has(tmp_path: Path) -> None:
    file = parquet(tmp_path / "rows.parquet", [{"ask": "a", "tell": "b"}] * 20)
    assert "row 1 lacks instruction and output (it has ask, tell)" in problem(file)
    assert "and 15 more" in problem(file) and "dataset_variant.columns={" in problem(file)
    assert len(read_rows(file, {"instruction": "ask", "output": "tell"})) == 20


def test_what_arrow_knows_and_json_does_not_is_kept_as_text(tmp_path: Path) -> None:
    table = {**{name: [text] for name, text in GOOD.items()}, "raw": [b"\x01"], "tags": [["a", "b"]]}
    table["when"] = pyarrow.array([0], pyarrow.timestamp("s"))
    pyarrow.parquet.write_table(pyarrow.table(table), tmp_path / "rows.parquet")
    (row,) = read_rows(tmp_path / "rows.parquet")
    assert (row["raw"], row["tags"], row["when"]) == ("01", ["a", "b"], "1970-01-01 00:00:00")
    json.dumps(row)


def test_rows_come_one_at_a_time(tmp_path: Path) -> None:
    file = written(tmp_path / "data.jsonl", lines(*[GOOD] * 100_000))
    with file.open("rb+") as opened:
        rows = iterate_rows(file)
        assert next(rows)["id"] == "row-0"
        opened.truncate(len(lines(GOOD)) * 50_000)  # what is not read yet may still change
        assert sum(1 for _ in rows) == 49_999


def test_a_corpus_may_have_any_columns_and_broken_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(
        tmp_path / "c.jsonl", lines({**GOOD, "input": "x"}, "{", {"title": "T", "body": "B", "n": 1})
    )
    assert list(corpus_texts(file)) == list(corpus_texts(file)) == ["Go.\nx\nGone.", "T\nB"]
    assert capsys.readouterr().err.count("1 of 3 rows left out") == 1
    with pytest.raises(InputError, match="holds no text"):
        list(corpus_texts(written(tmp_path / "none.jsonl", "{\n")))
