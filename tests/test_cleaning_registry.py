"""The rules as a whole: choosing among them, their table, and what holds of any rows whatsoever."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from alpaca_exp.cleaning.clean import clean
from alpaca_exp.cleaning.rules import RULES, Category, chosen
from alpaca_exp.errors import ConfigError
from alpaca_exp.records import Example, Row
from tests.benchmarks.cleaning import orders
from tests.benchmarks.cleaning_labels import Score, score, wilson
from tests.benchmarks.cleaning_page import PAGE, counts_of, with_words


def names(*told: str) -> list[str]:
    return [rule.name for rule in chosen(told)]


def test_every_rule_has_a_name_of_its_own_and_either_removes_or_repairs() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all((rule.removes is None) != (rule.repairs is None) for rule in RULES)
    assert {rule.category for rule in RULES} == set(Category)
    assert not {rule.name for rule in RULES} & {"all", *(category.name for category in Category)}


def test_every_rule_says_what_is_wrong_in_one_sentence() -> None:
    for rule in RULES:
        assert rule.why[0].isupper() or rule.why[0] == "`"
        assert rule.why.endswith(".") and "\n" not in rule.why and len(rule.why) < 110


def test_all_takes_the_rules_that_are_on_and_a_name_one_that_is_off() -> None:
    off = [rule.name for rule in RULES if not rule.default]
    assert off and not set(off) & set(names("all"))
    assert names(off[0]) == [off[0]]
    assert set(names("all", *off)) == {rule.name for rule in RULES}


def test_a_category_takes_all_its_rules_and_a_minus_leaves_out_a_rule_or_a_category() -> None:
    wrong = [rule.name for rule in RULES if rule.category is Category.wrong_answers]
    assert names("wrong_answers") == wrong
    assert names("all", "-wrong_sum") == [name for name in names("all") if name != "wrong_sum"]
    assert not set(names("all", "-wrong_answers")) & set(wrong)


def test_the_order_of_names_does_not_matter() -> None:
    assert names("empty_output", "not_available") == names("not_available", "empty_output")


def test_only_the_chosen_rules_are_applied() -> None:
    rows = [made("Name a fruit.", ""), made("Name a fruit.", "N/A")]
    assert [row["output"] for row in clean(rows, chosen(["empty_output"])).kept] == ["N/A"]


def test_an_unknown_rule_names_the_nearest_and_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        chosen(["empty_outptu", "wrong_sum", "-unread_pag", "zzz"])
    first, second, third = caught.value.problems
    assert "did you mean empty_output?" in first
    assert "-unread_pag" in second and "did you mean -unread_page?" in second
    assert "the rules are control_characters" in third


def test_leaving_out_of_nothing_is_told_with_the_way_to_say_it() -> None:
    with pytest.raises(ConfigError, match=r"\[all, -wrong_sum\]"):
        chosen(["-wrong_sum"])


def test_the_page_of_the_rules_says_what_the_registry_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_words(page) == page, "run python -m tests.benchmarks.cleaning --page"


def test_no_rule_fires_on_fewer_than_five_rows_of_alpaca() -> None:
    counts = counts_of(PAGE.read_text(encoding="utf-8"))
    assert set(counts) == {rule.name for rule in RULES}
    assert min(counts.values()) >= 5


@pytest.mark.long
def test_the_page_counts_rightly_how_often_each_rule_fires(shared_data: Path) -> None:
    rows = published(shared_data)
    found = {rule.name: clean(rows, [rule]) for rule in RULES}
    counted = {
        name: len({row["id"] for row in cleaned.removed + cleaned.edited}) for name, cleaned in found.items()
    }
    assert counted == counts_of(PAGE.read_text(encoding="utf-8"))


def made(instruction: str, output: str, input: str = "") -> Row:
    return {"id": "1", "instruction": instruction, "input": input, "output": output}


def published(data: Path) -> list[Row]:
    raw = json.loads((data / "alpaca" / "alpaca_data.json").read_text(encoding="utf-8"))
    return [{"id": f"row-{number}", **row} for number, row in enumerate(raw)]


LOOKED_FOR = (
    "No input|N/A|<noinput>|<nooutput>|none|no|input|3 + 4 = 8|3 plus 4 is 8|###|#|### Input:|Instruction:"
    "|4. Output:|5. Instruction:|https://a.org/b|www.a.org/b|image|[image of a cat]|![a](b.png)|draw|a logo"
    "|def f():|```|<html>|Sort alphabetically:|b, a, c|c, b, a|Find the mean of|1, 2, 4|Compute|2 + 3 * 4|7"
    "|9.|2 + 3 * 4 = 20|(|)^9^9|1/0|-|x|summarize|article|the following sentence.|weather today"
    "|cannot be done|the|sorry this|.|:|is"
)
STRANGE = (
    "",
    " ",
    "\n",
    "\r",
    "\r\n",
    "\t",
    "\x07",
    "\u200b",
    "\ufeff",
    "\u2028",
    "\ud800",
    "\u0663",
    "1" * 5000,
)
PIECES = (*LOOKED_FOR.split("|"), "\nInstruction: x\nOutput: y", "👩\u200d💻", "é", "漢字", *STRANGE)
"""What the rules look for, and what may get in their way."""


def noise(count: int, seed: int) -> list[Row]:
    """Rows put together from pieces."""
    rng = random.Random(seed)

    def text() -> str:
        return rng.choice(["", " ", "\n"]).join(rng.choices(PIECES, k=rng.randrange(6)))

    return [{"id": str(n), "instruction": text(), "input": text(), "output": text()} for n in range(count)]


def test_no_row_whatsoever_makes_a_rule_raise_and_every_reason_is_one_clear_line() -> None:
    for row in noise(2500, seed=3):
        example = Example(row["instruction"], row["output"], row["input"])
        for rule in RULES:
            reason = rule.finds(example)
            assert reason is None or (reason.strip() == reason != "" and "\n" not in reason), rule.name


@pytest.mark.parametrize("piece", [piece for piece in PIECES if piece.strip() and len(piece) < 100])
def test_huge_rows_pass_through_every_rule(piece: str) -> None:
    huge = [piece * 3000, f"{piece} " * 3000, f"{piece}\n" * 3000]
    for text in huge:
        for row in (made(text, "a", "b"), made("a", text, "b"), made("a", "b", text)):
            again = clean(clean([row], RULES).kept, RULES)
            assert not again.removed and not again.edited


@pytest.mark.parametrize("seed", [1, 2])
def test_cleaning_twice_changes_nothing(seed: int) -> None:
    for rules in (chosen(["all"]), RULES):
        once = clean(noise(1500, seed), rules)
        twice = clean(once.kept, rules)
        assert (twice.kept, twice.removed, twice.edited) == (once.kept, [], [])
        assert once.removed and once.edited


def test_a_rule_that_says_so_may_stand_anywhere_among_the_others() -> None:
    rows = noise(1500, seed=4)
    kept = clean(rows, RULES).kept
    for order in orders(RULES):
        assert clean(rows, order).kept == kept


def test_a_repair_touches_no_more_than_the_fields_it_names_and_keeps_every_other_key() -> None:
    row = {**made("Name a fruit.", "A pear.", "No input"), "source": "teacher"}
    cleaned = clean([row], chosen(["all"]))
    assert cleaned.kept == [{**row, "input": ""}]
    assert [edit["before"] for edit in cleaned.edited] == [{"input": "No input"}]


def test_on_real_rows_cleaning_finds_a_few_per_cent_and_cleaning_again_nothing(shared_data: Path) -> None:
    rows = published(shared_data)[:2000]
    once = clean(rows, chosen(["all"]))
    twice = clean(once.kept, chosen(["all"]))
    assert 0.01 < (len(once.removed) + len(once.edited)) / len(rows) < 0.05
    assert (twice.kept, twice.removed, twice.edited) == (once.kept, [], [])


def test_a_flagged_row_is_no_false_alarm_where_a_later_version_changed_it() -> None:
    told = [
        {"idx": 0, "label": "edited", "basis": "mar26", "mar_status": "changed"},
        {"idx": 1, "label": "edited", "basis": "final", "mar_status": "same"},
        {"idx": 2, "label": "kept", "basis": "final", "mar_status": "same"},
        {"idx": 3, "label": "removed", "basis": "final", "mar_status": None},
        {"idx": 4, "label": "edited", "basis": "mar27", "mar_status": "changed"},
    ]
    assert score({0, 1, 2, 3}, told, "davinci-only") == Score(hits=1, false_alarms=1, positives=2)
    assert score({0, 1, 2, 3}, told, "final") == Score(hits=2, false_alarms=1, positives=2)
    assert score({0, 1, 2, 3}, told, "latest") == Score(hits=3, false_alarms=1, positives=4)


def test_the_interval_of_a_share_is_wilsons() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
