"""Before a run: what its data would differ in from the baseline's, said while it can still be changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alpaca_exp.cleaning.published import PUBLISHED
from alpaca_exp.compose import compose
from alpaca_exp.confounds import lineage, warning
from alpaca_exp.plan import plan
from tests.conftest import Command

DAVINCI = "dataset_variant.source_teacher=text-davinci-003"


def warned(*overrides: str, name: str = "") -> str | None:
    chosen = next((word.partition("=")[2] for word in overrides if word.startswith("dataset_variant=")), "")
    return warning(plan(compose(overrides)), name or chosen or "original", overrides)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.json"
    path.write_text(json.dumps([{"instruction": "Say a.", "output": "a"}]))
    return path


@pytest.mark.parametrize("preset", ["miniature", "paper"])
def test_answers_without_the_cap_that_are_also_asked_anew_are_two_causes(preset: str) -> None:
    said = warned(f"preset={preset}", "dataset_variant=uncapped")
    assert said == (
        "uncapped vs original differs in length and how the answers were asked for; "
        "dataset_variant=recapped would be the controlled partner of uncapped"
    )


def test_a_file_answered_by_another_teacher_is_compared_with_the_same_file_as_it_is(file: Path) -> None:
    told = (f"dataset_variant.source={file}", DAVINCI, "dataset_variant.source_cap='100'")
    said = warned("preset=local", "dataset_variant=uncapped", *told)
    assert said and said.startswith("uncapped vs original differs in teacher and length")


@pytest.mark.parametrize("variant", ["cleaned", "original", "recapped", "none"])
def test_one_difference_or_none_is_nothing_to_warn_of(variant: str) -> None:
    assert warned(f"dataset_variant={variant}") is None


def test_an_override_of_the_variants_own_is_not_the_baselines() -> None:
    assert warned("dataset_variant.max_words=5", name="original") is None
    said = warned("dataset_variant=cleaned", "dataset_variant.max_words=5")
    assert said and said.startswith("cleaned vs original differs in cleaning and length")


def test_a_published_file_is_compared_with_the_one_whose_instructions_it_has(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alpaca_exp.cleaning import published

    known = PUBLISHED["alpaca_cleaned"]
    monkeypatch.setattr(
        published, "identify", lambda path: published.Identified(known.blob or "", "0" * 64, 1, known)
    )
    said = warned("preset=local", f"dataset_variant.source={file}")
    assert said and said.startswith("original vs alpaca differs in cleaning, teacher and length")
    said = warned("preset=local", "dataset_variant=cleaned", f"dataset_variant.source={file}")
    assert said and said.startswith("cleaned vs original differs in cleaning, teacher and length")


def test_the_lineage_before_the_run_is_that_of_the_plan() -> None:
    found = lineage(plan(compose(["dataset_variant=cleaned"])))
    assert found and found.teacher == "miniature-teacher" and len(found.cleaning) > 10
    assert lineage(plan(compose(["dataset_variant=none"]))) is None


def test_a_plan_prints_it_and_a_sweep_goes_on_behind_it(command: Command) -> None:
    done = command("--multirun", "action=plan", "dataset_variant=uncapped,cleaned", "scale=small")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("More than one cause: uncapped vs original differs in length") == 1
    assert done.stdout.count("expected") == 2
