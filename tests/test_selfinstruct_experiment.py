"""The experiment in which a base model writes its own data: what it needs is said before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpaca_exp.artifacts import run
from alpaca_exp.compose import compose
from alpaca_exp.plan import plan
from alpaca_exp.readiness import obstacles, remarks
from alpaca_exp.records import read_jsonl

EXPERIMENT = "+experiment=self_instruct"


def said(*words: str) -> str:
    """What stands in the way of an experiment."""
    config = compose(list(words))
    return "\n".join(obstacles(plan(config), config))


@pytest.mark.parametrize("world", ["tiny", "standard"])
def test_the_miniatures_base_model_cannot_write_tasks_and_its_teacher_is_named(world: str) -> None:
    told = said(f"world={world}", EXPERIMENT)
    assert "teacher=base_model needs a model that can write tasks" in told and "teacher=miniature" in told
    assert said(f"world={world}", EXPERIMENT, "teacher=miniature") == ""


def test_the_miniatures_teacher_takes_the_steps_of_the_experiment(tmp_path: Path) -> None:
    words = ["world=tiny", EXPERIMENT, "teacher=miniature", "teacher.num_examples=40"]
    config = compose([*words, f"runtime.outputs={tmp_path}"])
    made = run(plan(config)["generate"], tmp_path)
    rows = list(read_jsonl(made / "examples.jsonl"))
    assert len(rows) == 40 and all("classification" in row["source"] for row in rows)
    assert {len(row["source"]["demonstrations"]) for row in rows} == {8}


def test_a_base_model_that_is_made_here_needs_a_corpus_and_steps(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("Some text.")
    bare = said("preset=local", EXPERIMENT)
    assert "base_model.corpus=FILE" in bare and "base_model.steps=0 leaves random weights" in bare
    ready = said("preset=local", EXPERIMENT, f"base_model.corpus={corpus}", "base_model.steps=9")
    assert "base_model." not in ready


def test_random_weights_are_welcome_where_they_are_only_tuned() -> None:
    assert "base_model" not in said("preset=local")


def test_that_the_seed_tasks_are_the_data_is_said_in_a_line(tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text('{"instruction": "Say hello.", "output": "Hello."}\n')
    [remark] = remarks(compose(["preset=local"]))
    assert "seeds/seed_tasks.jsonl" in remark and "dataset_variant.source=FILE" in remark
    assert remarks(compose(["preset=local", f"dataset_variant.source={own}"])) == []
    assert remarks(compose(["preset=miniature"])) == remarks(compose(["preset=local", EXPERIMENT])) == []
