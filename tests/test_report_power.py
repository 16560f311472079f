"""What differences the runs of a sweep could show, from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alpaca_exp.report.__main__ import main
from alpaca_exp.report.power import powers
from alpaca_exp.report.runs import collect
from tests.made_outputs import Outputs


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Two recipes with three seeds each, right or wrong on the same 100 documents."""
    made, rng = Outputs(tmp_path / "outputs"), np.random.default_rng(0)
    hard = rng.normal(size=100)
    for variant in ("original", "cleaned"):
        made.card(variant, 100, {})
        for seed in range(3):
            made.run(variant, seed=seed)
            right = (hard + rng.normal(size=100) > 0).astype(int).tolist()
            made.evaluation(f"{variant}small{seed}", 0.0, right)
    return made.path


def test_a_row_tells_what_it_could_find_against_the_baseline(outputs: Path) -> None:
    (found,) = powers(collect(outputs), "dataset_variant", ["truthfulness"], "original", outputs)
    assert (found.row, found.seeds, found.documents) == ("cleaned", 3, 100)
    assert found.noise is not None and 0 < found.noise < 1
    assert found.found == pytest.approx(found.with_seeds[0])  # three seeds are what there are
    assert found.with_seeds[0] > found.with_seeds[1] > found.with_seeds[2] > 0
    assert found.with_documents is not None and found.with_documents < found.with_seeds[0]


def test_the_command_prints_it(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--rows", "dataset_variant", "--baseline", "original", "--metrics", "truthfulness"]
    main(["power", str(outputs), *words])
    told = capsys.readouterr().out
    assert "| cleaned | truthfulness | 3 x 100 |" in told and "four times out of five" in told


def test_what_lacks_is_in_the_table_with_its_reason_and_what_to_add(
    outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Outputs(outputs)
    for variant in ("original", "cleaned"):
        made.run(variant, "large")
        made.evaluation(f"{variant}large0", 0.0, [1, 0] * 50)
    made.run("uncapped", status="failed")
    words = ["--rows", "dataset_variant", "--metrics", "truthfulness"]
    main(["power", str(outputs), *words, "--baseline", "original"])
    told = capsys.readouterr().out
    assert "| cleaned | truthfulness | - |" in told and "| uncapped | truthfulness | - |" in told
    assert "- cleaned (truthfulness): runs differ in more than their seeds: scale (large, small); " in told
    assert "choose one: --where scale=large.\n" in told
    assert "- uncapped (truthfulness): 1 failed.\n" in told
    small = [
        run for run in collect(outputs) if run.label("scale") == "small" or run.name in _originals(outputs)
    ]
    why = {
        one.row: one.why for one in powers(small, "dataset_variant", ["truthfulness"], "original", outputs)
    }
    assert why["cleaned"].startswith("not compared with original: runs differ in more than their seeds")


def _originals(outputs: Path) -> set[str]:
    return {run.name for run in collect(outputs) if run.label("dataset_variant") == "original"}


def test_an_untuned_row_says_why_seeds_alone_tell_nothing_of_it(outputs: Path) -> None:
    made = Outputs(outputs)
    made.run(
        "none", artifacts={"evaluate": "e-nonesmall0"}, labels={"dataset_variant": "none", "trainer": "none"}
    )
    made.evaluation("nonesmall0", 0.0, [1, 0] * 50)
    of = powers(collect(outputs), "dataset_variant", ["truthfulness"], "original", outputs)
    none = {one.row: one for one in of}["none"]
    assert none.found is not None and none.noise is None
    assert none.why == "it is one model, whatever the seed: no seeds alone"


def test_a_baseline_that_is_the_only_row_is_said(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["power", str(outputs), "--rows", "critic", "--baseline", "miniature"])
    assert "all runs stand at miniature on critic" in capsys.readouterr().err


def test_one_seed_tells_nothing_of_others(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(
        ["power", str(outputs), "--rows", "dataset_variant", "--where", "seed=0", "--metrics", "truthfulness"]
    )
    told = capsys.readouterr().out
    assert "| cleaned | truthfulness | 1 x 100 | - | - | - | - | - | - |" in told
    assert "- cleaned, original (truthfulness): one seed tells nothing of others.\n" in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--baseline", "orginal", "--rows", "dataset_variant"], "did you mean original"),
        (["--metrics", "truthfullness"], "did you mean truthfulness"),
        (["--where", "seed"], "names no value"),
    ],
)
def test_a_name_that_is_not_there_is_one_sentence(
    outputs: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["power", str(outputs), *words])
    assert ended.value.code == 2 and said in capsys.readouterr().err
