"""The rating: what a score is, which rows are the best, and what that brings on the miniature."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp import prompts
from alpaca_exp.cleaning.rating import Rated, best, rate, read_rating
from alpaca_exp.compose import compose
from alpaca_exp.costs import expected
from alpaca_exp.errors import InputError
from alpaca_exp.miniature.critic import fault
from alpaca_exp.miniature.teacher import MiniatureTeacher
from alpaca_exp.miniature.world import world_of
from alpaca_exp.plan import plan
from alpaca_exp.readiness import obstacles
from alpaca_exp.records import Example, Row
from alpaca_exp.schemas import (
    DatasetVariantConfig,
    MiniatureRaterConfig,
    MiniatureTeacherConfig,
    OpenAIRaterConfig,
    RaterConfig,
    RecordedRaterConfig,
    RuntimeConfig,
    TransformersRaterConfig,
    Unreadable,
    WorldConfig,
)
from tests.models import tiny_llama
from tests.servers import Body, Server, prompt_of, stage_folder

WORLD = WorldConfig(people=64, tasks=600)


def rated_by(rater: RaterConfig, rows: list[Row], outputs: Path, **variant: Any) -> Rated:
    runtime, out = RuntimeConfig(accelerator="cpu"), stage_folder(outputs, "curate")
    return rate(rater, rows, DatasetVariantConfig(**variant), 0, runtime=runtime, out=out)


def rater_at(server: Server, **more: Any) -> OpenAIRaterConfig:
    told: dict[str, Any] = {"model": "fake", "base_url": server.base_url, "max_retries": 1}
    return OpenAIRaterConfig(**(told | more))


def scored(body: Body, number: int) -> str:
    """Row `n` is worth n / 2 points, and of the seventh nobody knows."""
    worth = int(prompts.section(prompt_of(body), "Instruction").split()[-1])
    return "Who could tell?" if worth == 7 else f"{worth / 2:g}\nIt is worth that."


def numbered(count: int) -> list[Row]:
    return [{"id": f"r{n}", "instruction": f"Row {n}", "input": "", "output": "x"} for n in range(count)]


@pytest.mark.parametrize(
    ("reply", "score", "reason"),
    [
        ("4.5\nNearly right.", 4.5, "Nearly right."),
        ("Score: 4/5 because it is short", 4.0, "because it is short"),
        ("**3**\n\nHalf of it is\nmissing.", 3.0, "Half of it is missing."),
        ("Rating: 2.5 out of 5.0", 2.5, "no reason given"),
        ("0", 0.0, "no reason given"),
        ("3,5", 3.5, "no reason given"),
        ("5. It has 3 good points.", 5.0, "It has 3 good points."),
    ],
)
def test_a_score_opens_the_reply(reply: str, score: float, reason: str) -> None:
    assert read_rating(reply) == (score, reason)


@pytest.mark.parametrize(
    "reply",
    ["", "Good.", "7", "4/10", "4 or 5", "3-4", "45%", "-1", "I give it a 4", "4.5.1", "3 out of 10", "50"],
)
def test_what_is_no_single_score_of_five_is_none(reply: str) -> None:
    assert read_rating(reply) is None


def test_rows_of_the_least_rating_stay_with_their_score_and_the_others_have_a_reason(tmp_path: Path) -> None:
    with Server(scored) as server:
        found = rated_by(rater_at(server), numbered(11), tmp_path, min_rating=4.5)
    assert [(each["id"], each["rating"]) for each in found.kept] == [("r9", 4.5), ("r10", 5.0)]
    reasons = {gone["id"]: gone["reason"] for gone in found.removed}
    assert reasons["r8"] == "rated 4 of 5, below 4.5: It is worth that."
    assert reasons["r7"] == "its score could not be read"
    assert {gone["rule"] for gone in found.removed} == {"rating"} and len(found.removed) == 9
    histogram = {f"{n / 2:g}": 1 for n in range(11) if n != 7}
    assert found.counts == {"asked": 11, "unreadable": 1, "kept": 2, "removed": 9, "histogram": histogram}


def test_a_row_without_a_score_can_stay_and_is_never_given_one(tmp_path: Path) -> None:
    with Server(scored) as server:
        rater = rater_at(server, on_unreadable=Unreadable.keep)
        rows = [{**each, "rating": 5.0} for each in numbered(11)]
        found = rated_by(rater, rows, tmp_path, best_rated=2)
    assert [each["id"] for each in found.kept] == ["r7", "r9", "r10"]
    assert "rating" not in found.kept[0]
    assert "not among the best 2" in found.removed[0]["reason"]


def test_ties_fall_by_the_seed_and_smaller_choices_lie_within_larger_ones() -> None:
    rows = [{"id": f"r{n}", "rating": 5.0 if n % 2 else 4.5} for n in range(40)]

    def chosen(count: int, seed: int, some: list[Row] = rows) -> set[str]:
        return {row["id"] for row in best(some, DatasetVariantConfig(best_rated=count), seed)}

    assert chosen(5, 0) < chosen(9, 0) and chosen(5, 0) != chosen(5, 1)
    assert chosen(5, 0) == chosen(5, 0, rows[::-1])
    assert {row["rating"] for row in rows if row["id"] in chosen(20, 0)} == {5.0}
    both = DatasetVariantConfig(min_rating=5.0, best_rated=20)
    assert len(best(rows, both, 0)) == 20


def test_fewer_rated_rows_than_asked_for_is_an_error_and_if_possible_before_any_is_asked(
    tmp_path: Path,
) -> None:
    with Server(scored) as server:
        with pytest.raises(InputError, match="best_rated is 12 and there are 11 rows; ask for fewer"):
            rated_by(rater_at(server), numbered(11), tmp_path, best_rated=12)
        assert server.count == 0
        with pytest.raises(InputError, match=r"best_rated is 5 .* 2 rows with a score of at least 4\.5"):
            rated_by(rater_at(server), numbered(11), tmp_path, best_rated=5, min_rating=4.5)


def test_at_equal_numbers_the_best_rated_are_right_more_often_than_a_random_draw(tmp_path: Path) -> None:
    teacher = MiniatureTeacher(MiniatureTeacherConfig(model="t", world=WORLD))
    tasks = teacher.world.offered
    rows = [
        {"id": f"r{n}", "instruction": task.instruction, "input": task.input}
        | {"output": teacher.output(task, brief=True)}
        for n, task in enumerate(tasks)
    ]
    rater = MiniatureRaterConfig(model="r", world=WORLD)
    found = rated_by(rater, rows, tmp_path, min_rating=4.5)
    at_random = random.Random(0).sample(rows, len(found.kept))
    assert 200 < len(found.kept) < 500 and found.counts["unreadable"] == 0
    assert _right(at_random) < 0.75 and _right(found.kept) > 0.9
    perfect = MiniatureRaterConfig(model="r", world=WORLD, noise=0.0)
    assert _right(rated_by(perfect, rows, tmp_path / "p", best_rated=300).kept) == 1.0


def _right(rows: list[Row]) -> float:
    examples = [Example(row["instruction"], row["output"], row["input"]) for row in rows]
    return sum(fault(world_of(WORLD), example) is None for example in examples) / len(examples)


def test_of_what_it_knows_nothing_about_the_miniatures_rater_gives_no_score(tmp_path: Path) -> None:
    found = rated_by(MiniatureRaterConfig(model="r", world=WORLD), numbered(3), tmp_path, min_rating=1.0)
    assert found.counts["unreadable"] == 3 and not found.kept


def test_recorded_scores_and_weights_that_are_here_are_raters_too(tmp_path: Path) -> None:
    with Server(scored) as server:
        first = rated_by(rater_at(server), numbered(11), tmp_path / "first", min_rating=2.0)
    [journal] = (tmp_path / "first" / "journal").glob("*.jsonl")
    recorded = RecordedRaterConfig(model="fake", journal=journal)
    assert rated_by(recorded, numbered(11), tmp_path / "second", min_rating=2.0) == first
    path = str(tiny_llama(tmp_path / "weights", context=1024))
    tiny = TransformersRaterConfig(model="tiny", path=path, max_tokens=4)
    found = rated_by(tiny, numbered(2), tmp_path, min_rating=2.0)
    assert found.counts["asked"] == 2


def test_a_plan_says_what_the_rating_will_cost_and_whom_it_lacks(tmp_path: Path) -> None:
    words = ["preset=paper", "+experiment=rated"]
    cost = expected(plan(compose(words))["curate"], tmp_path)
    assert cost.requests == 52_000 and 1 < cost.usd_low < cost.usd_high < 50
    config = compose([*words, "rater=none"])
    assert any("nobody rates: choose a rater" in text for text in obstacles(plan(config), config))
    assert plan(compose(["preset=paper"]))["curate"].config["rater"] is None


def test_a_rater_that_nobody_can_read_is_the_problem_and_not_the_least_rating(tmp_path: Path) -> None:
    with Server(lambda body, number: "It is a fine row.") as server:
        with pytest.raises(InputError, match=r"the rater fake gave 50 replies, and 50 .* rater\.max_tokens"):
            rated_by(rater_at(server), numbered(120), tmp_path, min_rating=4.5)
        assert server.count == 50
