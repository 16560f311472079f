"""Subsets: seeded, nested, in proportion, equal across variants; tasks times rows of each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from alpaca_exp.cleaning.sources import read_rows
from alpaca_exp.cleaning.subsets import shorter, subset, task_of
from alpaca_exp.errors import InputError
from alpaca_exp.miniature.teacher import MiniatureTeacher
from alpaca_exp.records import Row
from alpaca_exp.schemas import MiniatureTeacherConfig, Task, WorldConfig
from tests.conftest import ROOT


def rows(count: int, tasks: int = 10) -> list[Row]:
    return [
        {
            "id": f"row-{n}",
            "instruction": f"Task number {chr(ord('a') + n % tasks)}",
            "input": "x" if n % 4 == 0 else "",
            "output": "word " * (n % 7 + 1),
        }
        for n in range(count)
    ]


def ids(some: list[Row]) -> list[str]:
    return [row["id"] for row in some]


def test_a_subset_keeps_the_order_of_its_source() -> None:
    drawn = subset(rows(400), None, 100, seed=0)
    assert drawn == [row for row in rows(400) if row in drawn]


@pytest.mark.parametrize("count", [1, 2, 3, 10, 50, 133, 399])
def test_rows_with_and_without_input_are_drawn_in_exact_proportion(count: int) -> None:
    drawn = subset(rows(400), None, count, seed=0)
    assert len(drawn) == count
    assert abs(sum(bool(row["input"]) for row in drawn) - count / 4) <= 0.5


def test_every_smaller_subset_lies_within_every_larger_one_of_the_same_seed() -> None:
    before: set[str] = set()
    for count in range(1, 60):
        drawn = set(ids(subset(rows(60), None, count, seed=3)))
        assert before < drawn
        before = drawn
    assert subset(rows(60), None, 20, seed=4) != subset(rows(60), None, 20, seed=3)


def test_the_draw_looks_at_ids_and_instructions_alone_so_that_variants_share_their_rows() -> None:
    other = [{**row, "output": "something else"} for row in reversed(rows(400))]
    for tasks, count in ((None, 50), (5, 50), (5, None)):
        assert set(ids(subset(other, tasks, count, 0))) == set(ids(subset(rows(400), tasks, count, 0)))


def test_rows_that_cleaning_took_are_replaced_and_no_other_row_changes() -> None:
    whole = subset(rows(400), None, 100, seed=0)
    left = [row for row in rows(400) if row not in whole[::10]]
    again = subset(left, None, 100, seed=0)
    assert len([row for row in again if row in whole]) >= 88


def test_more_rows_than_there_are_is_an_error_that_says_how_many_there_are() -> None:
    assert subset(rows(400), None, 400, seed=0) == rows(400)
    with pytest.raises(InputError, match="num_examples is 401 and there are 400 rows"):
        subset(rows(400), None, 401, seed=0)


def test_num_tasks_alone_takes_all_rows_of_so_many_tasks() -> None:
    drawn = subset(rows(400), 3, None, seed=0)
    assert Counter(Counter(row["instruction"] for row in drawn).values()) == {40: 3}


def test_tasks_times_rows_of_each_fill_the_same_number_of_rows() -> None:
    for num_tasks in (1, 2, 4, 10):
        drawn = subset(rows(400), num_tasks, 40, seed=0)
        counts = Counter(row["instruction"] for row in drawn)
        assert len(counts) == num_tasks and set(counts.values()) == {40 // num_tasks}


def test_fewer_tasks_are_among_more_and_fewer_rows_of_a_task_among_more() -> None:
    few, many = subset(rows(400), 2, 40, seed=0), subset(rows(400), 4, 40, seed=0)
    tasks = [{row["instruction"] for row in drawn} for drawn in (few, many)]
    assert tasks[0] < tasks[1]
    shared = [row for row in many if row["instruction"] in tasks[0]]
    assert len(shared) == 20 and all(row in few for row in shared)


def test_tasks_with_too_few_rows_are_not_drawn_and_the_error_says_how_many_have_enough() -> None:
    uneven = rows(400) + [
        {**row, "id": f"b{row['id']}", "instruction": "Rare " + row["id"]} for row in rows(30)
    ]
    drawn = subset(uneven, 10, 20, seed=0)
    assert not any(row["instruction"].startswith("Rare") for row in drawn)
    with pytest.raises(InputError, match=r"num_tasks is 11, each with 2 rows .* of 40 tasks 10 have so many"):
        subset(uneven, 11, 22, seed=0)


def test_the_pool_of_tasks_can_be_held_fixed_over_a_sweep() -> None:
    uneven = rows(400) + [
        {**row, "id": f"b{row['id']}", "instruction": "Rare " + row["id"]} for row in rows(30)
    ]
    free, held = subset(uneven, 10, 10, seed=0), subset(uneven, 10, 10, seed=0, min_instances=40)
    assert any(row["instruction"].startswith("Rare") for row in free)
    assert not any(row["instruction"].startswith("Rare") for row in held)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Where does Ann live?", "Where does Bob live?", Task.pattern),
        ("How much is 3 plus 4?", "How much is 3.5 plus 12", Task.pattern),
        ('Translate "good day" into French.', "Translate “good night” into Old Norse.", Task.pattern),
        ("Give three  tips.", "give three tips", Task.instruction),
        ("Where does Ann live?", "Where does Ann work?", None),
        ("Paris is old. Explain why", "Rome is old. Explain why", None),
        ("What shall I do?", "What shall we do?", None),
    ],
)
def test_what_makes_two_instructions_one_task(first: str, second: str, same: Task | None) -> None:
    for kind in (Task.instruction, Task.pattern):
        names = {task_of({"instruction": each}, kind) for each in (first, second)}
        joined = same is kind or same is Task.instruction
        assert (len(names) == 1) == joined


def test_a_row_that_names_its_task_is_believed() -> None:
    assert task_of({"instruction": "a", "task": "t1"}) == task_of({"instruction": "b", "task": "t1"})
    assert task_of({"instruction": "a", "task": ""}) == "a"


def test_seed_tasks_are_tasks_by_their_instruction_and_instances_by_theirs(tmp_path: Path) -> None:
    found = read_rows(ROOT / "seeds" / "seed_tasks.jsonl")
    assert len({task_of(row) for row in found}) == len(found) == 175
    assert len(subset(found, 20, 20, seed=0)) == 20
    with pytest.raises(InputError, match="0 have so many"):
        subset(found, 10, 20, seed=0)


def test_the_miniatures_data_has_tasks_by_pattern() -> None:
    config = MiniatureTeacherConfig(model="t", world=WorldConfig(people=24, tasks=160))
    offered = MiniatureTeacher(config).world.offered
    data: list[Row] = [
        {"id": str(n), "instruction": task.instruction, "input": task.input, "output": ""}
        for n, task in enumerate(offered)
    ]
    drawn = subset(data, 8, 32, seed=0, task=Task.pattern)
    assert set(Counter(task_of(row, Task.pattern) for row in drawn).values()) == {4}
    with pytest.raises(InputError, match="task=pattern"):
        subset(data, 8, 32, seed=0)


def test_alpacas_rows_are_as_many_tasks_and_fewer_by_pattern(shared_data: Path) -> None:
    found = read_rows(shared_data / "alpaca" / "alpaca_data.json")
    assert len(subset(found, 1000, 1000, seed=0)) == 1000
    with pytest.raises(InputError, match=r"of 52,002 tasks 0 have so many \(the largest has 1\)"):
        subset(found, 10, 80, seed=0)
    drawn = subset(found, 10, 80, seed=0, task=Task.pattern)
    assert set(Counter(task_of(row, Task.pattern) for row in drawn).values()) == {8}


def test_max_words_parts_the_rows_by_the_length_of_their_output() -> None:
    short, long = shorter(rows(70), 3)
    assert (len(short), len(long)) == (30, 40)
