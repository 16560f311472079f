"""The stage curate, from rows to data set: with the miniature's own teacher and critic, through ask_all."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.artifacts import Artifact
from alpaca_exp.content import files_below
from alpaca_exp.errors import BudgetReached, ConfigError, InputError
from alpaca_exp.miniature.critic import fault
from alpaca_exp.miniature.world import world_of
from alpaca_exp.records import Example
from alpaca_exp.schemas import (
    Answers,
    MiniatureRaterConfig,
    OpenAICriticConfig,
    OpenAIRaterConfig,
)
from tests.curations import CLEANED, CRITIC, WORLD, card, curated, generated_in, listing, rows
from tests.servers import Server, teacher_at


@pytest.fixture
def generated(tmp_path: Path) -> Artifact:
    return generated_in(tmp_path / "outputs")


def test_the_original_is_the_source_as_it_is(tmp_path: Path, generated: Artifact) -> None:
    out = curated(tmp_path, examples=generated)
    assert rows(out / "dataset.jsonl") == rows(generated / "examples.jsonl")
    assert card(out)["lineage"] == {
        "source": "generated: protocol alpaca",
        "seed": 0,
        "teacher": "miniature-teacher",
        "cap": {"sentence": 100, "filter": None},
        "cleaning": [],
    }


def test_every_row_that_is_gone_has_its_rule_and_reason(tmp_path: Path, generated: Artifact) -> None:
    out = curated(tmp_path, examples=generated, critic_model=CRITIC, **CLEANED)
    source, kept = rows(generated / "examples.jsonl"), rows(out / "dataset.jsonl")
    removed = rows(out / "removed.jsonl")
    assert {row["id"] for row in source} == {row["id"] for row in kept} | {row["id"] for row in removed}
    assert all(row["rule"] and row["category"] and row["reason"] for row in removed)
    counts = card(out)["counts"]
    assert (counts["rows_in"], counts["rows_out"]) == (len(source), len(kept))
    assert counts["removed"] == dict(Counter(row["rule"] for row in removed))
    assert counts["removed"]["critic"] == counts["critic"]["removed"] > 0
    assert counts["critic"]["asked"] == len(kept) + counts["critic"]["removed"]


def test_the_rules_find_the_teachers_format_defects_and_no_right_answer(
    tmp_path: Path, generated: Artifact
) -> None:
    out = curated(tmp_path, examples=generated, rules=["all"])
    source = {row["id"]: row for row in rows(generated / "examples.jsonl")}
    removed = rows(out / "removed.jsonl")
    assert len({row["category"] for row in removed}) >= 3 and "critic" not in card(out)["counts"]
    for row in removed:
        one = source[row["id"]]
        assert fault(world_of(WORLD), Example(one["instruction"], one["output"], one["input"])), row


def test_the_same_recipe_gives_the_same_bytes_also_over_what_a_killed_attempt_left(
    tmp_path: Path, generated: Artifact
) -> None:
    first = curated(tmp_path, "first", examples=generated, critic_model=CRITIC, num_examples=40, **CLEANED)
    second = tmp_path / "outputs" / "curate" / "second"
    second.mkdir(parents=True)
    (second / "dataset.jsonl").write_text('{"half": ')
    curated(tmp_path, "second", examples=generated, critic_model=CRITIC, num_examples=40, **CLEANED)
    assert listing(first) == listing(second)


def test_a_stop_in_the_middle_of_paid_work_changes_nothing_and_asks_nothing_twice(tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text(json.dumps([{"instruction": f"Say {n}.", "output": "Old."} for n in range(30)]))
    with Server() as server:
        reader = {"model": "fake", "base_url": server.base_url, "usd_per_million_out": 4.0}
        critic, rater = OpenAICriticConfig(**reader), OpenAIRaterConfig(**reader)  # type: ignore[arg-type]
        told: dict[str, Any] = {"source": file, "critic": True, "best_rated": 9, "critic_model": critic}
        told |= {"rater": rater, "answers": Answers.teacher, "teacher": teacher_at(server)}
        whole = curated(tmp_path / "whole", **told)
        asked = server.count
        for stopped, budget in ((told["teacher"], 0.0128), (critic, 0.0043), (rater, 0.0012)):
            stopped.budget_usd = budget  # the most that one request could cost, and a little
            with pytest.raises(BudgetReached):
                curated(tmp_path / "stopped", **told)
            stopped.budget_usd = None
        assert not (tmp_path / "stopped/outputs/curate/out/dataset.jsonl").exists()
        again = curated(tmp_path / "stopped", **told)
        assert server.count == 2 * asked
    assert listing(again) == listing(whole)


def test_curating_a_curated_set_changes_nothing(tmp_path: Path, generated: Artifact) -> None:
    once = curated(tmp_path, "once", examples=generated, rules=["all"])
    twice = curated(tmp_path, "twice", source=once / "dataset.jsonl", rules=["all"])
    assert rows(twice / "dataset.jsonl") == rows(once / "dataset.jsonl")
    assert rows(twice / "removed.jsonl") == rows(twice / "edited.jsonl") == []


def test_no_file_holds_a_path_of_this_machine(tmp_path: Path, generated: Artifact) -> None:
    out = curated(tmp_path, source=generated / "examples.jsonl", rules=["all"])
    assert all(str(tmp_path) not in file.read_text(encoding="utf-8") for file in files_below(out))


def test_a_critics_fixes_are_in_the_data_and_among_the_edits(tmp_path: Path, generated: Artifact) -> None:
    mending = replace(CRITIC, fixes=True, right_fixes=1.0)
    told: dict[str, Any] = {"examples": generated, **CLEANED}
    removing, fixing = (
        curated(tmp_path, name, critic_model=one, **told) for name, one in (("r", CRITIC), ("f", mending))
    )
    edits = {row["id"]: row for row in rows(fixing / "edited.jsonl") if row["rule"] == "critic"}
    gone = {row["id"]: row for row in rows(removing / "removed.jsonl") if row["rule"] == "critic"}
    kept = {row["id"]: row for row in rows(fixing / "dataset.jsonl")}
    assert edits.keys() == gone.keys() and len(edits) > 10
    for name, edit in edits.items():
        assert (edit["reason"], edit["after"]) == (gone[name]["reason"], {"output": kept[name]["output"]})
    assert (
        card(fixing)["counts"]["critic"]["fixed"] == card(fixing)["counts"]["edited"]["critic"] == len(edits)
    )
    assert "critic miniature-critic (fixes)" in card(fixing)["lineage"]["cleaning"]


def test_what_is_removed_in_the_end_is_no_edit(tmp_path: Path, generated: Artifact) -> None:
    mending = replace(CRITIC, fixes=True)
    out = curated(tmp_path, examples=generated, critic_model=mending, max_words=5, **CLEANED)
    removed = {row["id"] for row in rows(out / "removed.jsonl")}
    edited = {row["id"] for row in rows(out / "edited.jsonl")}
    assert edited and removed and not edited & removed


def test_rated_rows_carry_their_score_and_the_card_their_histogram(
    tmp_path: Path, generated: Artifact
) -> None:
    rater = MiniatureRaterConfig(model="miniature-rater", world=WORLD)
    out = curated(tmp_path, examples=generated, rater=rater, min_rating=4.5)
    source, kept = rows(generated / "examples.jsonl"), rows(out / "dataset.jsonl")
    assert kept and all(row["rating"] >= 4.5 for row in kept)
    found = card(out)
    assert found["counts"]["removed"] == {"rating": len(source) - len(kept)}
    histogram = found["counts"]["rating"]["histogram"]
    assert sum(histogram.values()) == len(source) == found["counts"]["rating"]["asked"]
    assert histogram["4.5"] + histogram["5"] == len(kept)
    assert found["lineage"]["cleaning"] == ["rating miniature-rater at least 4.5"]


def test_the_sample_of_a_rated_set_is_drawn_from_the_best(tmp_path: Path, generated: Artifact) -> None:
    rater = MiniatureRaterConfig(model="miniature-rater", world=WORLD)
    told: dict[str, Any] = {"examples": generated, "rater": rater, "best_rated": 40}
    whole, sample = curated(tmp_path, "w", **told), curated(tmp_path, "s", num_examples=20, **told)
    best = rows(whole / "dataset.jsonl")
    assert len(best) == 40 and len(rows(sample / "dataset.jsonl")) == 20
    assert all(row in best for row in rows(sample / "dataset.jsonl"))


def test_nothing_left_is_said_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text('[{"instruction": "Go.", "output": ""}]')
    with pytest.raises(InputError, match=r"no example is left of 1 .* removed by empty_output"):
        curated(tmp_path, source=file, rules=["all"])


def test_where_no_score_could_be_read_the_remedy_is_not_a_lower_one(tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text('[{"instruction": "Say hello.", "output": "Hello."}]')
    with Server(lambda body, number: "A fine row.") as server:
        rater = OpenAIRaterConfig(model="fake", base_url=server.base_url)
        with pytest.raises(InputError, match=r"the score of 1 could not be read: take another rater"):
            curated(tmp_path, source=file, rater=rater, min_rating=4.5)


def test_an_unknown_rule_stops_before_any_work(tmp_path: Path, generated: Artifact) -> None:
    with pytest.raises(ConfigError, match="did you mean wrong_sum"):
        curated(tmp_path, examples=generated, rules=["wrong_sums"])


def test_neither_source_nor_examples_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name a file"):
        curated(tmp_path)
