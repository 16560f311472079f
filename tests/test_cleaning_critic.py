"""The critic: what becomes of the rows, and whoever may be asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp import prompts
from alpaca_exp.cleaning.critic import Review, review
from alpaca_exp.cleaning.rules import chosen
from alpaca_exp.compose import compose
from alpaca_exp.costs import expected
from alpaca_exp.errors import BudgetReached, InputError
from alpaca_exp.ledger import consumed
from alpaca_exp.miniature.critic import fault
from alpaca_exp.miniature.teacher import MiniatureTeacher
from alpaca_exp.miniature.world import world_of
from alpaca_exp.plan import plan
from alpaca_exp.readiness import obstacles
from alpaca_exp.records import Example, Row
from alpaca_exp.schemas import (
    CriticConfig,
    MiniatureCriticConfig,
    MiniatureTeacherConfig,
    OpenAICriticConfig,
    RecordedCriticConfig,
    RuntimeConfig,
    TransformersCriticConfig,
    Unreadable,
    WorldConfig,
)
from tests.models import tiny_llama
from tests.servers import Body, Reply, Server, prompt_of, stage_folder

RULES = chosen(["all"])
RUNTIME = RuntimeConfig(accelerator="cpu")
WORLD = WorldConfig(people=24, tasks=160)


def row(name: str, instruction: str = "Add 2 and 2.", output: str = "5", given: str = "") -> Row:
    return {"id": name, "instruction": instruction, "input": given, "output": output}


def critic_at(server: Server, **more: Any) -> OpenAICriticConfig:
    told: dict[str, Any] = {"model": "fake", "base_url": server.base_url, "max_retries": 1}
    return OpenAICriticConfig(**(told | {"usd_per_million_in": 1.0, "usd_per_million_out": 4.0} | more))


def reviewed(critic: CriticConfig, rows: list[Row], outputs: Path) -> Review:
    return review(critic, rows, RULES, runtime=RUNTIME, out=stage_folder(outputs, "curate"))


def told(replies: Mapping[str, str | Reply], rows: list[Row], outputs: Path, **more: Any) -> Review:
    """A review by a critic that answers each row, known by its instruction, as `replies` say."""

    def answer(body: Body, number: int) -> Reply | str:
        return replies[prompts.section(prompt_of(body), "Instruction")]

    with Server(answer) as server:
        return reviewed(critic_at(server, **more), rows, outputs)


def test_kept_fixed_and_removed_rows_are_told_apart_with_their_reasons(tmp_path: Path) -> None:
    rows = [row("a", "A"), row("b", "B", given="2 2"), row("c", "C")]
    replies = {"A": "keep: fine", "B": 'fix: wrong sum\n{"output": "4"}', "C": "remove: nonsense"}
    found = told(replies, rows, tmp_path)
    assert found.kept == [rows[0], {**rows[1], "output": "4"}]
    assert found.removed == [{"id": "c", "rule": "critic", "category": "critic", "reason": "nonsense"}]
    assert found.edited == [
        {"id": "b", "rule": "critic", "category": "critic", "before": {"output": "5"}}
        | {"after": {"output": "4"}, "reason": "wrong sum"}
    ]
    assert found.counts == {"asked": 3, "kept": 1, "fixed": 1, "removed": 1, "unreadable": 0}


@pytest.mark.parametrize(
    ("reply", "kind", "reason"),
    [
        ("Hm.", "unreadable", "its verdict could not be read"),
        (Reply("", finish_reason="content_filter"), "unreadable", "its verdict could not be read"),
        ("fix: wrong\nIt should be 4.", "no_fix", "its fix could not be read: wrong"),
        ('fix: wrong\n{"output": ""}', "empty_fix", "its fix left nothing: wrong"),
        (Reply("fix: wrong\nOutput: 4 is th", finish_reason="length"), "no_fix", "could not be read: wrong"),
    ],
)
def test_what_cannot_be_read_is_counted_and_kept_or_removed_as_told(
    reply: str | Reply, kind: str, reason: str, tmp_path: Path
) -> None:
    rows = [row("a", "A")]
    kept = told({"A": reply}, rows, tmp_path / "kept")
    removed = told({"A": reply}, rows, tmp_path / "removed", on_unreadable=Unreadable.remove)
    for found in (kept, removed):
        assert found.counts["unreadable"] == found.counts[kind] == 1 and not found.edited
    assert kept.kept == rows and not kept.removed
    assert not removed.kept and reason in removed.removed[0]["reason"]


def test_a_fix_that_changes_nothing_is_no_edit(tmp_path: Path) -> None:
    found = told({"A": 'fix: hm\n{"output": "5"}'}, [row("a", "A")], tmp_path)
    assert found.kept == [row("a", "A")] and not found.edited and found.counts["kept"] == 1


def test_a_fix_must_not_bring_back_what_the_rules_remove(tmp_path: Path) -> None:
    found = told({"A": 'fix: hm\n{"output": "N/A"}'}, [row("a", "A")], tmp_path)
    assert not found.kept and not found.edited
    assert [gone["rule"] for gone in found.removed] == ["not_available"]


def test_a_critic_that_may_not_fix_is_not_offered_it(tmp_path: Path) -> None:
    with Server(lambda body, number: 'fix: x\n{"output": "4"}') as server:
        found = reviewed(critic_at(server, fixes=False), [row("a")], tmp_path)
        assert "fix" not in server.prompts()[0]
    assert found.kept == [row("a")] and found.counts["unreadable"] == 1
    with Server(lambda body, number: "keep: x") as server:
        reviewed(critic_at(server), [row("a")], tmp_path)
        assert prompts.KEEP_FIX_OR_REMOVE in server.prompts()[0]


# Whoever is asked


def test_what_a_budget_stopped_goes_on_without_asking_again(tmp_path: Path) -> None:
    rows = [row(str(n), f"Instruction {n}") for n in range(12)]
    with Server() as server:
        critic = critic_at(server, budget_usd=0.005, concurrency=1)
        with pytest.raises(BudgetReached, match=r"critic\.budget_usd"):
            reviewed(critic, rows, tmp_path)
        asked = server.count
        assert 0 < asked < 12
        critic.budget_usd = None
        reviewed(critic, rows, tmp_path)
        assert server.count == 12
    assert consumed(stage_folder(tmp_path, "curate")).requests == 12


def test_a_recorded_critic_says_the_same_for_nothing(tmp_path: Path) -> None:
    rows = [row(str(n), f"Instruction {n}") for n in range(8)]
    with Server() as server:
        first = reviewed(critic_at(server), rows, tmp_path / "first")
    [journal] = (tmp_path / "first" / "journal").glob("*.jsonl")
    again = reviewed(RecordedCriticConfig(model="fake", journal=journal), rows, tmp_path / "second")
    assert again == first and again.counts["removed"] > 0
    assert consumed(stage_folder(tmp_path / "second", "curate")).usd == 0


def test_weights_that_are_here_read_the_rows(tmp_path: Path) -> None:
    """A random model says nothing that could be read; each row is counted and kept, the same every time."""
    path = str(tiny_llama(tmp_path / "weights", context=1024))
    critic = TransformersCriticConfig(model="tiny", path=path, max_tokens=8, batch_size=2)
    rows = [row(str(n), f"Instruction {n}") for n in range(3)]
    found = reviewed(critic, rows, tmp_path)
    assert found.kept == rows and found.counts["unreadable"] == found.counts["asked"] == 3
    assert found == reviewed(critic, rows, tmp_path / "again")


def test_the_miniatures_critic_mends_what_it_finds_and_some_of_it_wrongly(tmp_path: Path) -> None:
    teacher = MiniatureTeacher(MiniatureTeacherConfig(model="t", world=WORLD, defect_rate=0.05))
    examples = [task.example(teacher.output(task, brief=False)) for task in teacher.world.offered]
    rows = [row(str(n), one.instruction, one.output, one.input) for n, one in enumerate(examples)]
    before = _wrong(rows)
    perfect = MiniatureCriticConfig(model="c", world=WORLD, recall=1.0, false_alarm=0.0, right_fixes=1.0)
    found = reviewed(perfect, rows, tmp_path)
    assert before > 0.3 * len(rows)
    assert _wrong(found.kept) == 0 and found.counts["fixed"] == before and len(found.kept) == len(rows)
    clumsy = MiniatureCriticConfig(model="c", world=WORLD, recall=1.0, false_alarm=0.0, right_fixes=0.5)
    left = _wrong(reviewed(clumsy, rows, tmp_path / "clumsy").kept)
    assert 0.3 * before < left < 0.7 * before


def _wrong(rows: list[Row]) -> int:
    examples = (Example(each["instruction"], each["output"], each["input"]) for each in rows)
    return sum(fault(world_of(WORLD), example) is not None for example in examples)


# In a plan


def test_on_real_data_nobody_reads_the_rows_unless_asked_to(tmp_path: Path) -> None:
    for preset in ("local", "paper"):
        stage = plan(compose([f"preset={preset}", "+experiment=cleaned"]))["curate"]
        assert stage.config["critic"] is None and expected(stage, tmp_path).requests == 0


def test_a_plan_says_what_the_critic_will_cost(tmp_path: Path) -> None:
    words = ["preset=paper", "+experiment=cleaned", "critic=openai"]
    whole = expected(plan(compose(words))["curate"], tmp_path)
    assert whole.requests == 52_000 and 1 < whole.usd_low < whole.usd_high < 50
    small = expected(plan(compose([*words, "dataset_variant.num_examples=100"]))["curate"], tmp_path)
    assert small == whole, "the sample is drawn from what the critic left, so it reads every row"
    fewer = expected(plan(compose([*words, "critic.fixes=false"]))["curate"], tmp_path)
    assert fewer.usd < whole.usd


def test_a_critics_journal_that_was_not_named_is_said_by_the_plan() -> None:
    config = compose(["preset=paper", "+experiment=cleaned", "critic=recorded"])
    assert any("critic.journal is not set" in text for text in obstacles(plan(config), config))


# A critic that cannot be read


def numbered(count: int) -> list[Row]:
    return [row(str(n), f"Instruction {n}") for n in range(count)]


@pytest.mark.parametrize("reply", ["Certainly! Let me see.", "fix: the sum is wrong", ""])
def test_a_critic_that_nobody_can_read_ends_early_and_what_it_said_is_kept(
    reply: str, tmp_path: Path
) -> None:
    with Server(lambda body, number: reply) as server:
        for _ in range(2):
            with pytest.raises(InputError, match="gave 50 replies, and 50 of them cannot be read") as caught:
                reviewed(critic_at(server), numbered(200), tmp_path)
            assert server.count == 50, "neither the others nor the same ones again"
        assert "critic.max_unreadable=1" in str(caught.value)
        found = reviewed(critic_at(server, max_unreadable=1.0), numbered(200), tmp_path)
        assert server.count == 200, "those that were paid for are found"
    assert found.kept == numbered(200) and found.counts["unreadable"] == 200


def test_how_many_verdicts_could_not_be_read_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Server(lambda body, number: "Hm,\nyes." if number % 2 else "keep: fine") as server:
        found = reviewed(critic_at(server), numbered(60), tmp_path)
    assert found.counts["unreadable"] == 30 and len(found.kept) == 60
    said = '30 of 60 replies of the critic cannot be read, the first being "Hm, yes."; these rows are kept'
    assert said in capsys.readouterr().err


def test_a_critic_that_fails_later_ends_too(tmp_path: Path) -> None:
    """Its first replies are good; in the end nearly all that it said is useless."""
    late = Server(lambda body, number: "keep: fine" if number < 50 else "Hm.")
    with (
        late as server,
        pytest.raises(InputError, match="gave 1,000 replies, and 950 of them cannot be read"),
    ):
        reviewed(critic_at(server), numbered(1000), tmp_path)
