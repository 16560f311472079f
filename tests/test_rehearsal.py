"""A rehearsal: a little of everything, what all will take, and nothing that a run would take for its own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.compose import compose
from alpaca_exp.errors import BudgetReached, ConfigError, InputError
from alpaca_exp.experiment import perform
from alpaca_exp.extrapolation import times_as_many
from alpaca_exp.rehearsal import Rehearsal, rehearse
from tests.conftest import Command
from tests.mirrors import write_mirror
from tests.models import tiny_llama
from tests.servers import Server
from tests.stories import TINIEST, TINY, records, rows

PRICED = ("teacher.usd_per_million_in=1", "teacher.usd_per_million_out=2", "judge.usd_per_million_in=1")


def rehearsed(outputs: Path, *words: str) -> Rehearsal:
    return rehearse(compose([*words, f"runtime.outputs={outputs}", "action=rehearse"]))


def performed(outputs: Path, *words: str) -> dict[str, Any]:
    """The records of a real run, by the names of their parts."""
    config = compose([*words, f"runtime.outputs={outputs}"])
    folder = outputs / "runs" / "x"
    folder.mkdir(parents=True)
    made = perform(config, folder=folder, choices={}, overrides=[])
    return {name: artifact.record for name, artifact in made.items()}


def answered(outputs: Path) -> Counter[str]:
    """How often each request was answered."""
    found = [row for file in (outputs / "journal").glob("*.jsonl") for row in rows(file)]
    return Counter(row["key"] for row in found if row["state"] == "answered")


def test_a_rehearsal_foretells_the_dollars_and_leaves_only_answers_that_were_paid_for(tmp_path: Path) -> None:
    words = (*TINIEST, "+experiment=cleaned", *PRICED)
    told = rehearsed(tmp_path, *words)
    assert not records(tmp_path), "a real run would take them for its own"
    assert {path.name for path in tmp_path.iterdir()} == {"journal", "rehearsals", ".locks"}
    paid = answered(tmp_path)
    assert 0 < told.spent < told.total.usd
    assert [line.state for line in told.lines] == ["rehearsed"] * len(told.lines)
    real = performed(tmp_path, *words)
    assert all(count == 1 for count in answered(tmp_path).values()), "no answer is paid for twice"
    first = {key for key, _ in zip(paid, range(5), strict=False)}
    own = real["generate"]["usage"]
    assert own["requests"] >= 5 and own["usd_avoided"] == 0, "what was rehearsed counts as the stage's own"
    assert first <= set(answered(tmp_path))
    lines = {line.name: line.forecast for line in told.lines}
    for part in ("generate", "opponent"):
        assert lines[part].usd == pytest.approx(real[part]["usage"]["usd"], rel=0.2)


@pytest.mark.long
def test_a_rehearsal_foretells_the_time_and_the_memory(command: Command, tmp_path: Path) -> None:
    words = (*TINY, "+experiment=cleaned")
    assert command(*words, "action=rehearse").returncode == 0
    told = json.loads((tmp_path / "outputs/rehearsals/cleaned.json").read_text())["total"]
    assert command(*words).returncode == 0
    seconds = sum(record["seconds"] for record in records(tmp_path / "outputs").values())
    assert seconds / 2 < told["seconds"] < seconds * 2
    assert 2e8 < told["memory"] < 2e9


def test_what_was_made_before_is_found_and_not_rehearsed(tmp_path: Path) -> None:
    performed(tmp_path, *TINIEST, "+experiment=base")
    before = records(tmp_path)
    told = {line.name: line for line in rehearsed(tmp_path, *TINIEST, "+experiment=original").lines}
    assert told["pretrain"].state == "found" and told["pretrain"].forecast.seconds == 0
    assert told["train"].state == "rehearsed"
    assert records(tmp_path) == before


def test_a_rehearsal_keeps_to_the_budget(tmp_path: Path) -> None:
    with pytest.raises((BudgetReached, InputError), match=r"teacher\.budget_usd"):
        rehearsed(tmp_path, *TINIEST, *PRICED, "teacher.budget_usd=0.0031")
    assert not list((tmp_path / "rehearsals").iterdir())


def test_what_cannot_run_cannot_be_rehearsed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set"):
        rehearsed(tmp_path, *TINIEST, "teacher=openai")


def test_real_models_servers_and_tasks_are_rehearsed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    tiny_llama(tmp_path / "llama", context=2048)
    write_mirror(tmp_path / "mirror")
    with Server() as server:
        words = (
            "preset=paper",
            "+experiment=cleaned",
            "critic=openai",
            f"base_model.path={tmp_path / 'llama'}",
            f"eval_suite.mirror={tmp_path / 'mirror'}",
            *(f"{group}.base_url={server.base_url}" for group in ("teacher", "critic", "judge")),
            "teacher.num_examples=400",
            "trainer.global_batch_size=8",
            "judge.questions.max_tokens=8",
            "runtime.num_threads=1",
        )
        told = rehearsed(tmp_path / "outputs", *words)
        asked = server.count
        again = rehearsed(tmp_path / "outputs", *words)
    assert asked <= 5 * 5, "five requests a stage at most"
    assert server.count == asked and again.spent == 0, "a second rehearsal asks nothing"
    assert again.total.usd == pytest.approx(told.total.usd)
    amounts = {line.name: line.forecast.amount for line in told.lines}
    assert amounts["opponent"] == "95 requests" and amounts["judge"] == "168 requests"
    assert amounts["evaluate"] == "56 documents" and amounts["train"].startswith("150 steps")
    assert {name for name, line in zip(amounts, told.lines, strict=True) if line.forecast.usd} == {
        "generate", "curate", "opponent", "assess", "judge",
    }  # fmt: skip


def test_a_file_of_others_is_rehearsed_with_its_real_number_of_steps(tmp_path: Path) -> None:
    write_mirror(tmp_path / "mirror")
    told = rehearsed(
        tmp_path / "outputs",
        "preset=local",
        f"eval_suite.mirror={tmp_path / 'mirror'}",
        "base_model.hidden_size=32",
        "base_model.num_hidden_layers=2",
        "base_model.intermediate_size=64",
        "trainer.epochs=7",
        "runtime.num_threads=1",
    )
    amounts = {line.name: line.forecast.amount for line in told.lines}
    steps = -(-int(amounts["curate"].split()[0]) // 32) * 7
    assert amounts["train"].startswith(f"{steps} steps")


@pytest.mark.parametrize(
    ("kept", "copies", "wanted", "times"),
    [(70, 0, 160, 160 / 70), (100, 5, 52_000, 520.0), (70, 15, 160, 3.5), (70, 3, 60, 60 / 70)],
)
def test_a_teacher_that_repeats_itself_needs_more_requests_the_more_there_is(
    kept: int, copies: int, wanted: int, times: float
) -> None:
    assert times_as_many(kept, copies, wanted) == pytest.approx(times, rel=0.02)


def test_the_stock_that_copies_betray_is_the_one_that_was_drawn_from() -> None:
    """213 tasks: 85 draws find 70 of them, and 296 find 160, by 1 - exp(-draws / stock)."""
    assert times_as_many(70, 15, 160) == pytest.approx(296 / 85, rel=0.02)
    assert times_as_many(70, 15, 250) == float("inf"), "there are no 250"
