"""What tests of generation share: a few seed tasks, a run against a server, a teacher's reply."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from alpaca_exp.records import Row, read_jsonl
from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.stages.generate import generate
from tests.servers import Server, teacher_at

SEEDS = [
    ("one", "Turn the sentence into a question.", "It rains.", "Does it rain?"),
    ("two", "Give the opposite of the word.", "cold", "warm"),
    ("three", "Write a friendly greeting for a neighbour.", "", "Good morning!"),
    ("four", "Count the letters of the word.", "tree", "4"),
]


def seed_file(folder: Path) -> Path:
    """`SEEDS` in stanford_alpaca's format."""
    file = folder / "seeds.jsonl"
    rows = [
        {
            "id": id,
            "name": id,
            "instruction": instruction,
            "instances": [{"input": given, "output": output}],
            "is_classification": False,
        }
        for id, instruction, given, output in SEEDS
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def run(server: Server, out: Path, **more: Any) -> tuple[list[Row], list[Row]]:
    """The kept and the rejected rows."""
    generate(teacher_at(server, **more), runtime=RuntimeConfig(), out=out)
    return list(read_jsonl(out / "examples.jsonl")), list(read_jsonl(out / "rejected.jsonl"))


def listed(prompt: str, *items: tuple[str, str, str]) -> str:
    """A reply that goes on where the prompt ended."""
    number = int(re.findall(r"(\d+)\. Instruction:$", prompt)[0])
    texts = [
        f"{n}. Instruction: {instruction}\n{n}. Input:\n{given}\n{n}. Output:\n{output}\n"
        for n, (instruction, given, output) in enumerate(items, start=number)
    ]
    return "###\n".join(texts).removeprefix(f"{number}. Instruction:")
