"""Published numbers: what is shipped, what the audit says of it, and that every slip in it shows."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal
from pathlib import Path

import pytest

from alpaca_exp.references.audit import BY_NAME, RULES, Finding, audit, of_names
from alpaca_exp.references.files import Table
from alpaca_exp.references.library import known, load, shipped, taken_from_elsewhere
from alpaca_exp.references.names import models, sets
from alpaca_exp.references.rows import Reference
from alpaca_exp.references.rules import SHARES, stderr_of
from alpaca_exp.report.references import main

KNOWN = known(load())
TAKEN = taken_from_elsewhere(shipped())
CITING = [row for table in TAKEN for row in table.rows]
PLAINLY_NAMED = {"truthfulqa": "TruthfulQA", "haltt4llm_truthfulqa": "HALTT4LLM"}
TABLE_1A = ("llama-7b", "alpaca-7b", "text-davinci-003")
EXPECTED = {
    "differs_from_source": {
        "lindenau.1a.alpaca-7b.boolq": "prints 73.1; GPT4All report, zero-shot table, says 73.9",
        "lindenau.1a.alpaca-7b.piqa": "prints 77.4; GPT4All report, zero-shot table, says 77.2",
        "lindenau.1a.text-davinci-003.hellaswag": "prints 83.3; GPT4All report, zero-shot table, says 83.4",
        "lindenau.1a.text-davinci-003.winogrande": "prints 75.5; GPT4All report, zero-shot table, says 75.8",
        "lindenau.1a.text-davinci-003.piqa": "prints 83.19; GPT4All report, zero-shot table, says 83.8",
        "lindenau.data.cap": "4,931 of 52,002 outputs are longer than 100 words",
        "lindenau.data.feedback": "prints 1; stanford_alpaca, generator, says 0",
    },
    "not_that_set": dict.fromkeys(
        ("lindenau.5.alpaca", "lindenau.5.davinci", "lindenau.5.cleaned"), "HALTT4LLM's trivia"
    ),
    "not_that_metric": {
        **{f"lindenau.1a.{model}.hellaswag": "acc_norm by its size: plain acc on HellaSwag is some 16 points"
           for model in TABLE_1A},
        **{f"lindenau.1a.{model}.piqa": "it is acc_norm" for model in TABLE_1A},
        "lindenau.5.llama": "truthful x informative",
    },
    "not_that_model": {
        "lindenau.5.llama": "it is LLaMA-13B (LLaMA-7B has 29)", "lindenau.5.alpaca": "it is Alpaca-7B-4bit",
    },
    "constant_gold": dict.fromkeys(
        ("lindenau.5.alpaca", "lindenau.5.davinci", "lindenau.5.cleaned"), "all 737 right answers are 'A'"
    ),
    "needs_pivot": {
        "lindenau.1b.llama-13b": "chained through Vicuna-13B",
        "lindenau.1b.bard": "chained through Vicuna-13B",
        "lindenau.1b.alpaca-13b": "as if the two had met would give 84.13",
    },
    "unlike_comparison": {"lindenau.5.alpaca": "size (7B against 13B)"},
    "unresolved": {
        "lindenau.1a.alpaca-7b.hellaswag": "+0.9 from LLaMA-7B (73.0), 1.4 standard errors",
        "lindenau.1a.alpaca-7b.winogrande": "-0.8", "lindenau.1a.alpaca-7b.boolq": "+0.8",
        "lindenau.1a.alpaca-7b.piqa": "-0.2",
    },
    "confounded_recipe": {
        "lindenau.1b.alpaca-13b": "learning rate (1e-5 against 2e-5) and epochs (5 against 3)",
        "lindenau.5.cleaned": "about 85 % of the outputs by GPT-4's",
    },
    "other_harness": {
        "lindenau.1a.llama-7b.hellaswag": "76.1", "lindenau.1a.llama-7b.winogrande": "70.1",
        "lindenau.1a.llama-7b.boolq": "76.5", "lindenau.1a.llama-7b.piqa": "2.4 points higher",
    },
    "no_interval": {row.id: "has no interval" for row in CITING if row.unit in SHARES},
}  # fmt: skip
"""What FACTS say of the paper's numbers, by rule and row, with words of the reason."""


def by_rule(found: list[Finding]) -> dict[str, dict[str, str]]:
    rules: dict[str, dict[str, str]] = {}
    for one in found:
        if one.row is not None:  # of a whole table: test_references_checked
            rules.setdefault(one.rule.name, {})[one.row.id] = one.reason
    return rules


def corrected(row: Reference) -> Reference:
    """The row as it should have been printed: the source's number, its right names, its doubts disclosed."""
    really, error = KNOWN.really(row), stderr_of(row, KNOWN)
    model, of = models().get(really.checkpoint), sets().get(really.dataset)
    flags = {"other_harness", "constant_gold", "unlike_comparison", "confounded_recipe"}
    return dataclasses.replace(
        row,
        printed=KNOWN.value(row),
        model=model.title if model else row.model,
        task=PLAINLY_NAMED.get(really.dataset, of.title) if of else row.task,
        metric=really.measure,
        pivot=really.pivot,
        stderr=error,
        flags=tuple(sorted(flags | {"unresolved"} if row.id.startswith("lindenau.1a") else flags
                           | (set() if error else {"no_interval"}))),
    )  # fmt: skip


CORRECTED = [Table(table.name, tuple(corrected(row) for row in table.rows)) for table in TAKEN]


def audited(tables: list[Table]) -> list[Finding]:
    return audit(tables, known([*load(), *(row for table in tables for row in table.rows)]))


def with_row(tables: list[Table], changed: Reference) -> list[Table]:
    return [
        dataclasses.replace(table, rows=tuple(changed if row.id == changed.id else row for row in table.rows))
        for table in tables
    ]


def test_the_audit_names_all_that_is_known_of_the_papers_numbers_and_nothing_else() -> None:
    sources = [table for table in shipped() if table not in TAKEN]
    everything = audit(TAKEN, KNOWN, sources)
    assert sources and of_names() == [] and all(one.row in CITING for one in everything)
    found = by_rule(everything)
    assert {rule: set(rows) for rule, rows in found.items()} == {
        rule: set(rows) for rule, rows in EXPECTED.items()
    }
    for rule, rows in EXPECTED.items():
        for row, words in rows.items():
            assert words in found[rule][row], (rule, row)


def test_a_correct_table_is_passed_over_in_silence() -> None:
    assert audited(CORRECTED) == []


@pytest.mark.parametrize("slip", ["0.1", "-1"])
@pytest.mark.parametrize(
    "row", [row for table in CORRECTED for row in table.rows if not row.own], ids=lambda row: row.id
)
def test_a_slip_in_any_cell_of_a_correct_table_is_found(row: Reference, slip: str) -> None:
    printed = row.printed + Decimal(slip)
    changed = dataclasses.replace(row, printed=printed)
    assert row.id in by_rule(audited(with_row(CORRECTED, changed)))["differs_from_source"]


@pytest.mark.parametrize("row", [row for row in CITING if not row.own], ids=lambda row: row.id)
def test_a_slip_in_any_printed_cell_is_found(row: Reference) -> None:
    changed = dataclasses.replace(row, printed=row.printed + Decimal("0.7"))
    assert row.id in by_rule(audited(with_row(TAKEN, changed)))["differs_from_source"]


@pytest.mark.parametrize("row", [row for row in load() if row.own], ids=lambda row: row.id)
def test_a_slip_in_any_number_of_a_source_is_found(row: Reference) -> None:
    (table,) = (table for table in shipped() if row in table.rows)
    changed = dataclasses.replace(row, printed=row.printed + Decimal("0.01"))
    found = audit(with_row([table], changed), KNOWN)
    assert BY_NAME["total"] in [one.rule for one in found]


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("model", "LLaMA-13B", "not_that_model"),
        ("model", "Alpaca", "not_that_model"),
        ("task", "PIQA", "not_that_set"),
        ("metric", "acc", "not_that_metric"),
        ("metric", "accuracy", "not_that_metric"),
        ("n", 1000, "not_that_set"),
        ("stderr", None, "no_interval"),
        ("flags", (), "other_harness"),
        ("parts", "1/2", "not_its_parts"),
    ],
)
def test_any_other_field_of_a_correct_cell_that_is_wrong_is_found(
    field: str, value: object, rule: str
) -> None:
    (row,) = (row for row in CORRECTED[0].rows if row.id == "lindenau.1a.llama-7b.hellaswag")
    found = by_rule(audited(with_row(CORRECTED, dataclasses.replace(row, **{field: value}))))  # type: ignore[arg-type]
    assert row.id in found[rule]


def test_a_cell_that_names_harness_and_version_needs_no_word_on_other_harnesses() -> None:
    (row,) = (row for row in CORRECTED[0].rows if row.id == "lindenau.1a.llama-7b.hellaswag")
    changed = dataclasses.replace(row, flags=(), harness_version="0.3.0")
    assert audited(with_row(CORRECTED, changed)) == []


def test_unresolved_is_no_word_for_a_difference_that_is_clear() -> None:
    cleaned = next(row for row in CORRECTED[2].rows if row.id == "lindenau.5.cleaned")
    changed = dataclasses.replace(cleaned, flags=(*cleaned.flags, "unresolved"))
    found = by_rule(audited(with_row(CORRECTED, changed)))
    assert list(found) == ["unresolved"] and "resolved, though" in found["unresolved"][cleaned.id]


def test_plain_acc_is_told_from_acc_norm_by_its_size_where_nothing_is_cited() -> None:
    def said(printed: str, metric: str) -> str | None:
        row = Reference(id="m", source="Me", place="T", model="LLaMA-7B", task="HellaSwag", metric=metric,
                        printed=Decimal(printed), unit="%", stderr=Decimal("0.4"))  # fmt: skip
        return by_rule(audited([Table("t", (row,))])).get("not_that_metric", {}).get("m")

    assert said("73.2", "acc_norm") is None and said("56.9", "acc") is None
    assert "by its size it is acc_norm" in str(said("73.2", "acc"))
    assert "by its size it is acc:" in str(said("56.9", "acc_norm"))
    assert "names no metric" in str(said("73.2", ""))


def test_the_shipped_totals_are_right_and_every_rule_is_explained() -> None:
    assert not [one for one in audit(list(shipped()), KNOWN) if one.rule.name == "total"]
    assert sum(table.total is not None for table in shipped()) == len(shipped()) - 4
    assert all(rule.why.endswith(".") and rule.title for rule in RULES)
    assert len(load()) > 90


def test_the_audit_is_the_same_bytes_again_and_strict_tells_by_its_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["--audit", "--format", "markdown"])
    first = capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(["--audit", "--strict"])
    assert end.value.code == 4 and capsys.readouterr().out == first
    assert "21 printed numbers in 4 tables" in first and "## Is of another set (`not_that_set`)" in first


def test_the_list_shows_what_each_number_really_is(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    listed = capsys.readouterr().out
    assert "| 41 % | 41 (LLaMA paper 2023) | 817 | LLaMA-13B, TruthfulQA, truthful x informative" in listed
    main(["--format", "json"])
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == len(load()) and rows[0]["printed"] == "2.59"


def test_alpacas_rows_and_words_are_those_of_the_file(shared_data: Path) -> None:
    outputs = [row["output"] for row in json.loads((shared_data / "alpaca" / "alpaca_data.json").read_text())]
    words = sorted(len(output.split()) for output in outputs)
    counted = {
        "stanford.data.rows": len(words),
        "stanford.data.over_100": sum(count > 100 for count in words),
        "stanford.data.longest": words[-1],
        "stanford.data.median": words[len(words) // 2],
        "stanford.data.p95": words[int(0.95 * len(words))],
        "stanford.data.mean": round(sum(words) / len(words), 1),
        "stanford.data.empty": sum(not output.strip() for output in outputs),
    }
    assert {name: float(KNOWN.rows[name].printed) for name in counted} == counted
