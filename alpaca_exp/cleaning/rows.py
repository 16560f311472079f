"""Rows of instruction data: the three fields that rules read, and whatever else came with them."""

from __future__ import annotations

from alpaca_exp.records import Example, Row


def example_of(row: Row) -> Example:
    """The three fields of `row`."""
    return Example(row["instruction"], row["output"], row["input"])


def with_example(row: Row, example: Example) -> Row:
    """`row` with the three fields of `example`; its id and all other keys stay."""
    fields = {"instruction": example.instruction, "input": example.input, "output": example.output}
    return {**row, **fields}


def removal_row(row: Row, rule: str, category: str, reason: str) -> Row:
    """One line of `removed.jsonl`."""
    return {"id": row["id"], "rule": rule, "category": category, "reason": reason}


def edit_row(row: Row, rule: str, category: str, before: Example, after: Example, reason: str) -> Row:
    """One line of `edited.jsonl`; before and after hold the fields that changed."""
    names = ("instruction", "input", "output")
    fields = [name for name in names if getattr(before, name) != getattr(after, name)]
    return {
        "id": row["id"],
        "rule": rule,
        "category": category,
        "before": {name: getattr(before, name) for name in fields},
        "after": {name: getattr(after, name) for name in fields},
        "reason": reason,
    }
