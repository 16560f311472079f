"""A seed file that cannot be used is named before anybody is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.selfinstruct.seed_tasks import read_seed_tasks
from tests.generating import run, seed_file
from tests.servers import Server, stage_folder


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    return seed_file(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "five", "instruction": "x"}', "line 5, lacks instances"),
        ('{"id": "five", "instruction": ', "line 5, is not valid JSON"),
        ('{"id": "five", "instruction": "x", "instances": []}', "task five: instances must be"),
        (
            '{"id": "five", "instruction": 3, "instances": [{"input": "", "output": ""}]}',
            "task five: instruction",
        ),
        (
            '{"id": "five", "instruction": " ", "instances": [{"input": "", "output": ""}]}',
            "instruction is empty",
        ),
        ('{"id": "one", "instruction": "x", "instances": [{"input": "", "output": ""}]}', "have the id one"),
        (
            '{"id": "five", "instruction": "x", "instances": [{"input": "", "output": ""}], '
            '"is_classification": "no"}',
            "task five: is_classification must be true or false",
        ),
    ],
)
def test_a_broken_seed_task_is_named(tmp_path: Path, seeds: Path, line: str, message: str) -> None:
    seeds.write_text(seeds.read_text() + line + "\n")
    with Server() as server:
        with pytest.raises(InputError, match=message):
            run(server, stage_folder(tmp_path), seed_tasks=seeds)
        assert server.count == 0


def test_every_broken_line_is_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    good = '{"id": "a", "instruction": "Say.", "instances": [{"input": "", "output": "x"}]}'
    file.write_text(f'{{"id": \n{good}\n{{"id": "b"}}\n{{"id": "c", "instruction": "x", "instances": []}}\n')
    with pytest.raises(InputError) as caught:
        read_seed_tasks(file, 0)
    first, second, third = str(caught.value).splitlines()
    assert "line 1, is not valid JSON" in first and "line 3, lacks instruction, instances" in second
    assert "task c: instances must be" in third


def test_too_few_seed_tasks_are_said(tmp_path: Path, seeds: Path) -> None:
    with Server() as server, pytest.raises(InputError, match=r"holds 4 seed tasks.*lower teacher\.num_dem"):
        run(server, stage_folder(tmp_path), seed_tasks=seeds, num_demonstrations=5)
