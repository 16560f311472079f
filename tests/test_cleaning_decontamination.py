"""Rows that hold what a model is evaluated on are left out of the data, where that is asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from alpaca_exp.compose import compose
from alpaca_exp.errors import ConfigError
from alpaca_exp.paths import data_root
from alpaca_exp.plan import plan
from alpaca_exp.records import Row, read_jsonl, write_jsonl
from tests.mirrors import write_mirror
from tests.planted import PLANTED


def curated(tmp_path: Path, rows: Sequence[Row], **variant: object) -> Path:
    source = tmp_path / "source.jsonl"
    write_jsonl(rows, source)
    mirror = tmp_path / "mirror"
    mirror = mirror if mirror.exists() else write_mirror(mirror)
    told = [f"eval_suite.mirror={mirror}", f"dataset_variant.source={source}", "judge=openai"]
    told += [f"dataset_variant.{name}={value}" for name, value in variant.items()]
    config = compose(["preset=local", "+experiment=original", *told])
    stage = plan(config)["curate"]
    out = tmp_path / "curated"
    out.mkdir()
    stage.function(**stage.config, **stage.runtime, out=out)
    return out


ASKED = {"id": "row-5", "instruction": "", "input": "", "output": "Sure."}


def test_rows_that_hold_documents_or_questions_are_removed_and_the_document_is_named(tmp_path: Path) -> None:
    question = next(read_jsonl(data_root() / "seeds" / "judge_questions.jsonl"))
    rows = [*PLANTED, ASKED | {"instruction": question["text"].upper()}]
    out = curated(tmp_path, rows, decontaminate="remove")
    assert [row["id"] for row in read_jsonl(out / "dataset.jsonl")] == ["row-0", "row-4"]
    removed = {row["id"]: row for row in read_jsonl(out / "removed.jsonl")}
    assert {(row["rule"], row["category"]) for row in removed.values()} == {("overlap", "decontamination")}
    assert removed["row-2"]["reason"] == (
        'its input shares "how does ben dry a shirt" with document 1 of piqa'
    )
    assert removed["row-3"]["reason"].endswith("with document 4 of truthfulqa_mc1 and 1 more")
    assert removed["row-5"]["reason"].endswith(f"document {question['question_id']} of judge_questions")
    card = json.loads((out / "card.json").read_text())
    assert card["counts"]["decontamination"]["piqa"]["documents"] == 1
    assert card["counts"]["removed"] == {"overlap": 4}
    assert "decontamination (13 words)" in card["lineage"]["cleaning"]


def test_the_length_of_a_run_can_be_chosen(tmp_path: Path) -> None:
    text = "takes a knife. Then he paints the bread and eats it."
    rows = [*PLANTED[:1], ASKED | {"output": f"Ada {text}"}, ASKED | {"id": "row-6", "output": text}]
    out = curated(tmp_path, rows, decontaminate="remove", decontaminate_ngram=11)
    assert [row["id"] for row in read_jsonl(out / "dataset.jsonl")] == ["row-0", "row-6"]


def test_what_decontamination_looks_for_and_finds_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    curated(tmp_path, PLANTED, decontaminate="remove")
    said = capsys.readouterr().err
    assert f"curate: looking for the evaluation's documents in {len(PLANTED)} rows" in said
    removed = len(list(read_jsonl(tmp_path / "curated" / "removed.jsonl")))
    assert removed and re.search(
        rf"curate: \d+ of \d+ documents found; {removed} rows that hold them left out", said
    )


def test_a_decontaminated_set_is_clean_and_stays_as_it_is(tmp_path: Path) -> None:
    once = curated(tmp_path, PLANTED, decontaminate="remove")
    (tmp_path / "curated").rename(tmp_path / "once")
    again = curated(tmp_path, list(read_jsonl(tmp_path / "once" / "dataset.jsonl")), decontaminate="remove")
    assert again == once
    kept = [list(read_jsonl(tmp_path / name / "dataset.jsonl")) for name in ("once", "curated")]
    assert kept[0] == kept[1]
    assert list(read_jsonl(tmp_path / "curated" / "removed.jsonl")) == []


def test_nothing_is_removed_unless_that_is_asked_for(tmp_path: Path) -> None:
    out = curated(tmp_path, PLANTED)
    assert list(read_jsonl(out / "dataset.jsonl")) == PLANTED


def test_where_rows_are_removed_the_documents_decide_the_data_and_how_they_are_asked_does_not() -> None:
    remove = ["+experiment=cleaned", "dataset_variant.decontaminate=remove"]

    def data(*overrides: str) -> str:
        return plan(compose([*remove, *overrides]))["curate"].fingerprint

    plain = data()
    for same in ("eval_suite.truthfulness=[]", "eval_suite.frame=alpaca", "judge.questions.max_tokens=9"):
        assert data(same) == plain
    for other in ("eval_suite.limit=3", "judge.questions.limit=3", "dataset_variant.decontaminate_ngram=8"):
        assert data(other) != plain


def test_a_length_without_removal_is_answered_with_the_setting_that_is_missing() -> None:
    with pytest.raises(ConfigError, match=r"add dataset_variant\.decontaminate=remove"):
        compose(["dataset_variant.decontaminate_ngram=8"])
    with pytest.raises(ConfigError, match="decontaminate_ngram is 2; it must be 5 or more"):
        compose(["dataset_variant.decontaminate=remove", "dataset_variant.decontaminate_ngram=2"])
