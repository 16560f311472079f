"""Scores belong to weights: never to a name, a path, or what an earlier evaluation left in a cache."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.artifacts import Artifact, Stage, run
from alpaca_exp.errors import ArtifactError
from alpaca_exp.records import read_jsonl
from alpaca_exp.schemas import EvalSuiteConfig, PretrainedModelConfig, RuntimeConfig
from alpaca_exp.stages.evaluate import evaluate
from tests.mirrors import write_mirror
from tests.models import tiny_llama


def stage(weights: Path | str, mirror: Path, **more: Any) -> Stage:
    """The evaluation of a folder's weights, as the plan makes it."""
    from alpaca_exp.harness.mirror import mirror_files

    suite = EvalSuiteConfig(tasks=["piqa"], mirror=mirror)
    told = {"suite": suite, "documents": mirror_files(suite), "lm_eval": "0"}
    told |= {"weights": PretrainedModelConfig(path=str(weights), **more)}
    return Stage("evaluate", evaluate, told, {}, {"runtime": RuntimeConfig(offline=True)})


def likelihoods(artifact: Artifact) -> list[Any]:
    return [row["loglikelihoods"] for row in read_jsonl(artifact / "documents.jsonl")]


def test_other_weights_at_the_same_path_are_another_model(tmp_path: Path) -> None:
    mirror, weights = write_mirror(tmp_path / "mirror"), tmp_path / "model"
    first = run(stage(tiny_llama(weights), mirror), tmp_path / "outputs")
    shutil.rmtree(weights)
    second = run(stage(tiny_llama(weights, seed=1), mirror), tmp_path / "outputs")
    assert first.path != second.path
    assert likelihoods(first) != likelihoods(second)


def test_another_revision_of_a_name_is_another_model(tmp_path: Path) -> None:
    mirror = write_mirror(tmp_path / "mirror")
    names = {stage("ours/model", mirror, revision=one).fingerprint for one in (None, "a" * 40, "b" * 40)}
    assert len(names) == 3


def test_a_name_on_the_hub_that_is_not_pinned_is_remarked_on(tmp_path: Path) -> None:
    from alpaca_exp.compose import compose
    from alpaca_exp.readiness import remarks

    def said(*words: str) -> bool:
        config = compose(["world=tiny", "base_model=pretrained", *words])
        return any("pin what is measured with base_model.revision" in one for one in remarks(config))

    assert said("base_model.path=ours/model")
    assert said("base_model.path=ours/model", "base_model.revision=main")
    assert not said("base_model.path=ours/model", "base_model.revision=step143000")
    assert not said(f"base_model.path={tmp_path}")


def test_scores_are_found_again_where_outputs_weights_and_documents_have_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    made = run(stage(tiny_llama(here / "model"), write_mirror(here / "mirror")), here / "outputs")
    shutil.move(here, there)
    monkeypatch.setattr("alpaca_exp.harness.scoring.score", None)
    found = run(stage(there / "model", there / "mirror"), there / "outputs")
    assert (found.path.name, found.path.parents[1]) == (made.path.name, there / "outputs")
    assert str(tmp_path) not in (found / "audit.json").read_text()


def test_lm_eval_s_own_caches_are_neither_read_nor_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lm_eval.api.task
    from lm_eval.api import model
    from lm_eval.caching import cache

    monkeypatch.setattr(cache, "PATH", str(tmp_path / "cache"))
    loads: list[bool] = []
    load = lm_eval.api.task.load_from_cache

    def noticed(file_name: str, cache: bool = False) -> Any:
        loads.append(cache)
        return load(file_name, cache=cache)

    monkeypatch.setattr(lm_eval.api.task, "load_from_cache", noticed)
    monkeypatch.setattr(model, "CachingLM", None)
    run(stage(tiny_llama(tmp_path / "model"), write_mirror(tmp_path / "mirror")), tmp_path / "outputs")
    assert loads and not any(loads)
    assert not (tmp_path / "cache").exists()


def train(weights: bytes, *, out: Path) -> None:
    (out / "model").mkdir(exist_ok=True)
    (out / "model" / "model.safetensors").write_bytes(_drawn or weights)


def measure(*, model: Artifact, out: Path) -> None:
    (out / "scores.jsonl").write_bytes((model / "model" / "model.safetensors").read_bytes())


_drawn = b""
"""What another machine's arithmetic makes of the same recipe."""


def test_scores_of_a_model_that_was_trained_again_to_other_weights_are_refused_then_remade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = Stage("train", train, {"weights": "same recipe"}, {}, {})
    monkeypatch.setitem(globals(), "_drawn", b"first")
    measured = Stage("evaluate", measure, {}, {"model": trained})
    artifact = run(measured, tmp_path)
    shutil.rmtree(trained.path(tmp_path))
    run(trained, tmp_path)
    assert run(measured, tmp_path).path == artifact.path, "the same weights again are the same model"
    shutil.rmtree(trained.path(tmp_path))
    monkeypatch.setitem(globals(), "_drawn", b"second")
    run(trained, tmp_path)
    with pytest.raises(ArtifactError, match="made with other weights than train/"):
        run(measured, tmp_path)
    again = run(measured, tmp_path, remake_damaged=True)
    assert (again / "scores.jsonl").read_bytes() == b"second"
