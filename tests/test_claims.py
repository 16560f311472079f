"""What runs say of claims that are written as configuration: verdicts, and what stands in the way of one."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from alpaca_exp.compose import compose
from alpaca_exp.config import groups
from alpaca_exp.errors import ConfigError
from alpaca_exp.overrides import check
from alpaca_exp.paths import data_root
from alpaca_exp.plan import plan
from alpaca_exp.records import write_json
from alpaca_exp.report.__main__ import main
from alpaca_exp.report.claim_files import claims_in
from alpaca_exp.report.claims import Verdict, judged
from alpaca_exp.report.claims_shown import sentences
from alpaca_exp.report.deciding import remedy
from alpaca_exp.report.missing import options
from alpaca_exp.report.runs import collect
from alpaca_exp.schemas.claims import claims_of
from alpaca_exp.statistics.crossed import crossed
from tests.made_outputs import Outputs

RIGHT = {"original": 0.6, "cleaned": 0.8, "none": 0.75}
DOCUMENTS = 200
STUDIES = ("learning_rate", "lora")
BASE = {"trainer": "none"}
BETTER = {
    "statement": "Cleaned data is better.",
    "metric": "truthfulness",
    "left": {"dataset_variant": "cleaned"},
    "right": {"dataset_variant": "original"},
    "relation": "greater",
}


def world(path: Path, seeds: int = 3, scales: tuple[str, ...] = ("small",), **labels: str) -> Outputs:
    """Models that answer each document right with a probability of their own, and untuned ones."""
    made = Outputs(path)
    made.card("original", 100, {})
    made.card("cleaned", 80, {"wrong_sum": 20})
    for scale in scales:
        for variant in ("original", "cleaned"):
            for seed in range(seeds):
                told = {"dataset_variant": variant, "trainer": "matched", **labels}
                made.run(variant, scale, seed, labels=told)
                made.evaluation(f"{variant}{scale}{seed}", 0.0, answers(variant, seed))
        base = {"dataset_variant": "none", "trainer": "none", **labels}
        made.run("none", scale, 0, labels=base, artifacts={"evaluate": f"e-none{scale}0"})
        made.evaluation(f"none{scale}0", 0.0, answers("none", 0))
    return made


def answers(variant: str, seed: int) -> list[int]:
    """Right or wrong: documents are as hard for every model, and each model has some luck of its own."""
    hard, luck = random.Random(0), random.Random(f"{variant} {seed}")
    return [int(0.9 * hard.random() + 0.1 * luck.random() < RIGHT[variant]) for _ in range(DOCUMENTS)]


def verdicts(made: Outputs, **claims: dict[str, Any]) -> list[Verdict]:
    found, problems = claims_of(claims)
    assert not problems
    return judged(found, collect(made.path), made.path)


def verdict(made: Outputs, **changed: Any) -> Verdict:
    """On BETTER, with some of its keys changed; None takes one out."""
    claim = {key: value for key, value in {**BETTER, **changed}.items() if value is not None}
    (one,) = verdicts(made, one=claim)
    return one


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "supported"),
        ({"relation": "less"}, "contradicted"),
        ({"relation": "at_least", "margin": 5}, "supported"),
        ({"relation": "at_least", "margin": 50}, "contradicted"),
        ({"relation": "at_least", "margin": 20}, "undecided"),
        ({"relation": "equal_within", "margin": 40}, "supported"),
        ({"relation": "equal_within", "margin": 3}, "contradicted"),
        ({"relation": "less", "left": {"dataset_variant": "original"}, "right": BASE}, "supported"),
        ({"right": 50}, "supported"),
        ({"right": 95, "relation": "less"}, "supported"),
        ({"metric": "world_truth.acc"}, "supported"),
    ],
)  # fmt: skip
def test_a_claim_is_supported_contradicted_or_left_open(
    tmp_path: Path, changed: dict[str, Any], expected: str
) -> None:
    found = verdict(world(tmp_path), **changed)
    assert found.verdict == expected, found
    assert (found.seeds, found.documents, found.unit) == (3, DOCUMENTS, "points")
    assert found.low is not None and found.high is not None and found.estimate is not None
    assert found.low <= found.estimate <= found.high


def test_what_is_equal_is_told_from_what_could_not_be_told_apart(tmp_path: Path) -> None:
    made = world(tmp_path)
    same = {"left": {"dataset_variant": "cleaned"}, "right": {"trainer": "none"}, "relation": "equal_within"}
    assert verdict(made, **same, margin=20).verdict == "supported"
    open_ = verdict(made, **same, margin=5)
    assert open_.verdict == "undecided" and ("more seed" in open_.remedy or "more document" in open_.remedy)


def test_an_open_claim_says_what_would_decide_it_and_a_hopeless_one_that_nothing_would(
    tmp_path: Path,
) -> None:
    made = world(tmp_path)
    gap = verdict(made).estimate
    near = verdict(made, relation="at_least", margin=(gap or 0) - 1e-4)
    assert near.verdict == "undecided" and near.remedy.endswith("it is too near to what it is compared with")
    assert near.remedy.startswith("more than 100 times as many seeds and documents: ")
    fair = verdict(made, relation="at_least", margin=(gap or 0) - 2)
    assert fair.verdict == "undecided" and fair.remedy.startswith("about ")


def test_where_neither_seeds_nor_documents_alone_decide_both_together_are_named() -> None:
    rng = np.random.default_rng(1)
    values = np.array([[-0.2], [0], [0.2]]) + rng.normal(0, 1, 80) + rng.normal(0, 0.5, (3, 80))
    told = remedy(crossed(values - values.mean()), 0.12, 80, 0.05, fixed=False)
    assert re.fullmatch(r"about [\d,]+ more seeds together with about [\d,]+ more documents", told)


def test_models_that_answer_every_document_alike_are_no_more_equal_than_so_many_documents_tell(
    tmp_path: Path,
) -> None:
    made = world(tmp_path)
    for seed in range(3):
        made.evaluation(f"cleanedsmall{seed}", 0.0, answers("original", seed))
    found = verdict(made)
    assert (found.verdict, found.estimate, found.p) == ("undecided", 0.0, 1.0)
    assert found.high == pytest.approx(100 * (1 - 0.025 ** (1 / DOCUMENTS)))
    assert verdict(made, relation="equal_within", margin=3).verdict == "supported"
    open_ = verdict(made, relation="equal_within", margin=1)
    assert (open_.verdict, open_.remedy) == ("undecided", "about 170 more documents")


def test_claims_of_one_file_are_held_to_a_stricter_level_together(tmp_path: Path) -> None:
    made = world(tmp_path)
    alone = verdict(made)
    many = verdicts(made, **{f"claim{n}": BETTER for n in range(8)})
    assert alone.p_holm == alone.p
    assert {one.p_holm for one in many} == {8 * (alone.p or 0)}


def test_sizes_are_averaged_and_said_or_judged_one_by_one(tmp_path: Path) -> None:
    made = world(tmp_path, scales=("small", "large"))
    pooled = verdict(made)
    assert pooled.over == ("scale (large, small)",) and pooled.place == ""
    each = verdicts(made, one={**BETTER, "over": "scale"})
    assert [one.place for one in each] == ["scale=large", "scale=small"]
    assert all(one.verdict == "supported" and not one.over for one in each)


def test_what_must_be_known_of_one_size_is_said_with_it(tmp_path: Path) -> None:
    made = world(tmp_path, scales=("small", "large"))
    made.run("original", "large", 3, labels={"dataset_variant": "original", "trainer": "matched"})
    made.evaluation("originallarge3", 0.0, answers("original", 3))
    made.run("uncapped", "large", 0, overrides=["scale=large", "trainer.epochs=9"],
             labels={"dataset_variant": "cleaned", "trainer": "matched"})  # fmt: skip
    made.evaluation("uncappedlarge0", 0.0, answers("cleaned", 0))
    large, small = sentences(verdicts(made, one={**BETTER, "over": "scale"}))
    assert large.startswith("one (scale=large): ")
    assert ". One of the settings has no partner and is left out" in large
    assert small.startswith("one (scale=small): ") and "left out" not in small


def test_a_size_that_only_one_side_has_is_left_out_and_said(tmp_path: Path) -> None:
    made = world(tmp_path)
    made.run("cleaned", "large", 0, labels={"dataset_variant": "cleaned", "trainer": "matched"})
    made.evaluation("cleanedlarge0", 0.0, answers("cleaned", 9))
    found = verdict(made)
    assert found.verdict == "supported" and "scale=large has no partner and is left out" in found.notes
    [told] = sentences([found])
    assert ". scale=large has no partner" in told, "a key stays as it is written"


def test_a_change_is_held_against_another_change(tmp_path: Path) -> None:
    made = world(tmp_path, scales=("small", "large"))  # here both sizes are equally good
    told = {
        "left": {"from": {"scale": "small"}, "to": {"scale": "large"}},
        "right": {"from": {"dataset_variant": "original"}, "to": {"dataset_variant": "cleaned"}},
        "where": {"dataset_variant": ["original", "cleaned"]},
    }
    found = verdict(made, **told)
    assert found.verdict == "contradicted"
    assert found.said == "scale=small to large > dataset_variant=original to cleaned"
    gain = verdict(made).estimate or 0
    assert (found.estimate or 0) == pytest.approx(-gain)


def test_one_seed_speaks_of_its_checkpoints_only(tmp_path: Path) -> None:
    found = verdict(world(tmp_path, seeds=1))
    assert (found.verdict, found.seeds) == ("undecided", 1)
    assert found.why == "one seed only: of these checkpoints it is supported" and "seeds" in found.remedy


def test_models_that_were_not_made_here_have_no_seeds_and_are_judged_by_documents(tmp_path: Path) -> None:
    made = world(tmp_path)
    made.run(
        "none", "large", 0, labels={"dataset_variant": "none", "trainer": "none"},
        artifacts={"evaluate": "e-nonelarge0"},
    )  # fmt: skip
    made.evaluation("nonelarge0", 0.0, [1] * 190 + [0] * 10)
    found = verdict(
        made, left={"scale": "large"}, right={"scale": "small"}, where={"trainer": "none"}, relation="greater"
    )
    assert (found.verdict, found.seeds) == ("supported", 1)


def test_runs_that_are_missing_are_named_with_the_command_that_makes_them(tmp_path: Path) -> None:
    made = world(tmp_path)
    there = f"runtime.outputs={tmp_path}"
    for side, command in (
        ({"dataset_variant": "uncapped"}, f"+experiment=uncapped {there} scale=small seed=0,1,2"),
        ({"trainer": "none", "scale": "large"}, f"+experiment=base {there} scale=large"),
        (
            {"dataset_variant": "cleaned", "scale": ["small", "large"], "seed": "7"},
            "scale=small,large seed=7",
        ),
    ):
        found = verdict(made, left=side)
        assert found.verdict == "not testable" and found.why.startswith("there is no run of ")
        words = shlex.split(found.remedy)[3:]
        assert " ".join(words).endswith(command), found.remedy
        check(words)
        compose([word.partition(",")[0] for word in words if word != "--multirun"])


def test_a_metric_that_no_run_of_a_side_has_is_said(tmp_path: Path) -> None:
    found = verdict(world(tmp_path), metric="judge.percent")
    assert found.why == "no run of dataset_variant=cleaned has judge.percent"


def test_stopped_and_failed_runs_are_told_from_missing_ones(tmp_path: Path) -> None:
    made = world(tmp_path)
    for seed in range(2):
        made.run("uncapped", "small", seed, status="stopped", artifacts={})
    assert (
        verdict(made, left={"dataset_variant": "uncapped"}).why
        == "all 2 runs of dataset_variant=uncapped stopped"
    )


def test_data_that_differs_in_two_things_proves_nothing_unless_the_claim_takes_one_for_harmless(
    tmp_path: Path,
) -> None:
    made = world(tmp_path)
    made.card("cleaned", 80, {"wrong_sum": 20}, teacher="another")
    found = verdict(made)
    assert found.verdict == "not testable" and "differs in cleaning and teacher" in found.why
    assert verdict(made, despite=["teacher"]).verdict == "supported"


def test_a_recipe_that_changes_along_is_named_and_proves_nothing(tmp_path: Path) -> None:
    made = world(tmp_path, seeds=0)
    for variant, rate in (("original", "1e-4"), ("cleaned", "2e-4")):
        for seed in range(3):
            made.run(
                variant, "small", seed, labels={"dataset_variant": variant, "trainer": "matched"},
                overrides=[f"trainer.learning_rate={rate}", f"seed={seed}"],
            )  # fmt: skip
            made.evaluation(f"{variant}small{seed}", 0.0, answers(variant, seed))
    found = verdict(made)
    assert found.verdict == "not testable"
    assert "differ in trainer.learning_rate (2e-4 against 1e-4) too" in found.why
    named = {"left": {"dataset_variant": "cleaned", "trainer.learning_rate": 2e-4},
             "right": {"dataset_variant": "original", "trainer.learning_rate": 1e-4}}  # fmt: skip
    assert verdict(made, **named).verdict == "supported"


def test_nothing_is_averaged_over_suites_or_worlds(tmp_path: Path) -> None:
    made = world(tmp_path, eval_suite="one")
    for variant in ("original", "cleaned"):
        for seed in range(3):
            name = f"{variant}other{seed}"
            made.run(
                variant, "small", seed,
                labels={"dataset_variant": variant, "trainer": "matched", "eval_suite": "two"},
                artifacts={"curate": f"c-{variant}", "train": f"t-{name}", "evaluate": f"e-{name}"},
            )  # fmt: skip
            made.evaluation(name, 0.0, answers(variant, seed))
    found = verdict(made)
    assert (
        found.why
        == "runs of several eval_suite (one, two) would be averaged; choose one: --where eval_suite=one"
    )
    assert verdict(made, where={"eval_suite": "two"}).verdict == "supported"


def test_runs_of_two_versions_of_a_stage_are_not_averaged(tmp_path: Path) -> None:
    made = world(tmp_path)
    for seed in range(3):
        record = tmp_path / "evaluate" / f"e-cleanedsmall{seed}" / "record.json"
        write_json({**json.loads(record.read_text()), "version": 2 + (seed == 1)}, record)
    found = verdict(made)
    assert found.verdict == "not testable"
    assert "runs that other code made would be averaged: evaluate version (2, 3)" in found.why


def test_two_frames_are_not_compared(tmp_path: Path) -> None:
    made = world(tmp_path)
    for variant, frame in (("original", "raw"), ("cleaned", "alpaca")):
        for seed in range(3):
            folder = made.path / "evaluate" / f"e-{variant}small{seed}"
            (folder / "audit.json").write_text(f'{{"frame": "{frame}", "tasks": []}}')
    assert verdict(made).why == "the two sides were asked otherwise: Alpaca frame against raw prompt"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"metric": "truthfulnes"}, "one.metric is truthfulnes, which no run has; did you mean truthfulness"),
        ({"metric": "judge.win_rat"}, "did you mean judge.win_rate?"),
        ({"left": {"dataset_varian": "cleaned"}}, "dataset_varian, which is none; did you mean dataset_v"),
        ({"left": {"dataset_variant": "cleand"}}, "=cleand, which is no option; did you mean cleaned?"),
        ({"where": {"scale": "medium"}}, "scale=medium, which is no option; there are large, small"),
        ({"over": "scal"}, "one.over names the axis scal, which is none; did you mean scale?"),
        ({"relation": None}, "one has no relation; it is one of greater, less, equal_within, at_least"),
        ({"relation": "grater"}, "one.relation is grater; did you mean greater?"),
        ({"relation": "equal_within", "margin": -1}, "one.margin is -1; it must be above 0"),
        ({"relation": "equal_within"}, "one has no margin, and equal_within wants one"),
        ({"relation": "at_least", "margin": "a lot"}, "one.margin is a lot; it must be a number"),
        ({"margin": 1}, "one has a margin, and greater has none"),
        ({"metrc": "words"}, "one.metrc is not a key; did you mean metric?"),
        ({"left": "cleaned"}, "one.left is cleaned; it must select runs"),
        ({"left": {"from": {"scale": "small"}}, "right": 1}, "one.left.to is missing"),
        ({"left": {"from": {"scale": "small"}, "to": {"scale": "large"}}}, "a change against what is none"),
        ({"despite": ["techer"]}, "one.despite names techer; did you mean teacher?"),
        ({"statement": None}, "one has no statement: say it in plain words"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_claim_is_said_with_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, Any], said: str
) -> None:
    world(tmp_path, seeds=1)
    claim = {key: value for key, value in {**BETTER, **changed}.items() if value is not None}
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"one": claim}))
    told = refused(capsys, tmp_path, file)
    assert told.startswith(f"{file}: ") and said in told and len(told.splitlines()) == 1


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world(tmp_path, seeds=1)
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"one": {**BETTER, "metric": "x.y"}, "two": {**BETTER, "over": "scal"}}))
    assert [line.partition(": ")[2][:4] for line in refused(capsys, tmp_path, file).splitlines()] == [
        "one.",
        "two.",
    ]
    file.write_text("one: {metric: words}\ntwo: 3\n")
    told = refused(capsys, tmp_path, file)
    assert "one has no relation" in told and "one has no left" in told and "two is no claim" in told


def test_what_is_no_file_of_claims_is_said_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world(tmp_path, seeds=1)
    file = tmp_path / "mine.yaml"
    file.write_text("one: [\ntwo: {")
    assert refused(capsys, tmp_path, file).startswith(f"{file}, line 2 is no YAML: ")
    file.write_text("- one\n- two\n")
    assert "it is no mapping of claims' names" in refused(capsys, tmp_path, file)
    assert "neither an option of conf/claims nor a YAML file; did you mean paper?" in refused(
        capsys, tmp_path, "papr"
    )


def test_the_papers_claims_are_judged_unless_the_runs_were_made_for_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = world(tmp_path)
    shown = told(capsys, tmp_path)
    shipped, _ = claims_in("paper")
    assert all(f"| {claim.name} |" in shown for claim in shipped)
    (run,) = made.path.glob("runs/cleaned/*-000004")
    (run / ".hydra").mkdir()
    (run / ".hydra" / "config.yaml").write_text(yaml.safe_dump({"claims": {"my_own": BETTER}}))
    row = json.loads((run / "run.json").read_text())
    write_json({**row, "started": "2026-02-01T00:00:00Z"}, run / "run.json")
    shown = told(capsys, tmp_path)
    assert "| my_own | supported |" in shown and shipped[0].name not in shown


def test_the_same_verdicts_stand_in_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world(tmp_path, scales=("small", "large"))
    file = tmp_path / "mine.yaml"
    file.write_text(
        yaml.safe_dump({"better": BETTER, "lost": {**BETTER, "left": {"dataset_variant": "rated"}}})
    )
    markdown = told(capsys, tmp_path, "--claims", str(file))
    rows = list(
        csv.DictReader(told(capsys, tmp_path, "--claims", str(file), "--format", "csv").splitlines()[1:])
    )
    assert [row["verdict"] for row in rows] == ["supported", "not testable"]
    estimate, low, high = (float(rows[0][name]) for name in ("estimate", "low", "high"))
    shown = f"{estimate:+.2f} [{low:+.2f}, {high:+.2f}] points"
    for kind in ("html", "latex"):
        text = told(capsys, tmp_path, "--claims", str(file), "--format", kind)
        assert shown.replace("-", "{-}").replace("[", "{[}").replace("]", "{]}") in text or shown in text
    assert f"| better | supported | {shown} | < 0.001 | 3 | {DOCUMENTS} |" in markdown
    options = f"+experiment=rated runtime.outputs={tmp_path} scale=large,small seed=0,1,2"
    assert f". Make them: python -m alpaca_exp --multirun {options}\n" in markdown  # to be copied
    assert "evaluate/e-cleanedlarge0" in markdown and markdown == told(
        capsys, tmp_path, "--claims", str(file)
    )


def test_fewer_runs_can_be_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world(tmp_path, scales=("small", "large"))
    shown = told(capsys, tmp_path, "--where", "scale=small")
    assert "the mean over" not in shown and "--where scale=small" in shown


@pytest.mark.parametrize("name", [name for name in options("claims") if name != "none"])
def test_each_shipped_claim_says_where_it_was_made(name: str) -> None:
    claims, _ = claims_in(name)
    assert len(claims) >= (8 if name == "paper" else 2)
    assert all(claim.source and claim.statement.endswith(".") for claim in claims)
    assert len({claim.name for claim in claims}) == len(claims)


@pytest.mark.parametrize("sweep", [name for name in groups()["sweep"] if name not in STUDIES])
def test_a_grid_ends_with_its_page_and_claims_that_its_own_runs_can_decide(sweep: str) -> None:
    told = yaml.safe_load((data_root() / "sweeps" / f"{sweep}.yaml").read_text())
    varied = told["hydra"]["sweeper"]["params"]
    named = {told["report"]["rows"], *filter(None, [told["report"].get("columns")])}
    assert named <= varied.keys()
    claims, _ = claims_in(told["defaults"][0]["override /claims"])
    sides = [axis for claim in claims for one in claim.selections for axis in one]
    assert claims and set(sides) <= {*varied, "trainer", "seed"}


def test_claims_of_an_experiment_change_nothing_that_is_made() -> None:
    plain, claiming = (plan(compose([f"claims={name}", "world=tiny"])) for name in ("none", "paper"))
    assert {name: stage.fingerprint for name, stage in plain.items()} == {
        name: stage.fingerprint for name, stage in claiming.items()
    }


def test_a_claim_of_an_experiment_is_checked_before_it_runs() -> None:
    with pytest.raises(ConfigError) as caught:
        compose(["claims=paper", "claims.cleaning_repairs.relation=grater", "claims.mine={metric: words}"])
    assert "claims.cleaning_repairs.relation is grater; did you mean greater?" in caught.value.problems
    assert any(text.startswith("claims.mine has no relation") for text in caught.value.problems)


@pytest.mark.long
def test_no_verdict_on_the_papers_claims_is_wrong_in_worlds_whose_truth_is_known(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.claims", "--seeds", "4", "--outputs", str(tmp_path)]
    root, quiet = Path(__file__).resolve().parent.parent, dict(os.environ)
    done = subprocess.run(command, cwd=root, env=quiet, capture_output=True, text=True, check=True)
    print(done.stdout)
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["wrong"] == 0
    decided = [row for row in result["rows"] if row.get("supported", 0) + row.get("contradicted", 0)]
    assert len(decided) > len(result["rows"]) / 2  # it is not by saying nothing


def told(capsys: pytest.CaptureFixture[str], outputs: Path, *words: str) -> str:
    """What `report claims` prints."""
    main(["claims", str(outputs), *words])
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], outputs: Path, claims: Path | str) -> str:
    """What it says where it cannot."""
    with pytest.raises(SystemExit) as caught:
        main(["claims", str(outputs), "--claims", str(claims)])
    assert caught.value.code == 2
    return capsys.readouterr().err
