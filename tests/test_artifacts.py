"""The engine: find it, or make it."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from alpaca_exp.artifacts import Artifact, Stage, run
from alpaca_exp.errors import ArtifactError
from alpaca_exp.identity import differences, identity
from alpaca_exp.ledger import report
from alpaca_exp.records import Usage
from alpaca_exp.schemas import identity as identity_field
from alpaca_exp.schemas import runtime as runtime_field


@dataclass
class Recipe:
    """A stage's config as the project's are."""

    words: int = identity_field("how many", 3)
    workers: int = runtime_field("how fast", 1)


def write(recipe: Recipe, *, out: Path) -> None:
    with (out.parents[1] / "calls.txt").open("a") as calls:
        calls.write("write\n")
    (out / "text.txt").write_text("word " * recipe.words)
    report(out, Usage(requests=2, usd=0.5))


def count(*, text: Artifact, out: Path) -> None:
    (out / "count.txt").write_text(str(len((text / "text.txt").read_text().split())))


def slow(recipe: Recipe, *, out: Path) -> None:
    time.sleep(0.5)
    write(recipe, out=out)


def stages(recipe: Recipe) -> Stage:
    return Stage("count", count, {}, {"text": Stage("write", write, {"recipe": recipe})})


def calls(outputs: Path) -> int:
    return len((outputs / "calls.txt").read_text().splitlines())


def test_a_stage_is_made_once_and_found_after_that(tmp_path: Path) -> None:
    first = run(stages(Recipe()), tmp_path)
    assert run(stages(Recipe()), tmp_path).path == first.path
    assert calls(tmp_path) == 1


def test_a_change_of_how_it_runs_finds_the_artifact_and_of_what_it_makes_does_not(tmp_path: Path) -> None:
    run(stages(Recipe()), tmp_path)
    run(stages(Recipe(workers=8)), tmp_path)
    assert calls(tmp_path) == 1
    run(stages(Recipe(words=4)), tmp_path)
    assert calls(tmp_path) == 2


def test_a_raised_version_makes_the_stage_and_what_follows_it_again(tmp_path: Path) -> None:
    old = stages(Recipe())
    new = Stage("count", count, {}, {"text": Stage("write", write, {"recipe": Recipe()}, version=2)})
    assert run(old, tmp_path).path != run(new, tmp_path).path
    assert calls(tmp_path) == 2


def test_a_file_counts_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    for name, text in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / name).write_text(text)
    a, b, c = (identity(tmp_path / name) for name in "abc")
    assert a == b != c


def test_the_record_says_how_and_from_what_the_artifact_was_made(tmp_path: Path) -> None:
    record = run(stages(Recipe()), tmp_path).record
    assert set(record) >= {"stage", "version", "fingerprint", "identity", "inputs", "files", "started"}
    text = run(Stage("write", write, {"recipe": Recipe()}), tmp_path)
    assert record["inputs"] == {"text": text.path.name}
    assert text.record["usage"]["usd"] == 0.5
    assert list(text.record["files"]) == ["text.txt"]


def test_an_interrupted_stage_leaves_no_record_and_is_made_by_the_next_run(tmp_path: Path) -> None:
    def dies(recipe: Recipe, *, out: Path) -> None:
        (out / "half.txt").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Stage("write", dies, {"recipe": Recipe()}), tmp_path)
    made = run(Stage("write", write, {"recipe": Recipe()}), tmp_path)
    assert (made / "half.txt").read_text() == "half", "the next attempt sees the unfinished files"


@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_a_damaged_artifact_is_named_and_made_again_only_on_request(tmp_path: Path, harm: str) -> None:
    file = run(stages(Recipe()), tmp_path) / "count.txt"
    file.write_text("4") if harm == "changed" else file.unlink()
    with pytest.raises(ArtifactError, match=rf"count\.txt (is|was) {harm}.*remake_damaged"):
        run(stages(Recipe()), tmp_path)
    remade = run(stages(Recipe()), tmp_path, remake_damaged=True)
    assert (remade / "count.txt").read_text() == "3"


def test_a_torn_record_is_named(tmp_path: Path) -> None:
    record = run(stages(Recipe()), tmp_path) / "record.json"
    record.write_text(record.read_text()[:40])
    with pytest.raises(ArtifactError, match="is not a record; delete"):
        run(stages(Recipe()), tmp_path)


def test_moving_the_outputs_breaks_nothing(tmp_path: Path) -> None:
    run(stages(Recipe()), tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    run(stages(Recipe()), tmp_path / "there")
    assert calls(tmp_path / "there") == 1


def test_three_processes_that_want_one_artifact_make_it_once(tmp_path: Path) -> None:
    stage = Stage("write", slow, {"recipe": Recipe()})
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=run, args=(stage, tmp_path)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert calls(tmp_path) == 1


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    def hangs(recipe: Recipe, *, out: Path) -> None:
        (out.parents[1] / "started").touch()
        time.sleep(60)

    context = multiprocessing.get_context("fork")
    holder = context.Process(target=run, args=(Stage("write", hangs, {"recipe": Recipe()}), tmp_path))
    holder.start()
    while not (tmp_path / "started").exists():
        time.sleep(0.02)
    os.kill(holder.pid or 0, 9)
    holder.join()
    run(Stage("write", write, {"recipe": Recipe()}), tmp_path)
    assert calls(tmp_path) == 1


def test_what_differs_between_two_recipes_is_named_field_by_field() -> None:
    old = {"teacher": {"type": "A", "seed": 0, "model": "a"}, "seed": 1}
    new = {"teacher": {"type": "A", "seed": 1, "model": "b"}, "seed": 1}
    assert list(differences(old, new)) == [("teacher.seed", 0, 1), ("teacher.model", "a", "b")]
    assert list(differences(old, {"teacher": {"type": "B", "size": 3}, "seed": 1})) == [("teacher", "A", "B")]
    assert list(differences(old, json.loads(json.dumps(old)))) == []
