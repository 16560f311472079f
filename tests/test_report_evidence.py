"""The matrix of seeds and documents behind every interval: what its rows and columns are, and contrasts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from alpaca_exp.records import Row, write_json, write_jsonl
from alpaca_exp.report.doubt import independent, interval
from alpaca_exp.report.evidence import Evidence, contrast, evidence, paired
from alpaca_exp.report.runs import Run, collect
from alpaca_exp.statistics.clusters import clustered_stderr
from alpaca_exp.statistics.intervals import Doubt
from tests.made_outputs import Outputs

Tasks = Mapping[str, Sequence[float | None]]
"""By `<task>.<metric>`, a value a document; None where it has none."""


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    return Outputs(tmp_path / "outputs")


def measured(
    outputs: Outputs,
    variant: str,
    tasks: Tasks,
    seed: int = 0,
    others: Sequence[str] = (),
    clusters: Sequence[str] | None = None,
    source: str = "",
) -> None:
    """A run whose understanding is the mean of `tasks`; the base is not tuned."""
    name = source or f"e-{variant}{seed}{'-'.join(others)}"
    artifacts = {"evaluate": name, **({} if variant == "base" else {"train": f"t-{name}"})}
    outputs.run(variant, seed=seed, overrides=[f"seed={seed}", *others], artifacts=artifacts)
    rows: list[Row] = []
    scores: list[Row] = []
    for key, values in tasks.items():
        task, _, metric = key.partition(".")
        known = [value for value in values if value is not None]
        score = {
            "filter": "none",
            "n": len(known),
            "higher_is_better": True,
            "chance": None,
            "task_version": "1",
        }
        scores.append({"task": task, "metric": metric, "value": np.mean(known), "stderr": 0.5, **score})
        for number, value in enumerate(values):
            told = {"cluster": clusters[number]} if clusters else {}
            content = task.removesuffix("1").removesuffix("2")  # mc1 and mc2 ask the same questions
            place = {"task": task, "doc_id": number, "doc_hash": f"{content}{number}", "metric": metric}
            rows += [{**place, "value": value, **told}] if value is not None else []
    mean = {"value": np.mean([row["value"] for row in scores]), "stderr": 0.3, "n": len(rows)}
    scores.append({**scores[0], "task": "understanding", "metric": "mean", **mean})
    outputs.artifact("evaluate", name, {"suite": {"understanding": list(tasks)}}, scores=scores)
    write_jsonl(rows, outputs.path / "evaluate" / name / "documents.jsonl")


def runs(outputs: Outputs, variant: str) -> list[Run]:
    return [run for run in collect(outputs.path) if run.label("experiment") == variant]


def found(outputs: Outputs, variant: str, metric: str = "understanding") -> Evidence:
    one = evidence(metric, runs(outputs, variant), outputs.path)
    assert one is not None
    return one


def contrasted(one: Evidence | str) -> Evidence:
    assert isinstance(one, Evidence), one
    return one


def stderr_of(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values)))


def test_rows_are_seeds_in_their_order_and_columns_documents(outputs: Outputs) -> None:
    for seed in (10, 9, 2):
        measured(outputs, "cleaned", {"piqa.acc": [1.0, 0.0, 0.0, float(seed == 10)]}, seed)
    one = found(outputs, "cleaned")
    assert [sorted(row) for row in one.seeds] == [[("seed=2",)], [("seed=9",)], [("seed=10",)]]
    assert one.documents == tuple((str(n), f"piqa{n}") for n in range(4))
    assert one.values == pytest.approx(np.array([[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 1]]))


def test_a_rows_mean_is_its_reading_and_its_spread_the_readings_standard_error(outputs: Outputs) -> None:
    rng = np.random.default_rng(0)
    small, large = rng.normal(0.2, 0.1, 20), rng.normal(0.9, 0.3, 200)
    measured(outputs, "cleaned", {"a.acc": small.tolist(), "b.acc": large.tolist()})
    one = found(outputs, "cleaned")
    assert one.values.shape == (1, 220)
    assert one.values.mean(1) == pytest.approx([(small.mean() + large.mean()) / 2])
    # That the tasks' means are far apart is no doubt: another sample of documents would leave them so.
    assert stderr_of(one.values[0]) == pytest.approx(math.hypot(stderr_of(small), stderr_of(large)) / 2)


def test_two_metrics_over_the_same_documents_are_added_document_by_document(outputs: Outputs) -> None:
    rng = np.random.default_rng(1)
    one = rng.normal(0.5, 0.2, 30)
    other = 1 - one + rng.normal(0, 0.01, 30)
    measured(outputs, "cleaned", {"mc1.acc": one.tolist(), "mc2.acc": other.tolist()})
    matrix = found(outputs, "cleaned").values
    assert matrix.shape == (1, 30)
    assert stderr_of(matrix[0]) == pytest.approx(stderr_of((one + other) / 2))


def test_documents_of_a_cluster_stay_together(outputs: Outputs) -> None:
    values = [1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0]
    groups = ["a", "a", "b", "b", "b", "c", "d"]
    measured(outputs, "cleaned", {"piqa.acc": values}, clusters=groups)
    one = found(outputs, "cleaned")
    assert one.clusters is not None and len(set(one.clusters)) == 4
    assert clustered_stderr(one.values[0].tolist(), one.clusters) == pytest.approx(
        clustered_stderr(values, groups)
    )


def test_a_document_that_one_run_lacks_leaves_every_reading_as_it_was(outputs: Outputs) -> None:
    measured(outputs, "cleaned", {"piqa.acc": [1.0, 0.0, 1.0, 1.0, None]}, 0)
    measured(outputs, "cleaned", {"piqa.acc": [1.0, 0.0, 0.0, None, 1.0]}, 1)
    one = found(outputs, "cleaned")
    assert one.values.shape == (2, 5)
    assert one.values.mean(1) == pytest.approx([0.75, 0.5])
    assert stderr_of(one.values[0]) == pytest.approx(stderr_of(np.array([1.0, 0, 1, 1])))


def test_runs_that_share_an_evaluation_are_one_model(outputs: Outputs) -> None:
    for seed in range(3):
        measured(outputs, "base", {"piqa.acc": [1.0, 0.0, 1.0]}, seed, source="e-base")
    one = found(outputs, "base")
    assert one.values.shape == (1, 3) and one.sources == ("evaluate/e-base",)
    assert one.seeds == (frozenset((f"seed={seed}",) for seed in range(3)),)


def test_runs_that_did_not_end_and_runs_without_the_metric_say_nothing(outputs: Outputs) -> None:
    outputs.run("cleaned", status="failed", error="out of memory")
    assert evidence("understanding", runs(outputs, "cleaned"), outputs.path) is None


def test_dollars_have_no_documents(outputs: Outputs) -> None:
    for seed in range(2):
        outputs.run("cleaned", seed=seed, artifacts={"evaluate": f"e{seed}"})
        outputs.artifact("evaluate", f"e{seed}", {}, usd=float(seed))
    one = found(outputs, "cleaned", "usd")
    assert (one.documents, one.values.tolist()) == ((), [[0.5], [1.5]])


def test_a_value_that_is_no_mean_of_the_documents_on_disk_rests_on_seeds_alone(outputs: Outputs) -> None:
    measured(outputs, "cleaned", {"piqa.acc": [1.0, 0.0, 1.0]})
    file = outputs.path / "evaluate" / "e-cleaned0" / "scores.jsonl"
    rows = [{"task": "piqa", "metric": "acc", "filter": "none", "value": 0.5, "stderr": 0.1, "n": 3}]
    write_jsonl(rows, file)
    assert found(outputs, "cleaned", "piqa.acc").values.tolist() == [[0.5]]


def test_a_single_document_tells_nothing_of_others(outputs: Outputs) -> None:
    measured(outputs, "cleaned", {"piqa.acc": [1.0], "boolq.acc": [1.0, 0.0, 0.0]})
    assert found(outputs, "cleaned").values == pytest.approx(np.array([[2 / 3]]))


def test_a_pair_is_taken_by_seed_and_document(outputs: Outputs) -> None:
    for seed in (0, 1, 2):
        measured(outputs, "original", {"piqa.acc": [1.0, 0.0, 0.0, float(seed)]}, seed)
    for seed in (2, 1):
        measured(outputs, "cleaned", {"piqa.acc": [1.0, 1.0, 0.0, float(seed)]}, seed)
    difference = contrasted(paired(found(outputs, "cleaned"), found(outputs, "original")))
    assert [sorted(row) for row in difference.seeds] == [[("seed=1",)], [("seed=2",)]]
    assert difference.values == pytest.approx(np.array([[0, 1, 0, 0], [0, 1, 0, 0]]))


def test_an_untuned_base_stands_beside_every_seed(outputs: Outputs) -> None:
    measured(outputs, "base", {"piqa.acc": [1.0, 0.0, 0.0]}, 7)
    for seed in range(3):
        measured(outputs, "cleaned", {"piqa.acc": [1.0, 1.0, float(seed == 2)]}, seed)
    difference = contrasted(paired(found(outputs, "cleaned"), found(outputs, "base")))
    assert difference.readings == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert contrasted(paired(found(outputs, "base"), found(outputs, "cleaned"))).readings[0] < 0


def test_an_untuned_base_of_each_pre_training_stands_beside_its_own_tunings(outputs: Outputs) -> None:
    for base in (0, 1):
        measured(outputs, "base", {"piqa.acc": [float(base), 0.0]}, 0, [f"base_model.seed={base}"])
        for seed in (0, 1):
            measured(outputs, "cleaned", {"piqa.acc": [1.0, 0.0]}, seed, [f"base_model.seed={base}"])
    difference = contrasted(paired(found(outputs, "cleaned"), found(outputs, "base")))
    assert sorted(difference.readings) == [0, 0, 0.5, 0.5]


def test_one_tuning_is_no_stand_in_for_the_other_seeds(outputs: Outputs) -> None:
    measured(outputs, "original", {"piqa.acc": [1.0, 0.0, 0.0]}, 0)
    for seed in range(3):
        measured(outputs, "cleaned", {"piqa.acc": [1.0, 1.0, 0.0]}, seed)
    assert len(contrasted(paired(found(outputs, "cleaned"), found(outputs, "original"))).readings) == 1
    measured(outputs, "other", {"piqa.acc": [1.0, 1.0, 0.0]}, 5)
    assert paired(found(outputs, "cleaned"), found(outputs, "other")) == "no seed is common to them"


def test_documents_that_were_never_both_asked_are_no_pair(outputs: Outputs) -> None:
    measured(outputs, "original", {"piqa.acc": [1.0, 0.0, 0.0]})
    measured(outputs, "cleaned", {"boolq.acc": [1.0, 0.0, 0.0]})
    assert paired(found(outputs, "cleaned"), found(outputs, "original")) == "no document is common to them"


def test_a_contrast_of_four_cells_is_their_weighted_sum(outputs: Outputs) -> None:
    rng = np.random.default_rng(3)
    scores = {name: rng.normal(0, 1, (3, 12)) for name in "abcd"}
    for name, matrix in scores.items():
        for seed, row in enumerate(matrix):
            measured(outputs, name, {"piqa.acc": row.tolist()}, seed)
    weights = {"a": 1.0, "b": -1.0, "c": -1.0, "d": 1.0}
    one = contrasted(contrast([(weight, found(outputs, name)) for name, weight in weights.items()]))
    assert one.values == pytest.approx(sum(weight * scores[name] for name, weight in weights.items()))
    assert len(one.sources) == 12


def test_runs_of_one_pre_training_count_as_one_where_others_have_another(outputs: Outputs) -> None:
    for base, level in enumerate((0.0, 0.5, 1.0)):
        for seed in range(3):
            values = [level, level + 0.01 * seed, level]
            measured(outputs, "cleaned", {"piqa.acc": values}, seed, [f"base_model.seed={base}"])
    one = found(outputs, "cleaned")
    assert len(one.readings) == 9
    assert independent(one).readings == pytest.approx([0.01 / 3, 0.5 + 0.01 / 3, 1 + 0.01 / 3])
    assert interval(one).n == 3
    same = [run for run in runs(outputs, "cleaned") if "base_model.seed=0" in run.seeds]
    alone = evidence("understanding", same, outputs.path)
    assert alone is not None and interval(alone).n == 3


def test_a_single_reading_without_documents_has_the_interval_that_it_was_left_with(outputs: Outputs) -> None:
    outputs.run("cleaned", artifacts={"judge": "j"})
    row = {"task": "judge", "metric": "win_rate_lc", "filter": "none", "value": 40.0, "stderr": 5.0, "n": 80}
    outputs.artifact("judge", "j", {}, scores=[row])
    write_json({}, outputs.path / "judge" / "j" / "notes.json")
    one = interval(found(outputs, "cleaned", "judge.win_rate_lc"))
    assert one.doubt is Doubt.checkpoint and one.low is not None
    assert one.mean - one.low == pytest.approx(1.96 * 5, rel=1e-3)
