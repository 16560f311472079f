"""A local mirror of lm-eval's documents: found, and checked before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpaca_exp.errors import ConfigError
from alpaca_exp.harness.mirror import mirror_files
from alpaca_exp.schemas import EvalSuiteConfig, WorldConfig, WorldSuiteConfig
from tests.mirrors import write_mirror


def test_both_multiple_choice_tasks_of_truthfulqa_share_one_folder(tmp_path: Path) -> None:
    mirror = write_mirror(tmp_path)
    files = mirror_files(EvalSuiteConfig(tasks=["piqa", "truthfulqa_mc1", "truthfulqa_mc2"], mirror=mirror))
    assert files == {
        "piqa": mirror / "piqa" / "validation.jsonl",
        "truthfulqa_mc1": mirror / "truthfulqa_mc" / "validation.jsonl",
        "truthfulqa_mc2": mirror / "truthfulqa_mc" / "validation.jsonl",
    }


def test_without_a_mirror_there_are_no_files(tmp_path: Path) -> None:
    assert mirror_files(EvalSuiteConfig(tasks=["piqa"])) == {}
    assert mirror_files(WorldSuiteConfig(tasks=["world_facts"], world=WorldConfig(), mirror=tmp_path)) == {}


def test_every_missing_piece_is_named_at_once(tmp_path: Path) -> None:
    mirror = write_mirror(tmp_path)
    (mirror / "piqa" / "validation.jsonl").write_text("")
    (mirror / "boolq" / "validation.jsonl").write_text('{"passage": "p", "query": "q"}\n')
    (mirror / "hellaswag" / "validation.jsonl").write_text("{oops\n")
    suite = EvalSuiteConfig(tasks=["piqa", "boolq", "hellaswag", "arc_easy", "winogrande"], mirror=mirror)
    with pytest.raises(ConfigError) as caught:
        mirror_files(suite)
    problems = caught.value.problems
    assert len(problems) == 4
    assert "holds no documents" in problems[0]
    assert "lacks the columns question, label" in problems[1]
    assert "line 1" in problems[2]
    assert "no arc_easy/validation.jsonl" in problems[3]


def test_solved_examples_are_listed_where_they_are_asked_for(tmp_path: Path) -> None:
    mirror = write_mirror(tmp_path)
    solved = mirror / "piqa" / "train.jsonl"
    solved.write_text((mirror / "piqa" / "validation.jsonl").read_text())
    assert mirror_files(EvalSuiteConfig(tasks=["piqa"], mirror=mirror, num_fewshot=2))["piqa.train"] == solved
    assert "piqa.train" not in mirror_files(EvalSuiteConfig(tasks=["piqa"], mirror=mirror))
