"""What a stage should cost before its first answer: a range that the true cost lies in."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from alpaca_exp.compose import compose
from alpaca_exp.costs import Expectation, dollars, expected
from alpaca_exp.errors import ConfigError
from alpaca_exp.ledger import consumed
from alpaca_exp.plan import plan
from alpaca_exp.preview import preview
from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.stages.generate import generate
from tests.conftest import ROOT
from tests.mirrors import NAMES, write_clone, write_plain, write_saved
from tests.servers import Server, stage_folder, teacher_at


def test_a_plan_says_from_how_much_to_how_much(tmp_path: Path) -> None:
    stages = plan(compose(["preset=paper", "+experiment=original"]))
    said = str(expected(stages["generate"], tmp_path))
    found = re.fullmatch(r"[\d,]+ requests, about [\d,]+ tokens, \$([\d.]+) to \$([\d.]+)", said)
    assert found, said
    assert 1 < float(found[1]) < float(found[2]) < 100


def test_a_batch_is_expected_at_half_the_price(tmp_path: Path) -> None:
    words = ["preset=paper", "+experiment=original"]
    whole = expected(plan(compose(words))["generate"], tmp_path)
    half = expected(plan(compose([*words, "teacher.batch=true"]))["generate"], tmp_path)
    assert half.usd == pytest.approx(whole.usd / 2, rel=1e-3)


def test_what_costs_nothing_shows_no_range(tmp_path: Path) -> None:
    said = str(expected(plan(compose([]))["generate"], tmp_path))
    assert said.endswith("tokens, $0.00")


def _table(mirror: Path, task: str) -> None:
    """A table of text; one of its fields goes over two lines."""
    (mirror / task).mkdir()
    rows = [
        f'{n},What is caught?,"{{""text"": [""a\nb"", ""c""], ""label"": [""A"", ""B""]}}",A' for n in NAMES
    ]
    text = "\n".join(["id,question_stem,choices,answerKey", *rows])
    (mirror / task / "test.csv").write_text(text + "\n")


@pytest.mark.parametrize("write", [write_plain, write_saved, write_clone, _table])
def test_a_plan_counts_a_mirror_s_documents_whatever_their_layout(
    write: Callable[[Path, str], object], tmp_path: Path
) -> None:
    write(tmp_path, "openbookqa")
    words = [
        "preset=local",
        "+experiment=base",
        "eval_suite.tasks=[openbookqa]",
        f"eval_suite.mirror={tmp_path}",
    ]
    stages = plan(compose(words))
    assert expected(stages["evaluate"], tmp_path).documents == len(NAMES)
    assert expected(plan(compose([*words, "eval_suite.limit=3"]))["evaluate"], tmp_path).documents == 3


def test_a_plan_is_printed_whole_also_where_the_mirror_lacks_a_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["preset=local", f"eval_suite.mirror={tmp_path}", "eval_suite.tasks=[piqa]"]
    _, can_run = preview(compose(words), choices={}, overrides=words)
    said = capsys.readouterr().out
    assert not can_run and "no piqa/validation.jsonl" in said
    rows = [line.split()[0] for line in said.partition("part ")[2].splitlines()[1:5]]
    assert rows == ["curate", "pretrain", "train", "evaluate"]
    assert "unknown  and what follows: its documents are not known" in said
    words.append("trainer=none")
    preview(compose(words), choices={}, overrides=words)
    rows = [line.split()[0] for line in capsys.readouterr().out.partition("part ")[2].splitlines()[1:3]]
    assert rows == ["pretrain", "evaluate"], "what tunes nothing makes no data"


@pytest.mark.parametrize("experiment", ["self_instruct", "uncapped"])
def test_every_stage_of_a_base_model_that_teaches_can_be_estimated(experiment: str, tmp_path: Path) -> None:
    for preset in ("miniature", "local", "paper"):
        stages = plan(compose([f"preset={preset}", f"+experiment={experiment}", "teacher=base_model"]))
        for stage in stages.values():
            str(expected(stage, tmp_path))


def test_the_true_cost_of_a_sensible_teacher_lies_in_the_range(tmp_path: Path) -> None:
    out = stage_folder(tmp_path)
    settings: dict[str, Any] = {
        "num_examples": 200,
        "tasks_per_request": 20,
        "seed_tasks": ROOT / "seeds/seed_tasks.jsonl",
    }
    with Server() as server:
        teacher = teacher_at(server, **settings, usd_per_million_in=100.0, usd_per_million_out=100.0)
        generate(teacher, runtime=RuntimeConfig(), out=out)
    stage = plan(compose(["preset=paper", "+experiment=original"]))["generate"]
    stage.config["teacher"].__dict__.update(settings, usd_per_million_in=100.0, usd_per_million_out=100.0)
    told = expected(stage, tmp_path)
    assert told.usd_low / 4 < consumed(out).usd < told.usd_high  # its answers are short: 6 words for 44


PRICED = sorted(path for path in (ROOT / "conf").glob("*/*.yaml") if "usd_per_million" in path.read_text())


@pytest.mark.parametrize("option", PRICED, ids=lambda path: f"{path.parent.name}={path.stem}")
def test_a_price_has_its_date_its_source_and_its_unit(option: Path) -> None:
    text = option.read_text()
    told = OmegaConf.load(option)
    assert {"usd_per_million_in", "usd_per_million_out", "price_date"} <= told.keys()
    assert date.fromisoformat(told["price_date"]) <= date.today()
    assert "list price" in text and "per million tokens" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["teacher=openai", "teacher.budget_usd=nan"], "teacher.budget_usd is nan; it must be 0 or more"),
        (["teacher=openai", "teacher.usd_per_million_in=nan"], "teacher.usd_per_million_in is nan; it must"),
        (["teacher=openai", "teacher.timeout_s=nan"], "teacher.timeout_s is nan; it must be above 0"),
        (["teacher=openai", "teacher.price_date=May"], "teacher.price_date is May; it must be a date"),
        (["teacher=openai", "teacher.top_p=0"], "teacher.top_p is 0.0; it must be above 0 and at most 1"),
        (["teacher=openai", "teacher.max_tokens=0"], "teacher.max_tokens is 0; it must be 1 or more"),
        (["judge=openai", "judge.max_tokens=0"], "judge.max_tokens is 0; it must be 1 or more"),
        (["teacher=openai", "teacher.base_url=host/v1"], "teacher.base_url is host/v1; it must start with"),
        (
            ["teacher=local_server", "teacher.budget_usd=5"],
            "teacher.budget_usd is 5.0, and teacher.usd_per_million_out is 0, so that answers",
        ),
        (
            ["teacher=transformers", "teacher.presence_penalty=1"],
            "teacher.presence_penalty is 1.0; weights that are here take only 0",
        ),
    ],
)
def test_what_cannot_be_asked_or_paid_is_said_once(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(words)
    assert [problem for problem in caught.value.problems if problem.startswith(said)] == caught.value.problems
    assert len(caught.value.problems) == 1


def test_one_of_a_kind_is_no_plural() -> None:
    assert str(Expectation(requests=1, steps=1, documents=2)) == "1 request, 1 step, 2 documents"


def test_less_than_ten_cents_are_told_to_the_hundredth_of_a_cent() -> None:
    small, large = Expectation(requests=1, tokens=9, usd=0.001, usd_low=0.0006, usd_high=0.0018), 12.5
    assert str(small).endswith("about 9 tokens, $0.0006 to $0.0018")
    assert dollars(large) == "$12.50"
