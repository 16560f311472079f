"""`report attribution` over made-up outputs: the figures, what an incomplete design leaves open, refusals."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alpaca_exp.records import write_json
from alpaca_exp.report.__main__ import main
from alpaca_exp.report.attributed import Asked, Kind, attribution
from alpaca_exp.report.runs import collect
from alpaca_exp.statistics.crossed import crossed
from tests.made_outputs import Outputs

SCALES, VARIANTS = ("small", "large"), ("original", "cleaned")
CHANCE = {
    ("small", "original"): 0.4, ("small", "cleaned"): 0.6,
    ("large", "original"): 0.7, ("large", "cleaned"): 0.8,
}  # fmt: skip
LINEAGES: dict[str, dict[str, Any]] = {
    "original": {"cleaning": []},
    "cleaned": {"cleaning": ["empty_output"]},
}


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    return Outputs(tmp_path / "outputs")


def tuned(outputs: Outputs, variant: str, scale: str, seed: int, right: Sequence[int], **more: Any) -> None:
    """A finished run with its evaluation, document by document."""
    name = f"{variant}{scale}{seed}"
    artifacts = {
        "pretrain": f"p-{scale}",
        "train": f"t-{name}",
        "curate": f"c-{variant}",
        "evaluate": f"e-{name}",
    }
    outputs.run(variant, scale, seed, artifacts=artifacts, **more)
    outputs.evaluation(name, 0.0, list(right))


def factorial(
    outputs: Outputs, without: Sequence[tuple[str, str]] = (), seeds: int = 3
) -> dict[Any, np.ndarray]:
    """Two scales x two variants; returns each cell's scores (seeds, 60 documents)."""
    rng = np.random.default_rng(0)
    ability, found = rng.normal(0, 0.1, 60), {}
    for variant in VARIANTS:
        outputs.card(variant, 100, {}, **LINEAGES[variant])
    for scale, variant in product(SCALES, VARIANTS):
        right = (rng.random((seeds, 60)) < CHANCE[scale, variant] + ability).astype(int)
        if (scale, variant) not in without:
            found[scale, variant] = right
            for seed, row in enumerate(right.tolist()):
                tuned(outputs, variant, scale, seed, row)
    return found


def made(capsys: pytest.CaptureFixture[str], outputs: Outputs, words: str = "") -> str:
    """What the command prints."""
    main(["attribution", str(outputs.path), *f"--metrics truthfulness {words}".split()])
    return capsys.readouterr().out.replace(str(outputs.path), "outputs")


def rows_of(text: str) -> dict[tuple[str, str], dict[str, str]]:
    """The lines of the CSV by kind and name."""
    body = text.partition("\n")[2]
    return {(row["kind"], row["name"]): row for row in csv.DictReader(io.StringIO(body))}


def test_effects_and_parts_are_those_of_the_scores(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    scores = factorial(outputs)
    found = rows_of(made(capsys, outputs, "--format csv"))
    assert list(found) == [
        ("effect", "scale=large"), ("effect", "dataset_variant=cleaned"),
        ("interaction", "scale=large x dataset_variant=cleaned"),
        ("total", "all"), ("shapley", "scale"), ("shapley", "dataset_variant"),
    ]  # fmt: skip
    by_scale = {scale: scores[scale, "original"] + scores[scale, "cleaned"] for scale in SCALES}
    expected = crossed((by_scale["large"] - by_scale["small"]) / 2)
    told = found["effect", "scale=large"]
    assert [float(told[key]) for key in ("change", "low", "high")] == pytest.approx(
        [expected.mean, expected.low, expected.high], abs=1e-6
    )
    assert (told["seeds"], told["documents"], told["interval"]) == ("3", "60", "over seeds and documents")
    total = scores["large", "cleaned"].mean() - scores["small", "original"].mean()
    assert float(found["total", "all"]["change"]) == pytest.approx(total, abs=1e-6)
    parts = [float(found["shapley", name]["change"]) for name in ("scale", "dataset_variant")]
    assert sum(parts) == pytest.approx(total, abs=2e-6)
    shares = [float(found["shapley", name]["share"]) for name in ("scale", "dataset_variant")]
    assert sum(shares) == pytest.approx(1, abs=2e-6)
    adjusted = [float(found[key]["p_holm"]) for key in list(found)[:3]]
    alone = [float(found[key]["p"]) for key in list(found)[:3]]
    assert min(alone) * 3 == pytest.approx(min(adjusted), rel=1e-4)


def test_the_tables_say_how_to_read_them_and_what_they_rest_on(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    factorial(outputs)
    text = made(capsys, outputs)
    assert text.startswith("## truthfulness\n\n| effect | change | p (Holm) | seeds x documents |\n")
    assert "| small, original → large, cleaned | +0." in text
    assert "Each change is against scale=small, dataset_variant=original" in text
    assert "- One pre-training a size: what another pre-training would change is in no interval.\n" in text
    assert "- truthfulness: 4 of 4 cells (2 scale x 2 dataset_variant), 3 models each.\n" in text
    assert (
        "    python -m alpaca_exp.report attribution outputs --factors scale,dataset_variant "
        "--metrics truthfulness --format markdown\n" in text
    )
    assert (
        "- small, cleaned: evaluate/e-cleanedsmall0, evaluate/e-cleanedsmall1, evaluate/e-cleanedsmall2\n"
        in text
    )
    assert made(capsys, outputs) == text


def test_the_command_that_is_printed_prints_the_same_again(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    factorial(outputs)
    words = "--baseline scale=large,dataset_variant=cleaned --to scale=small --where preset=miniature"
    text = made(capsys, outputs, words)
    command = next(line for line in text.splitlines() if line.startswith("    python"))
    again = command.partition("attribution outputs ")[2].replace("--metrics truthfulness ", "")
    assert made(capsys, outputs, again) == text
    assert "scale=small" in text and "| large, cleaned → small, cleaned |" in text


def test_seeds_of_pre_training_that_vary_are_counted_and_not_said_to_be_one(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    for scale, base, seed in product(SCALES, (0, 1), (0, 1)):
        name = f"{scale}{base}{seed}"
        outputs.run(
            "original", scale, seed, overrides=[f"scale={scale}", f"base_model.seed={base}", f"seed={seed}"],
            artifacts={"pretrain": f"p-{scale}{base}", "train": f"t-{name}", "evaluate": f"e-{name}"},
        )  # fmt: skip
        outputs.evaluation(name, 0.0, [1, seed, base, int(scale == "large")] * 5)
    text = made(capsys, outputs)
    assert "One pre-training" not in text and "2 of 2 cells (2 scale), 4 models each" in text
    assert rows_of(made(capsys, outputs, "--format csv"))["effect", "scale=large"]["seeds"] == "2"


def test_a_cell_without_a_run_is_named_and_what_does_not_need_it_is_told(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    scores = factorial(outputs, without=[("large", "cleaned")])
    outputs.run("cleaned", "large", 0, status="failed", error="out of memory", artifacts={})
    text = made(capsys, outputs)
    found = rows_of(made(capsys, outputs, "--format csv"))
    scale = found["effect", "scale=large"]
    alone = scores["large", "original"].mean() - scores["small", "original"].mean()
    assert float(scale["change"]) == pytest.approx(alone, abs=1e-6)
    assert scale["note"] == "over 1 of 2 places: 1 failed at large, cleaned"
    interaction = found["interaction", "scale=large x dataset_variant=cleaned"]
    assert (interaction["change"], interaction["note"]) == ("", "not identified: 1 failed at large, cleaned")
    assert found["total", "all"]["note"] == "not identified: 1 failed at large, cleaned"
    assert ("shapley", "scale") not in found
    assert (
        "3 of 4 cells" in text and "identify 3 of 3 parameters; lacking are large, cleaned: 1 failed." in text
    )
    assert "| scale=large x dataset_variant=cleaned | not identified |" in text
    assert "]†" in text and "- † scale=large, † dataset_variant=cleaned: over 1 of 2 places: 1 fail" in text


def test_a_cell_of_two_worlds_says_which_to_choose(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    factorial(outputs, without=[("large", "cleaned")])
    for seed, name in enumerate(("tiny", "standard")):
        labels = {"dataset_variant": "cleaned", "critic": "miniature", "world": name}
        tuned(outputs, "cleaned", "large", seed, [1, 0, 1 - seed] * 20, labels=labels)
    text = made(capsys, outputs, "--factors scale,dataset_variant")
    assert "lacking are large, cleaned: runs differ in more than their seeds: world (standard, tiny)" in text
    assert "; choose one: --where world=standard\n" in text


def test_a_size_with_a_recipe_of_its_own_is_not_told_from_it(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    for scale, trainer in (("small", "stanford_7b"), ("large", "stanford_13b")):
        for seed in range(3):
            labels = {"dataset_variant": "original", "trainer": trainer}
            tuned(outputs, "original", scale, seed, [1, 0, seed % 2, scale == "large"] * 5, labels=labels)
    found = rows_of(made(capsys, outputs, "--factors scale,trainer --format csv"))
    note = found["effect", "scale=large"]["note"]
    assert note.startswith("not identified: changes along with trainer=") and "no run at" in note
    text = made(capsys, outputs, "--factors scale")
    assert "- With scale also changes trainer: stanford_7b (small); stanford_13b (large)." in text


def test_an_untuned_level_is_a_baseline_and_what_it_goes_without_is_no_confound(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    factorial(outputs)
    for scale in SCALES:
        labels = {"dataset_variant": "none", "critic": "miniature", "trainer": "none"}
        artifacts = {"pretrain": f"p-{scale}", "evaluate": f"e-base{scale}"}
        outputs.run("base", scale, labels=labels, artifacts=artifacts)
        outputs.evaluation(f"base{scale}", 0.0, [1, 0, 0] * 20)
    text = made(capsys, outputs)
    assert "--factors scale,dataset_variant " in text and "also changes" not in text
    assert "| small, none → large, original |" in text and "| 3 x 60 |" in text


def test_where_data_differs_in_two_things_that_is_said(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    factorial(outputs)
    outputs.card("cleaned", 90, {}, cleaning=["empty_output"], teacher="gpt-4")
    assert "cleaned vs original differs in cleaning and teacher" in made(capsys, outputs)


def test_evaluations_that_asked_otherwise_are_not_subtracted(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    factorial(outputs)
    for folder in sorted(outputs.path.glob("evaluate/*")):
        limit = 30 if "cleanedlarge" in folder.name else None
        task = {
            "task": "world_truth", "task_version": "1", "num_fewshot": 0, "prompts": "p", "n": 60,
            "degenerate": False, "truncated": 0, "empty_generations": None, "flags": [],
            "metrics": {"acc": {"stderr": "analytic"}},
        }  # fmt: skip
        told = {"frame": "raw", "num_fewshot": None, "fewshot_seed": 1, "limit": limit, "lm_eval": "0.4"}
        write_json({**told, "tasks": [task]}, folder / "audit.json")
    text = made(capsys, outputs)
    assert "truthfulness was not asked alike in all cells: all documents against 30 documents a task." in text
    assert "| effect |" not in text


def test_one_checkpoint_a_cell_speaks_of_these_checkpoints_only(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    factorial(outputs, seeds=1)
    text = made(capsys, outputs)
    assert "° One seed: the interval is over documents" in text and "| 1 x 60 |" in text
    assert "One pre-training" not in text


def test_a_factor_with_one_level_is_said_and_left_out(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    factorial(outputs)
    text = made(capsys, outputs, "--factors scale,dataset_variant,critic")
    assert "- critic is miniature in all of these runs: it has one level" in text and "critic=" not in text


def test_one_factor_has_effects_and_no_parts(capsys: pytest.CaptureFixture[str], outputs: Outputs) -> None:
    factorial(outputs)
    text = made(capsys, outputs, "--where scale=small")
    assert "| dataset_variant=cleaned | " in text and "part of the change" not in text


def test_dollars_are_told_without_a_test(capsys: pytest.CaptureFixture[str], outputs: Outputs) -> None:
    factorial(outputs)
    main(["attribution", str(outputs.path), "--metrics", "rows", "--format", "csv"])
    found = rows_of(capsys.readouterr().out)
    cleaned = found["effect", "dataset_variant=cleaned"]
    assert (cleaned["change"], cleaned["p"], cleaned["documents"]) == ("0.0", "", "0")


def test_latex_is_a_table_a_grid_with_all_signs_escaped(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    factorial(outputs)
    text = made(capsys, outputs, "--format latex")
    assert text.count("\\begin{table}") == text.count("\\end{table}") == 2
    assert "dataset\\_variant=cleaned" in text and "§" not in text and "→" not in text


def test_lines_are_plain_values_for_a_picture(outputs: Outputs) -> None:
    factorial(outputs)
    made = attribution(
        collect(outputs.path), Asked(("scale", "dataset_variant"), ("truthfulness",)), outputs.path
    )
    parts = [line for line in made.lines if line.kind is Kind.shapley]
    assert [line.name for line in parts] == ["scale", "dataset_variant"]
    assert all(line.estimate and line.estimate.low and line.start == "small, original" for line in parts)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--factors scal", "there is no axis scal; did you mean scale?"),
        ("--factors critic", "nothing is varied among these runs: critic is miniature; run a sweep over"),
        ("--factors seed", "seed is no factor: intervals are over seeds"),
        ("--factors scale,scale", "--factors names scale twice"),
        (
            "--factors scale",
            "differ in more than their seeds: dataset_variant (cleaned, original); name what",
        ),
        ("--baseline scale=huge", "there is no level of scale huge"),
        ("--baseline critic=none", "there is no factor critic"),
        ("--baseline scale", "--baseline scale names no value"),
        ("--to dataset_variant=clean", "there is no level of dataset_variant clean; did you mean cleaned?"),
        ("--metrics truth", "there is no metric truth; did you mean truthfulness?"),
        ("--where scale=medium", "there is no scale medium"),
        ("--where scale=small --where dataset_variant=cleaned", "nothing is varied among these runs"),
    ],
)
def test_what_cannot_be_attributed_is_one_sentence(
    capsys: pytest.CaptureFixture[str], outputs: Outputs, words: str, sentence: str
) -> None:
    factorial(outputs)
    with pytest.raises(SystemExit) as caught:
        main(["attribution", str(outputs.path), *words.split()])
    told = capsys.readouterr().err
    assert caught.value.code == 2 and sentence in told and len(told.splitlines()) == 1
