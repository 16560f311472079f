"""Compared data sets that differ in more than one thing are named under the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpaca_exp.report.__main__ import main
from tests.made_outputs import Outputs, filled, report


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    return filled(tmp_path / "outputs")


def test_compared_data_that_differs_in_more_than_one_thing_is_named(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    assert "differs in" not in report(capsys, outputs, "--rows dataset_variant --columns scale")
    uncapped = {"cap": {"sentence": None, "filter": None}, "teacher": "u", "answers": "asked anew"}
    for variant, words in {"uncapped": None, "recapped": 100}.items():
        outputs.card(variant, 100, {}, **{**uncapped, "cap": {"sentence": words, "filter": None}})
        outputs.run(variant)
    text = report(capsys, outputs, "--rows dataset_variant --where scale=small --baseline original")
    assert (
        "\n- uncapped vs original differs in teacher and length; "
        "recapped is the controlled partner of uncapped: these two differ in length alone.\n" in text
    )
    assert text.count("differs in") == 1
    text = report(capsys, outputs, "--columns dataset_variant --rows scale")
    assert "- uncapped vs original differs in teacher and length" in text
    assert "- cleaned vs uncapped differs in cleaning, teacher and length" in text
    main([str(outputs.path), "--format", "csv", "--where", "scale=small"])
    assert "uncapped vs original differs" in capsys.readouterr().err


def test_a_controlled_partner_may_be_a_run_that_the_table_leaves_out_of_its_rows(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    outputs.card("both", 100, {"wrong_sum": 1}, teacher="u")
    outputs.run("both", experiment="mine")
    outputs.run("both", experiment="mine too")
    text = report(capsys, outputs, "--where scale=small")
    partner = "cleaned is the controlled partner of original: these two differ in cleaning alone"
    assert f"mine vs original differs in cleaning and teacher; {partner}." in text


def test_a_missing_card_is_said_and_the_table_is_there(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    (outputs.path / "curate" / "c-cleaned" / "card.json").write_text('{"counts": {"removed": {}}}')
    text = report(capsys, outputs, "--rows dataset_variant --columns scale")
    assert "since card.json is missing or does not say: curate/c-cleaned." in text
    assert "| cleaned | " in text


def test_many_confounded_pairs_are_counted_not_listed(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    for number in range(6):
        outputs.card(f"v{number}", 100, {f"rule {number}": 1}, teacher=f"t{number}")
        outputs.run(f"v{number}")
    text = report(capsys, outputs, "--rows dataset_variant --where scale=small")
    assert text.count(" vs ") == 12 and "more pairs differ in more than one thing; --baseline ROW" in text


def test_rows_are_compared_within_each_column_and_their_sizes_are_noted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    for preset in ("miniature", "paper"):
        for variant, rows in (("original", 100), ("mixed", 70)):
            cleaning = {"wrong_sum": 1} if variant == "mixed" else {}
            teacher = "u" if variant == "mixed" and preset == "paper" else "t"
            outputs.card(f"{variant}-{preset}", rows, cleaning, source=preset, teacher=teacher)
            outputs.run(variant, preset=preset, artifacts={"curate": f"c-{variant}-{preset}"})
    text = report(capsys, outputs, "--rows dataset_variant --columns preset --metrics rows")
    said = [line for line in text.splitlines() if line.startswith("- ") and " vs " in line]
    assert said == [
        "- mixed vs original differs in cleaning and teacher; mixed has 70 rows, original 100.",
        "- miniature vs paper differs in source and teacher.",
    ]


def test_the_original_is_the_partner_that_is_named_before_others(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    outputs.card("a-rated", 90, {"rating": 10})
    outputs.card("recapped", 100, {}, cap={"sentence": 50, "filter": None})
    outputs.run("a-rated")
    outputs.run("recapped")
    text = report(capsys, outputs, "--rows dataset_variant --where scale=small")
    said = next(line for line in text.splitlines() if line.startswith("- cleaned vs recapped"))
    assert "; original is the controlled partner of cleaned: these two differ in cleaning alone" in said


def test_a_row_whose_own_data_differs_is_said_with_what_tells_it_apart(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    uncapped = {"cap": {"sentence": None, "filter": None}, "answers": "asked anew"}
    for teacher in ("t", "u"):
        for variant, more in (("original", {}), ("uncapped", uncapped)):
            outputs.card(f"{variant}-{teacher}", 100, {}, teacher=teacher, **more)
            labels = {"dataset_variant": variant, "teacher": teacher}
            outputs.run(variant, labels=labels, artifacts={"curate": f"c-{variant}-{teacher}"})
    text = report(capsys, outputs, "--rows dataset_variant --metrics rows")
    said = "since the data there differs in teacher; told apart by teacher: --columns teacher, or --where"
    assert f"- original and uncapped: compared with nothing, {said} teacher=....\n" in text
    split = report(capsys, outputs, "--rows dataset_variant --columns teacher --metrics rows")
    assert "- uncapped vs original differs in length and how" in split and "with nothing" not in split


def test_data_of_several_teacher_seeds_is_compared_as_one_whose_seed_is_chance(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    for seed in (0, 1):
        for variant, teacher in (("original", "t"), ("mixed", "u")):
            removed = {"wrong_sum": 1} if variant == "mixed" else {}
            outputs.card(f"{variant}-{seed}", 100, removed, teacher=teacher, seed=seed)
            artifacts = {"curate": f"c-{variant}-{seed}"}
            outputs.run(variant, artifacts=artifacts, overrides=[f"teacher.seed={seed}"])
    text = report(capsys, outputs, "--rows dataset_variant --metrics rows")
    assert "- mixed vs original differs in cleaning and teacher.\n" in text
    outputs.card("other", 100, {"wrong_sum": 1}, seed=7)
    outputs.run("other")
    outputs.run("plain", artifacts={"curate": "c-original-0"})
    text = report(capsys, outputs, "--rows dataset_variant --metrics rows")
    assert "- other vs plain differs in source and cleaning" in text, "one seed against another is a cause"


def test_dollars_of_a_run_that_made_the_data_alone_name_its_data(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    outputs.run("data", artifacts={"curate": "c-original"})
    said = report(capsys, outputs, "--metrics usd")
    assert "\n- data: curate/c-original\n" in said
