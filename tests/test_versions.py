"""A stage whose code changed cannot pass for the old one."""

from __future__ import annotations

from tests import versions


def test_every_stage_is_as_it_was_written_down_or_has_a_new_version() -> None:
    assert versions.outdated(versions.noted(), versions.current()) == []


def test_changed_code_asks_for_a_new_version_and_a_new_version_is_enough() -> None:
    before: versions.Noted = {"train": {"version": 1, "code": "a"}}
    assert "raise its version" in versions.outdated(before, {"train": {"version": 1, "code": "b"}})[0]
    assert versions.outdated(before, {"train": {"version": 2, "code": "b"}}) == []
    assert "not written down" in versions.outdated({}, {"train": {"version": 1, "code": "a"}})[0]


def test_the_code_of_a_stage_reaches_its_room() -> None:
    reached = versions._reached("alpaca_exp.stages.curate")
    assert "alpaca_exp.cleaning.rules" in reached
    assert "alpaca_exp.schemas" not in reached
