"""What is said before data is made: who can read which rows, and whether there are enough of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alpaca_exp.compose import compose
from alpaca_exp.costs import expected
from alpaca_exp.plan import plan
from alpaca_exp.readiness import obstacles, remarks
from tests.conftest import Command

TINY = ("world=tiny", "dataset_variant=cleaned")


def said(tmp_path: Path, *words: str) -> list[str]:
    config = compose([*TINY, f"runtime.outputs={tmp_path / 'outputs'}", *words])
    return obstacles(plan(config), config)


@pytest.fixture
def data(tmp_path: Path) -> str:
    rows = [{"instruction": f"Say {n}.", "output": f"{n}."} for n in range(8)]
    (tmp_path / "data.json").write_text(json.dumps(rows))
    return f"dataset_variant.source={tmp_path / 'data.json'}"


def test_the_miniatures_critic_reads_the_miniatures_rows(tmp_path: Path, data: str) -> None:
    assert said(tmp_path) == []
    (tmp_path / "journal.jsonl").write_text("")
    recorded = ("teacher=recorded", f"teacher.journal={tmp_path / 'journal.jsonl'}")
    assert said(tmp_path, *recorded, "teacher.model=miniature-teacher") == []
    assert said(tmp_path, data, "dataset_variant.source_teacher=miniature-teacher") == []


def test_of_other_rows_it_is_refused_with_what_to_take(tmp_path: Path, data: str) -> None:
    (tmp_path / "journal.jsonl").write_text("")
    recorded = ("teacher=recorded", f"teacher.journal={tmp_path / 'journal.jsonl'}", "teacher.model=gpt-4.1")
    [other] = said(tmp_path, *recorded)
    assert "the rows are written by gpt-4.1" in other and "do without (critic=none)" in other
    [file] = said(tmp_path, data)
    assert "the rows come from elsewhere" in file and "source_teacher=miniature-teacher" in file
    assert said(tmp_path, data, "critic=none") == []
    assert said(tmp_path, data, "critic=local_server", "critic.model=m") == []


def test_a_draw_that_the_rows_cannot_give_is_said(tmp_path: Path, data: str) -> None:
    [few] = said(tmp_path, data, "critic=none", "dataset_variant.num_examples=9")
    assert "num_examples is 9 and there are 8 rows" in few
    [tasks] = said(
        tmp_path, data, "critic=none", "dataset_variant.num_tasks=2", "dataset_variant.min_instances=3"
    )
    assert "of 8 tasks 0 have so many" in tasks
    [more] = said(tmp_path, "teacher.num_examples=20", "dataset_variant.num_examples=21")
    assert "dataset_variant.num_examples is 21 and teacher.num_examples is 20" in more


def test_a_plan_of_one_step_says_one_step(tmp_path: Path, data: str, command: Command) -> None:
    done = command("world=tiny", data, "judge=none", "trainer.epochs=1", "action=plan")
    assert done.returncode == 0, done.stderr
    assert " 1 step\n" in done.stdout and " 1 step, about " in done.stdout
    assert "1 steps" not in done.stdout and "0.0 M" not in done.stdout


def test_questions_and_answers_that_cannot_be_used_are_said_before_anything_is_trained(
    tmp_path: Path,
) -> None:
    (tmp_path / "questions.jsonl").write_text('{"question_id": 1, "text": "Why?"}\n')
    (tmp_path / "theirs.jsonl").write_text('{"question_id": 1, "prompt": "Who?", "text": "She."}\n')
    served = ("judge=local_server", f"judge.questions.file={tmp_path / 'questions.jsonl'}")
    [other] = said(tmp_path, *served, f"judge.opponent={tmp_path / 'theirs.jsonl'}")
    assert "theirs.jsonl answers another question 1: 'Who?', where 'Why?' was asked" in other
    (tmp_path / "questions.jsonl").write_text('{"question_id": 1}\n')
    [broken] = said(tmp_path, *served)
    assert "questions.jsonl, line 1, lacks text" in broken


def test_a_plan_counts_and_names_what_a_file_of_answers_leaves_out(tmp_path: Path) -> None:
    questions = [{"question_id": n, "text": f"What is {n}?"} for n in range(10)]
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions))
    answers = [{"question_id": n, "text": f"{n}.", "model": "m"} for n in range(6)]
    (tmp_path / "theirs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    served = ("judge=local_server", "judge.model=m", f"judge.questions.file={tmp_path / 'questions.jsonl'}")
    words = (*served, "judge.questions.inspection=null", f"judge.opponent={tmp_path / 'theirs.jsonl'}")
    config = compose([*TINY, f"runtime.outputs={tmp_path / 'outputs'}", *words])
    stages = plan(config)
    assert obstacles(stages, config) == []
    assert expected(stages["judge"], config.runtime.outputs).requests == 12 + 1, "one is a retest"
    assert expected(stages["opponent"], config.runtime.outputs).documents == 6
    [missing, unchecked] = [remark for remark in remarks(config) if "theirs.jsonl" in remark]
    assert "has no answer to 4 of the 10 questions (6, 7, 8, 9); these are not compared" in missing
    assert unchecked.startswith("6 of the 6 answers") and "by question_id alone" in unchecked
