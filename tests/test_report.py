"""The report over made-up outputs: what a table says, down to the byte, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from alpaca_exp.records import read_jsonl, write_json, write_jsonl
from alpaca_exp.report.__main__ import main
from alpaca_exp.report.metrics import shown
from alpaca_exp.report.runs import ABSENT, collect
from alpaca_exp.report.summary import summary
from tests.made_outputs import Outputs, filled, refusal, report


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    return filled(tmp_path / "outputs")


def test_two_axes_and_a_baseline_in_markdown(capsys: pytest.CaptureFixture[str], outputs: Outputs) -> None:
    words = "--rows dataset_variant --columns scale --metrics truthfulness --baseline original"
    assert report(capsys, outputs, words) == (
        "| dataset_variant | large truthfulness | small truthfulness |\n"
        "| --- | --- | --- |\n"
        "| cleaned | 0.900 [0.872, 0.922] (3 x 400); Δ +0.200 [+0.175, +0.225]§ "
        "| 0.800 [0.774, 0.824] (3 x 400); Δ +0.200 [+0.175, +0.225]§ |\n"
        "| original | 0.700 [0.675, 0.724] (3 x 400) | 0.600 [0.575, 0.625] (3 x 400) |\n"
        "\n"
        "Mean and 95 % interval over seeds and documents, in brackets (seeds x documents). "
        "Δ: difference from original, paired by seed and by document. "
        "§ Differs from original: p < 0.05 after Holm over the 2 differences of this table.\n"
        "\n"
        "    python -m alpaca_exp.report outputs --rows dataset_variant --columns scale "
        "--metrics truthfulness --baseline original --format markdown\n"
        "\n"
        "- cleaned: evaluate/e-cleanedlarge0, evaluate/e-cleanedlarge1, evaluate/e-cleanedlarge2, "
        "evaluate/e-cleanedsmall0, evaluate/e-cleanedsmall1, evaluate/e-cleanedsmall2\n"
        "- original: evaluate/e-originallarge0, evaluate/e-originallarge1, evaluate/e-originallarge2, "
        "evaluate/e-originalsmall0, evaluate/e-originalsmall1, evaluate/e-originalsmall2\n"
    )


def test_the_same_in_csv_one_line_a_cell(capsys: pytest.CaptureFixture[str], outputs: Outputs) -> None:
    words = (
        "--rows dataset_variant --columns scale --metrics truthfulness,rows --baseline original --format csv"
    )
    head, _, body = report(capsys, outputs, words).partition("\n")
    assert head == f"# python -m alpaca_exp.report outputs {words}"
    rows = list(csv.DictReader(io.StringIO(body)))
    assert len(rows) == 8 and "command" not in rows[0]
    first = rows[0]
    columns = ("dataset_variant", "scale", "metric", "mean", "low", "high", "seeds")
    assert {key: first[key] for key in columns} == {
        "dataset_variant": "cleaned", "scale": "large", "metric": "truthfulness",
        "mean": "0.9", "low": "0.87237", "high": "0.922182", "seeds": "3",
    }  # fmt: skip
    assert (first["interval"], first["difference"], first["failed"]) == ("over seeds", "0.2", "0")
    assert first["artifacts"].split() == [f"evaluate/e-cleanedlarge{seed}" for seed in (0, 1, 2)]


def test_a_table_has_the_same_bytes_every_time_also_after_a_second_identical_run(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    first = report(capsys, outputs, "--rows dataset_variant --columns scale")
    outputs.run("cleaned", "small", 1, started="2026-02-01T00:00:00Z", seconds=0.1)
    assert report(capsys, outputs, "--rows dataset_variant --columns scale") == first


def test_by_default_experiments_are_rows_and_metrics_columns(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    text = report(capsys, outputs, "")
    head = "| experiment | understanding | truthfulness | judge.percent | judge.win_rate | words | usd |"
    assert text.startswith(head)
    assert text.splitlines()[2].split(" | ")[1] == ABSENT


def test_scales_in_one_cell_are_marked_as_mixed(capsys: pytest.CaptureFixture[str], outputs: Outputs) -> None:
    text = report(capsys, outputs, "--metrics truthfulness")
    assert "| cleaned | 0.850† (6 x 400) |" in text
    assert "† A mean over runs that differ in more than their seeds: scale (large, small)." in text
    compared = report(capsys, outputs, "--rows dataset_variant --metrics truthfulness --baseline original")
    assert "It is not compared with original; add --columns scale, or choose one: --where scale=" in compared
    main(
        [
            str(outputs.path),
            "--rows",
            "dataset_variant",
            "--metrics",
            "truthfulness",
            "--baseline",
            "original",
        ]
    )
    assert "; Δ" not in capsys.readouterr().out, "seeds of different scales are no pairs"


def test_where_leaves_the_other_runs_out(capsys: pytest.CaptureFixture[str], outputs: Outputs) -> None:
    text = report(capsys, outputs, "--where scale=small --where dataset_variant=cleaned --metrics words")
    assert "| cleaned | 10.0 (3 x 80) |" in text
    assert "original" not in text
    assert "--where scale=small --where dataset_variant=cleaned" in text


def test_what_cleaning_removed_is_a_metric_like_others(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    text = report(capsys, outputs, "--metrics rows,edited,removed.rules,removed.critic,removed.wrong_sum")
    assert "| cleaned | 80 | 2 | 10 | 10 | 5 |" in text
    assert "| original | 100 | 2 | 0 | 0 | 0 |" in text


def test_dollars_are_what_making_the_artifacts_costs_whoever_paid(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    text = report(capsys, outputs, "--rows dataset_variant --columns scale --metrics usd")
    assert text.count(" 1.75 ") == 4
    assert "usd: what making it would cost today, whoever paid" in text


def test_one_seed_says_this_checkpoint_only_and_is_paired_by_document(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    for variant, right in {"original": [1, 0] * 50, "cleaned": [1, 0] * 45 + [1] * 10}.items():
        outputs.run(variant)
        outputs.evaluation(f"{variant}small0", 0, right)
    text = report(capsys, outputs, "--metrics truthfulness --baseline original")
    assert "0.550 [0.451, 0.645]° (1 x 100); Δ +0.050 [+0.007, +0.093]°" in text
    assert "speaks of this checkpoint only" in text


def test_documents_that_go_together_are_no_independent_evidence_of_a_difference(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    for variant, right in {"original": [1, 0] * 50, "cleaned": [1, 0] * 45 + [1] * 10}.items():
        outputs.run(variant)
        outputs.evaluation(f"{variant}small0", 0, right)
        file = outputs.path / "evaluate" / f"e-{variant}small0" / "documents.jsonl"
        write_jsonl([{**row, "cluster": f"task{row['doc_id'] // 10}"} for row in read_jsonl(file)], file)
    text = report(capsys, outputs, "--metrics truthfulness --baseline original")
    assert "Δ +0.050 [-0.063, +0.163]° |" in text, "all of it comes from one task of ten"


def test_an_untuned_base_is_one_model_however_many_seeds_were_run(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    for seed in (0, 1, 2):
        outputs.run("base", "small", seed, artifacts={"evaluate": "e-base"})
    outputs.evaluation("base", 0.75)
    text = report(
        capsys, outputs, "--rows dataset_variant --columns scale --metrics truthfulness --baseline base"
    )
    assert f"| base | {ABSENT} | 0.750 [0.709, 0.787]° (1 x 400) |" in text
    assert "| 0.800 [0.774, 0.824] (3 x 400); Δ +0.050 [+0.025, +0.075]§ |" in text


def test_a_failed_run_shows_as_failed_until_it_was_done_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    outputs.run("cleaned", artifacts={}, status="failed", error="the server is gone")
    assert "| cleaned | failed |" in report(capsys, outputs, "--metrics truthfulness")
    outputs.run("cleaned", started="2025-12-31T00:00:00Z")
    outputs.evaluation("cleanedsmall0", 0.8)
    assert "| cleaned | 0.800 [0.758, 0.836]° (1 x 400) |" in report(
        capsys, outputs, "--metrics truthfulness"
    )


def test_what_bad_input_ended_counts_only_where_there_is_nothing_else(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    refused = {"artifacts": {}, "status": "failed", "refused": True}
    outputs.run("cleaned", overrides=["eval_suite.limit=0"], **refused)
    assert "| cleaned | failed |" in report(capsys, outputs, "--metrics truthfulness")
    outputs.run("cleaned")
    outputs.evaluation("cleanedsmall0", 0.8)
    assert "| cleaned | 0.800 [0.758, 0.836]° (1 x 400) |" in report(
        capsys, outputs, "--metrics truthfulness"
    )


def test_any_field_of_the_configuration_is_an_axis_and_a_condition(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    rates = ("0.0001", "1.0e-05", "0.002")
    for seed, rate in enumerate(rates):
        outputs.run("original", seed=seed, overrides=[f"trainer.x={seed}"])
        outputs.evaluation(f"originalsmall{seed}", 0.5 + seed / 10)
        folder = sorted((outputs.path / "runs" / "original").iterdir())[-1] / ".hydra"
        folder.mkdir()
        suite = "eval_suite:\n  frame: raw\n  mirror: ${trainer.learning_rate}\n"
        (folder / "config.yaml").write_text(f"trainer:\n  learning_rate: {rate}\n{suite}")
    by_rate = report(capsys, outputs, "--rows trainer.learning_rate --metrics truthfulness")
    assert [line.split(" | ")[0] for line in by_rate.splitlines()[2:5]] == ["| 1e-05", "| 0.0001", "| 0.002"]
    for where in ("trainer.learning_rate=1e-4", "eval_suite.mirror=0.0001"):
        one = report(capsys, outputs, f"--metrics truthfulness --where {where}")
        assert "| original | 0.500 [0.461, 0.539]° (1 x 400) |" in one
    said = refusal(capsys, outputs.path, "--where frame=raw")
    assert said == "there is no axis frame; did you mean eval_suite.frame?\n"
    said = refusal(capsys, outputs.path, "--rows trainer.learning_rat")
    assert said == "there is no axis trainer.learning_rat; did you mean trainer.learning_rate?\n"


def test_fields_of_runs_whose_configuration_is_not_noted_are_read_from_their_overrides(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    for seed in (0, 1):
        outputs.run("original", seed=seed, overrides=[f"eval_suite.limit={seed + 10}"])
        outputs.evaluation(f"originalsmall{seed}", 0.5 + seed / 10)
    text = report(capsys, outputs, "--columns eval_suite.limit --metrics truthfulness")
    assert "| experiment | 10 truthfulness | 11 truthfulness |" in text and "†" not in text


def test_a_mark_stands_in_csv_too_and_its_footnote_names_each_field_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    for seed in range(12):
        outputs.run("original", overrides=[f"trainer.x{n}={seed}" for n in range(12)], seed=0,
                    artifacts={"evaluate": f"e-{seed}"})  # fmt: skip
        outputs.evaluation(str(seed), 0.5)
    text = report(capsys, outputs, "--metrics truthfulness")
    assert "trainer.x0 (0, 1, 10, 11, and 8 more), trainer.x10 (" in text and "and 4 more." in text
    row = next(
        csv.DictReader(report(capsys, outputs, "--metrics truthfulness --format csv").splitlines()[1:])
    )
    assert row["warnings"].startswith("A mean over runs that differ in more than their seeds: trainer.x0 (0,")


def test_a_run_that_finished_without_the_metric_is_not_called_unfinished(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    outputs.run("original")
    outputs.run("cleaned", artifacts={}, status="stopped")
    outputs.evaluation("originalsmall0", 0.5)
    text = report(capsys, outputs, "--metrics understanding")
    assert "- original: finished, without these metrics" in text and "- cleaned: nothing finished" in text


def test_a_stopped_run_is_told_from_a_failed_one(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    outputs.run("cleaned", seed=3, artifacts={}, status="stopped", error="the budget is reached")
    outputs.run("cleaned", seed=4, artifacts={}, status="failed", error="the server is gone")
    outputs.run("uncapped", artifacts={}, status="stopped", error="stopped")
    text = report(capsys, outputs, "--metrics truthfulness --where scale=small")
    assert "| uncapped | stopped |" in text and " (3 x 400; 1 failed, 1 stopped) |" in text
    assert "Stopped runs are resumable" in text
    table = report(capsys, outputs, "--metrics truthfulness --where scale=small --format csv")
    row = next(csv.DictReader(table.splitlines()[1:]))
    assert (row["experiment"], row["failed"], row["stopped"]) == ("cleaned", "1", "1")


def test_no_interval_leaves_the_range_of_its_metric(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    outputs.run("cleaned")
    outputs.evaluation("cleanedsmall0", 0.98)
    base = {"filter": "none", "n": 20, "higher_is_better": True, "chance": 50.0, "stderr": 6.0}
    rates = [{"task": "judge", "metric": "win_rate", "value": 5.0, **base}]
    outputs.artifact("judge", "j-cleanedsmall0", {}, scores=rates)
    assert "| cleaned | 0.980 [0.894, 0.997]° (1 x 400) |" in report(
        capsys, outputs, "--metrics truthfulness"
    )
    assert "| cleaned | 5.0 [0.7, 29.6]° (1 x 20) |" in report(capsys, outputs, "--metrics judge.win_rate")


def test_of_the_same_run_made_twice_the_newer_counts(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path / "outputs")
    outputs.run("cleaned", started="2026-01-02T00:00:00Z", artifacts={"evaluate": "new"})
    outputs.run("cleaned", started="2026-01-01T00:00:00Z", artifacts={"evaluate": "old"})
    assert [run.artifacts["evaluate"] for run in collect(outputs.path)] == ["new"]


def test_other_seeds_than_the_runs_own_make_other_runs(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path / "outputs")
    for seed in (0, 1):
        outputs.run("cleaned", overrides=[f"base_model.seed={seed}"])
    assert len(collect(outputs.path)) == 2
    assert len({run.recipe for run in collect(outputs.path)}) == 1


def test_jobs_of_a_sweep_are_runs_too(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path / "outputs")
    row = outputs.run("cleaned")
    folder = outputs.path / "sweeps" / "factorial" / "7"
    folder.mkdir(parents=True)
    write_json({**row, "seed": 4}, folder / "run.json")
    assert [run.name.partition("/")[0] for run in collect(outputs.path)] == ["runs", "sweeps"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--rows dataset_varient", "there is no axis dataset_varient; did you mean dataset_variant?"),
        ("--metrics truthfullness", "there is no metric truthfullness; did you mean truthfulness?"),
        ("--metrics world_truth.ac", "did you mean world_truth.acc?"),
        ("--rows scale --columns scale", "--columns scale is what --rows shows already"),
        ("--where scale", "write it as --where scale=VALUE"),
        ("--where seed=0,9", "there is no seed 9; there are 0, 1, 2"),
        ("--where seed=11", "there is no seed 11; there are 0, 1, 2"),
        (
            "--where scale=small --where scale=large",
            "(only the runs at scale=small are left); of several write --where scale=small,large",
        ),
        ("--where scale=smal", "there is no scale smal; did you mean small?"),
        ("--baseline orignal", "no baseline among the rows by experiment: orignal; did you mean original?"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(
    capsys: pytest.CaptureFixture[str], outputs: Outputs, words: str, message: str
) -> None:
    assert message in refusal(capsys, outputs.path, words)


def test_an_untuned_model_stands_at_no_learning_rate(outputs: Outputs) -> None:
    told = ["trainer.learning_rate=2e-5"]
    outputs.run("base", labels={"trainer": "none"}, artifacts={}, overrides=told)
    outputs.run("other", labels={"trainer": "matched"}, artifacts={}, overrides=told)
    rates = {run.label("experiment"): run.label("trainer.learning_rate") for run in collect(outputs.path)}
    assert (rates["base"], rates["other"]) == (ABSENT, "2e-5")


def test_nothing_is_less_than_nothing_by_rounding() -> None:
    assert shown("judge.percent", -0.02, sign=True) == "+0.0" and shown("words", -1.0, sign=True) == "-1.0"


def test_several_values_of_an_axis_are_named_by_comma(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    words = "--rows dataset_variant --columns scale --metrics truthfulness"
    every = report(capsys, outputs, words)
    both = report(capsys, outputs, f"{words} --where scale=large,small")
    assert both.splitlines()[:4] == every.splitlines()[:4]
    assert "large truthfulness" not in report(capsys, outputs, f"{words} --where scale=small")


@pytest.mark.parametrize("command", ["", "claims", "power", "attribution", "page"])
def test_an_option_is_written_out_and_a_folder_is_named_once(
    capsys: pytest.CaptureFixture[str], outputs: Outputs, command: str
) -> None:
    for words in ("--output elsewhere", f"{outputs.path} --outputs elsewhere"):
        with pytest.raises(SystemExit) as caught:
            main([*command.split(), *words.split()])
        told = capsys.readouterr().err
        assert caught.value.code == 2 and ("unrecognized arguments" in told or "leave one out" in told)


@pytest.mark.parametrize("command", ["--rows scale", "claims", "power", "attribution"])
def test_what_would_be_printed_can_go_into_a_file(
    capsys: pytest.CaptureFixture[str], outputs: Outputs, tmp_path: Path, command: str
) -> None:
    words = [*command.split(), f"--outputs={outputs.path}"]
    claim: dict[str, object] = {"statement": "s", "metric": "words", "relation": "less"}
    claim |= {"left": {"scale": "small"}, "right": {"scale": "large"}}
    write_json({"one": claim}, tmp_path / "claims.yaml")
    claims = ["--claims", str(tmp_path / "claims.yaml")]
    words += claims if command == "claims" else ["--metrics", "truthfulness"]
    words += ["--factors", "scale,dataset_variant"] * ("attribution" in command)
    main(words)
    printed = capsys.readouterr().out
    main([*words, "--out", str(tmp_path / "told.md")])
    assert (tmp_path / "told.md").read_text(encoding="utf-8") == printed and capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("word", "hint"), [("claim", "did you mean claims"), ("zzz", "the commands are page, reading")]
)
def test_a_command_that_is_none_is_refused_with_the_nearest(
    capsys: pytest.CaptureFixture[str], outputs: Outputs, word: str, hint: str
) -> None:
    with pytest.raises(SystemExit):
        main([word, "--outputs", str(outputs.path)])
    assert f"{word} is no command, and there is no folder of that name; {hint}" in capsys.readouterr().err


def test_no_runs_and_no_folder_are_said_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "holds no runs; start one" in refusal(capsys, tmp_path, "")
    assert "is no folder" in refusal(capsys, tmp_path / "absent", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [('{"half": ', "cannot be read as JSON"), ('{"seed": 0}', "it lacks experiment"), ("[1]", "it lacks")],
    ids=["torn", "foreign", "no object"],
)
def test_a_torn_or_foreign_run_is_left_out_and_named(
    capsys: pytest.CaptureFixture[str], outputs: Outputs, text: str, said: str
) -> None:
    outputs.run("uncapped")
    file = next(outputs.path.glob("runs/uncapped/*/run.json"))
    file.write_text(text)
    main([str(outputs.path), "--metrics", "words"])
    printed = capsys.readouterr()
    assert "| uncapped" not in printed.out and "| cleaned | " in printed.out
    assert f"- left out: {file}" in printed.out
    assert printed.err.count("\n") == 1 and str(file) in printed.err and said in printed.err


def test_the_summary_of_a_run_holds_its_scores(outputs: Outputs) -> None:
    row = outputs.run("cleaned")
    assert summary(row, outputs.path).splitlines() == [
        "metric           value  ± stderr    n  chance",
        "world_truth.acc  0.790     0.020  400   0.250",
        "truthfulness     0.790     0.020  400   0.250",
        "judge.percent     80.0       1.5   80",
        "words             10.0       1.5   80",
        "rows_in            100",
        "removed.rules       10",
        "removed.critic      10",
        "rows                80",
        "usd               1.75",
        "usd.paid          0.00",
    ]


def test_the_summary_accounts_for_every_row_that_is_gone(outputs: Outputs) -> None:
    row = outputs.run("cleaned")
    outputs.card("cleaned", 40, {"empty_output": 5, "rating": 30, "max_words": 15, "overlap": 10})
    file = outputs.path / "curate" / "c-cleaned" / "card.json"
    card = json.loads(file.read_text())
    write_json({**card, "counts": {**card["counts"], "rows_in": 110, "not_drawn": 10}}, file)
    told = dict(line.split()[:2] for line in summary(row, outputs.path).splitlines())
    gone = [int(count) for name, count in told.items() if name.startswith("removed.") or name == "not_drawn"]
    assert told["removed.rating"] == "30" and int(told["rows_in"]) - sum(gone) == int(told["rows"]) == 40


def test_a_run_that_was_raised_to_a_larger_budget_or_another_server_is_the_same_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    for status, override in (
        ("failed", "teacher.api_key_env=WRONG"),
        ("failed", "teacher.base_url=http://127.0.0.1:1/v1"),
        ("stopped", "teacher.budget_usd=1"),
    ):
        outputs.run("cleaned", artifacts={}, status=status, overrides=[override])
    assert "| cleaned | stopped |" in report(capsys, outputs, "--metrics truthfulness")
    outputs.run("cleaned", overrides=["teacher.budget_usd=2"])
    outputs.run("cleaned", artifacts={}, status="failed", overrides=["trainer.learning_rate=9.0"])
    outputs.evaluation("cleanedsmall0", 0.8)
    said = report(capsys, outputs, "--metrics truthfulness")
    assert "| cleaned | 0.800 [0.758, 0.836]° (1 x 400; 1 failed) |" in said, (
        "another recipe has failed for itself"
    )


def test_without_a_judge_its_columns_are_empty_whatever_failed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    labels = {"dataset_variant": "cleaned", "judge": "none"}
    outputs.run("cleaned", labels=labels, artifacts={}, status="failed")
    said = report(capsys, outputs, "--metrics judge.percent,words,truthfulness")
    assert f"| cleaned | {ABSENT} | {ABSENT} | failed |" in said


def test_the_delta_is_explained_only_where_one_is_shown(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    words = "--rows dataset_variant --metrics judge.win_rate --baseline original"
    assert "Δ" not in report(capsys, outputs, words)
    assert "Δ: difference from original" in report(
        capsys, outputs, words.replace("win_rate", "percent --columns scale")
    )


def test_the_summary_of_a_run_without_scores_says_so(outputs: Outputs) -> None:
    row = outputs.run("cleaned", artifacts={}, status="failed")
    assert summary(row, outputs.path) == "cleaned: no scores (failed)"


def test_the_report_loads_neither_torch_nor_pandas_nor_hydra(outputs: Outputs) -> None:
    code = (
        "import sys; from alpaca_exp.report.__main__ import main; main([sys.argv[1]]); "
        "heavy = ('torch', 'pandas', 'hydra', 'transformers', 'matplotlib'); "
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(outputs.path)], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_runs_that_name_no_training_are_told_apart_by_their_seeds_all_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    for variant, base in (("original", 0.5), ("cleaned", 0.6)):
        for seed in (0, 1, 2):
            outputs.run(variant, seed=seed, artifacts={"evaluate": f"e-{variant}small{seed}"})
            outputs.evaluation(f"{variant}small{seed}", base + seed / 100 + (base > 0.5) * seed / 50)
    assert "; Δ +0.120 [+0.070, +0.170]§ |" in report(
        capsys, outputs, "--metrics truthfulness --baseline original"
    )


def test_rows_without_a_seed_in_common_are_compared_as_two_samples_and_that_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    for variant, seeds, base in (("original", (0, 1, 2), 0.5), ("cleaned", (3, 4, 5), 0.6)):
        for seed in seeds:
            outputs.run(variant, seed=seed)
            outputs.evaluation(f"{variant}small{seed}", base + seed / 100)
    said = report(capsys, outputs, "--metrics truthfulness --baseline original")
    assert "; Δ +0.130 [+0.107, +0.153]§ |" in said
    assert "paired by seed and by document, or as of two samples where they have none in common." in said
