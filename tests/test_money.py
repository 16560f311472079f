"""Money that was spent is seen wherever a user looks, also where the run did not end."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.compose import compose
from alpaca_exp.ledger import report
from alpaca_exp.money import money
from alpaca_exp.plan import plan
from alpaca_exp.preview import preview
from alpaca_exp.records import Usage
from tests.servers import Server
from tests.stories import TINY, runs

WORDS = (
    "+experiment=uncapped", *TINY, "judge=none", "teacher=local_server", "teacher.num_examples=200",
    "teacher.tasks_per_request=5", "teacher.round_size=8", "teacher.concurrency=4",
    "teacher.usd_per_million_in=1", "teacher.usd_per_million_out=4",
)  # fmt: skip


def test_a_stopped_run_says_what_it_paid_and_the_next_counts_only_its_own(
    tmp_path: Path, command: Any
) -> None:
    outputs = tmp_path / "outputs"
    with Server() as server:
        words = (*WORDS, f"teacher.base_url={server.base_url}", f"runtime.outputs={outputs}")
        first = command(*words, "teacher.budget_usd=0.02")
        assert first.returncode == 3, first.stderr
        second = command(*words, "teacher.budget_usd=0.03")
        assert second.returncode == 3, second.stderr
    [one, two] = [run["usd"] for run in runs(outputs)]
    assert 0 < one < 0.02 and 0 < two < 0.02 and one + two <= 0.03
    assert re.findall(r"Paid in this run: \$(0\.\d{4})", first.stderr) == [f"{one:.4f}"]
    assert "HTTP Request" not in first.stdout + first.stderr


def notes(outputs: Path, *words: str) -> str:
    overrides = ["preset=paper", "+experiment=original", *words]
    return "\n".join(money(plan(compose(overrides)), outputs, overrides))


def test_a_price_that_came_with_another_model_is_named(tmp_path: Path) -> None:
    said = "the price is that of gpt-4.1-mini; set teacher.usd_per_million_in and teacher.usd_per_million_out"
    assert f"{said} for gpt-4.1" in notes(tmp_path, "teacher.model=gpt-4.1")
    assert f"{said} for m" in notes(tmp_path, "teacher=stanford", "teacher.model=m")
    prices = ("teacher.usd_per_million_in=2", "teacher.usd_per_million_out=8")
    for right in (
        (),
        ("teacher.model=gpt-4.1", *prices),
        ("teacher=gpt_4_1",),
        ("teacher.model=openai/gpt-4.1-mini-2025-04-14",),
        ("teacher=local_server", "teacher.model=m"),
    ):
        assert "the price is that of" not in notes(tmp_path, *right)


def test_a_plan_says_where_a_budget_ends_the_work_what_is_paid_and_the_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "one request could cost $0.0049, more than teacher.budget_usd=0.001" in notes(
        tmp_path, "teacher.budget_usd=0.001"
    )
    few = notes(tmp_path, "teacher.budget_usd=2")
    assert re.search(r"generate should cost \$\d+\.\d\d at least, and teacher\.budget_usd=2 ends it", few)
    assert "budget" not in notes(tmp_path, "teacher.budget_usd=1000")
    words = ["preset=paper", "+experiment=original", f"runtime.outputs={tmp_path}"]
    config = compose(words)
    unfinished = plan(config)["generate"].path(tmp_path)
    unfinished.mkdir(parents=True)
    report(unfinished, Usage(requests=9, usd=0.4), "generate")
    preview(config, choices={}, overrides=words)
    told = capsys.readouterr().out
    assert "$0.40 of it are paid already" in told and re.search(r"(?m)^in all +[\d,]+ requests, about", told)
