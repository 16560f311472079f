"""Two data sets row by row: what is the same row, what changed, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from alpaca_exp.cleaning.difference_text import as_json, markdown
from alpaca_exp.cleaning.differences import Difference, Side, difference
from alpaca_exp.cleaning.matching import By, match
from alpaca_exp.cleaning.wording import marked, visible
from alpaca_exp.lineage import Cap, Lineage
from alpaca_exp.records import Row

ORIGINAL = Lineage("alpaca", "text-davinci-003", Cap(100), ())
FINAL = Lineage("alpaca_cleaned", "mostly gpt-4", Cap(None), ("community edits",), "alpaca")


def row(name: str, instruction: str, output: str = "one two three", given: str = "") -> Row:
    return {"id": name, "instruction": instruction, "input": given, "output": output}


def published(count: int, without: tuple[int, ...] = ()) -> list[Row]:
    """A file without ids of its own: `row-<index>` counts the rows that are there."""
    kept = [number for number in range(count) if number not in without]
    return [
        row(f"row-{place}", f"Do thing {number}.", f"answer {number}") for place, number in enumerate(kept)
    ]


def side(rows: list[Row], name: str = "a", lineage: Lineage = ORIGINAL, **more: Any) -> Side:
    return Side(name, f"file {name}", rows, lineage, **{"source": lineage.source, **more})


def paired(a: list[Row], b: list[Row], by: By = By.auto, same_source: bool = False) -> list[tuple[str, str]]:
    found = match(a, b, by, same_source)
    return [(a[i]["instruction"], b[j]["instruction"]) for i, j in found.pairs]


def test_places_in_files_of_different_sources_are_no_names() -> None:
    a, b = published(50), published(50, without=(3, 20))
    found = match(a, b, By.auto, same_source=False)
    assert found.by is By.content
    assert all(a[i]["instruction"] == b[j]["instruction"] for i, j in found.pairs)
    assert [a[i]["instruction"] for i in found.only_a] == ["Do thing 3.", "Do thing 20."]
    assert found.only_b == [] and len(found.pairs) == 48


def test_places_in_files_of_the_same_length_are_no_names_either() -> None:
    a, b = published(10), published(11, without=(0,))
    assert len(a) == len(b)
    assert all(one == other for one, other in paired(a, b))


def test_places_count_where_both_come_from_one_source() -> None:
    a = published(10)
    b = [{**one, "instruction": "Else.", "output": "else"} for one in a[4:]]
    found = match(a, b, By.auto, same_source=True)
    assert found.by is By.id and found.only_a == [0, 1, 2, 3] and len(found.pairs) == 6


def test_ids_that_are_names_match_rows_that_changed() -> None:
    a = [row(f"task-{n}", f"Do {n}.") for n in range(6)]
    b = [{**one, "instruction": "Else."} if one["id"] == "task-2" else one for one in a[1:]]
    assert match(a, b, By.auto, same_source=False).by is By.id
    assert ("Do 2.", "Else.") in paired(a, b)


def test_ids_that_name_other_rows_are_not_believed() -> None:
    a = [row(str(n), f"Do {n}.") for n in range(10)]
    b = [row(str(n), f"Do {n + 1}.") for n in range(9)]
    found = match(a, b, By.auto, same_source=False)
    assert found.by is By.content and all(one == other for one, other in paired(a, b))
    assert match(a, b, By.id, same_source=False).steps == {"id": 9}


def test_a_changed_row_is_found_by_what_it_kept() -> None:
    long = "these are more than eight words that nobody else wrote"
    a = [row("row-0", "Say hi.", given="noinput"), row("row-1", "Tell.", long), row("row-2", "Go.", "old")]
    b = [row("row-0", "Go.", "new"), row("row-1", "Say hi."), row("row-2", "Tell it.", long)]
    found = match(a, b, By.auto, same_source=False)
    assert found.steps == {
        "all three fields": 0, "instruction and input": 1, "instruction": 1, "output": 1
    }  # fmt: skip
    assert found.pairs == [(0, 1), (1, 2), (2, 0)]


def test_other_instances_of_one_task_are_other_rows() -> None:
    a, b = [row("row-0", "Add.", "3", "1 + 2")], [row("row-0", "Add.", "7", "3 + 4")]
    assert not match(a, b, By.auto, same_source=False).pairs


def test_what_content_does_not_match_is_matched_by_place_only_where_that_is_declared() -> None:
    a, b = (
        [row("row-0", "Same."), row("row-1", "Old words.", "x")],
        [row("row-0", "Same."), row("row-1", "New.")],
    )
    assert len(match(a, b, By.auto, same_source=False).pairs) == 1
    found = match(a, b, By.position, same_source=False)
    assert found.pairs == [(0, 0), (1, 1)] and found.steps["place in the file"] == 1


def test_every_row_is_in_a_pair_or_left_over_once() -> None:
    chance = Random(0)
    for _ in range(50):
        a, b = (
            [row(f"row-{n}", f"Do {chance.randrange(6)}.", f"{chance.randrange(3)}") for n in range(9)]
            for _ in "ab"
        )
        found = match(a, b, chance.choice(list(By)), chance.random() < 0.5)
        assert sorted([i for i, _ in found.pairs] + found.only_a) == list(range(9))
        assert sorted([j for _, j in found.pairs] + found.only_b) == list(range(9))


@pytest.fixture
def found() -> Difference:
    """A cleaned variant of the same source: two rows removed, one repaired."""
    a = [row(f"row-{n}", f"Do {n}.", "word " * (n + 1), "noinput" if n == 5 else "") for n in range(8)]
    b = [{**one, "input": ""} for one in a if one["id"] not in ("row-0", "row-1", "row-2")]
    told = {"category": "c", "reason": "r"}
    removed = [{"id": f"row-{n}", "rule": "wrong_sum" if n else "empty_output", **told} for n in (0, 1)]
    edited = [{"id": "row-5", "rule": "placeholder_input", **told}]
    cleaned = Lineage("alpaca", "text-davinci-003", Cap(100), ("wrong_sum",))
    return difference(side(a, "original"), side(b, "cleaned", cleaned, removed=removed, edited=edited))


def test_rules_explain_what_is_gone_and_what_changed(found: Difference) -> None:
    assert found.explained.only_a == {
        "empty_output": 1, "wrong_sum": 1, "not drawn, or not in the source": 1
    }  # fmt: skip
    assert found.explained.changed == {"placeholder_input (cleaned)": 1}
    assert [(one.field, one.rows, one.emptied, one.change.mean) for one in found.changes] == [
        ("input", 1, 1, -1)
    ]
    assert (found.identical, len(found.matching.pairs)) == (4, 5)


def test_lengths_are_those_of_all_rows_and_the_change_that_of_pairs(found: Difference) -> None:
    lengths = found.lengths["output"]
    assert (lengths.a["mean"], lengths.b["mean"]) == (4.5, 6.0)
    assert lengths.change and lengths.change.mean == 0, "the same rows are as long as before"


def test_a_paired_change_has_its_interval() -> None:
    a = [row(f"row-{n}", f"Do {n}.", "w") for n in range(100)]
    b = [{**one, "output": "w " * (2 + n % 3)} for n, one in enumerate(a)]
    change = difference(side(a), side(b, "b")).lengths["output"].change
    assert change and change.mean == pytest.approx(1.99)
    assert change.low == pytest.approx(1.99 - 0.1605, abs=0.001)


def test_answers_of_another_teacher_are_said_to_be_no_rules_work() -> None:
    a = [row(f"row-{n}", f"Do {n}.") for n in range(3)]
    anew = Lineage("alpaca", "t", Cap(None), (), anew=True)
    found = difference(side(a), side([{**one, "output": "new"} for one in a], "uncapped", anew))
    assert found.explained.changed == {"answered anew (uncapped)": 3}
    assert found.confounded and "uncapped differs in teacher and length" in found.sentence.replace(
        "a vs ", ""
    )


def test_the_text_says_how_rows_were_matched_and_what_is_confounded() -> None:
    text = markdown(difference(side(published(30)), side(published(30, (1,)), "b", FINAL)))
    assert (
        "**More than one cause:** a vs b differs in cleaning, teacher and length. a has 30 rows, b 29."
        in text
    )
    assert "Rows were matched by content, since the ids are no names that both share: 29 by all three" in text
    assert "| only in A | 1 |" in text and "## Changed fields" not in text
    assert "\x1b" not in text


def test_a_terminal_gets_colours_and_nothing_that_a_row_smuggles_in() -> None:
    a, b = [row("row-0", "Do.", "\x1b[31mred")], [row("row-0", "Do.", "\x1b[31mred and more\u202e")]
    found = difference(side(a), side(b, "b"), By.id)
    coloured = markdown(found, coloured=True)
    assert "\x1b[32mand more\\x202e\x1b[0m" in coloured and "\\x1b[31mred" in coloured
    assert "\x1b" not in markdown(found)


def test_words_that_changed_are_marked_and_the_rest_is_shortened() -> None:
    assert marked("the old way", "the new way") == "the [-old-] {+new+} way"
    assert marked("same", "same") == "same"
    assert marked("", "all new") == "{+all new+}"
    long = " ".join(str(n) for n in range(100))
    assert marked(long, long + " end").count(" ") < 30
    assert visible("a\nb\tc") == "a \u21b5 b c"


def test_examples_are_the_same_ones_in_any_order_and_as_many_as_wanted() -> None:
    a, b = published(200), published(200, tuple(range(0, 200, 5)))
    chosen = [
        pair[0]["id"]
        for pair in difference(side(a), side(b, "b"), examples=4).examples["only in A"]
        if pair[0]
    ]
    Random(1).shuffle(a)
    again = difference(side(a), side(b, "b"), examples=4).examples["only in A"]
    assert chosen == [pair[0]["id"] for pair in again if pair[0]] and len(chosen) == 4
    assert difference(side(a), side(b, "b"), examples=0).examples == {}


def test_json_holds_what_the_text_says(found: Difference) -> None:
    told = json.loads(json.dumps(as_json(found)))
    assert told["rows"] == {
        "in A": 8, "in B": 5, "in both": 5, "of these identical": 4, "of these changed": 1,
        "only in A": 3, "only in B": 0,
    }  # fmt: skip
    assert told["matched_by"] == "id" and told["differs_in"] == ["cleaning"] and not told["confounded"]
    assert told["b"]["rules"]["removed"] == {"empty_output": 1, "wrong_sum": 1}
    assert told["changes"][0]["change"]["mean"] == -1
    assert told["examples"]["input changed"][0]["a"]["input"] == "noinput"


def test_a_set_and_itself_do_not_differ() -> None:
    found = difference(side(published(5)), side(published(5)))
    assert found.identical == 5 and not found.changes and not found.examples
    assert "A (file a) vs B (file a): no difference in lineage.\n" in markdown(found)


def test_nothing_in_common_is_said(tmp_path: Path) -> None:
    text = markdown(difference(side([row("x", "A.")]), side([row("y", "B.")], "b")))
    assert "| in both | 0 |" in text and "| \u2013 |" in text
