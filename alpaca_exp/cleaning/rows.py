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
