"""The data card of a variant: what it counts, which examples it shows, and a page that anyone may open."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from typing import Any

import pytest

from alpaca_exp.cleaning.card import card, lengths_of, word_lengths
from alpaca_exp.cleaning.card_page import page
from alpaca_exp.cleaning.samples import few
from alpaca_exp.lineage import Cap, Lineage
from alpaca_exp.records import Row
from alpaca_exp.schemas import DatasetVariantConfig, OpenAICriticConfig, RuntimeConfig
from alpaca_exp.stages.curate import TEMPLATE, curate
from tests.servers import Server, prompt_of

LINEAGE = Lineage("alpaca_data", "text-davinci-003", Cap(100), ("empty_output",)).as_row()


def row(name: str, output: str = "a b c", **more: Any) -> Row:
    return {"id": name, "instruction": f"Do {name}.", "input": "", "output": output, **more}


def gone(name: str, rule: str, reason: str = "r", category: str = "c") -> Row:
    return {"id": name, "rule": rule, "category": category, "reason": reason}


def mended(name: str, rule: str) -> Row:
    told = {"before": {"input": "n/a"}, "after": {"input": ""}}
    return {**gone(name, rule, "placeholder"), **told}


def made(removed: list[Row], edited: list[Row], before: list[Row], **more: Any) -> Row:
    after = [one for one in before if one["id"] not in {r["id"] for r in removed}]
    return card({"not_drawn": 0}, removed, edited, before, after, LINEAGE, **more)


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.labels: list[str] = []
        self.addresses: list[str | None] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        told = dict(attrs)
        self.labels += [str(told["aria-label"])] if tag == "svg" else []
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_counts_are_by_rule_and_by_category_with_the_most_frequent_reasons() -> None:
    rows = [row(str(n)) for n in range(9)]
    removed = [gone(str(n), "a", "long" if n else "short") for n in range(4)] + [gone("4", "b", category="d")]
    found = made(removed, [mended("5", "a")], rows)
    assert found["counts"]["removed"] == {"a": 4, "b": 1} and found["counts"]["rows_out"] == 4
    assert found["categories"] == {"c": {"removed": 4, "edited": 1}, "d": {"removed": 1, "edited": 0}}
    assert found["rules"]["a"]["reasons"][0] == {"reason": "long", "count": 3}
    assert (found["rules"]["a"]["removed"], found["rules"]["a"]["edited"]) == (4, 1)


def test_each_rule_shows_ten_examples_the_same_ones_in_any_order() -> None:
    rows = [row(f"row-{n}") for n in range(60)]
    removed = [gone(one["id"], "a") for one in rows[:40]]
    edited = [mended(one["id"], "b") for one in rows[40:]]
    found = made(removed, edited, rows)["rules"]
    assert [len(found["a"]["removed_examples"]), len(found["b"]["edited_examples"])] == [10, 10]
    for part in (removed, edited):
        Random(1).shuffle(part)
    assert made(removed, edited, rows)["rules"] == found
    assert {one["id"] for one in found["a"]["removed_examples"]} != {f"row-{n}" for n in range(10)}
    assert all(one["output"] == "a b c" for one in found["a"]["removed_examples"])
    assert found["b"]["edited_examples"][0]["before"] == {"input": "n/a"}


def test_a_removed_row_is_shown_as_the_rule_saw_it() -> None:
    found = made([gone("x", "a")], [], [row("x"), row("y")], judged=[row("x", "the new answer"), row("y")])
    assert found["rules"]["a"]["removed_examples"][0]["output"] == "the new answer"


def test_a_row_that_no_rule_saw_is_shown_as_in_the_source() -> None:
    found = made([gone("x", "no_answer")], [], [row("x", "the old answer"), row("y")], judged=[row("y")])
    assert found["rules"]["no_answer"]["removed_examples"][0]["output"] == "the old answer"


def test_the_page_tells_what_is_known_of_the_source() -> None:
    found = {**made([], [], [row("x")]), "source": {"licence": "CC BY", "skipped": {"no_output": 2}}}
    assert "CC BY" in page(found, TEMPLATE) and "skipped no output" in page(found, TEMPLATE)


def test_lengths_are_those_of_words_and_nothing_has_none() -> None:
    found = word_lengths([row(str(n), "w " * n) for n in range(1, 101)])
    assert [found[key] for key in ("mean", "median", "p95", "max")] == [50.5, 50.5, 95.05, 100]
    assert sum(bar["count"] for bar in found["bars"]) == 100
    assert lengths_of([])["mean"] == 0


def test_the_page_escapes_what_rows_hold_and_loads_nothing() -> None:
    evil = 'A <script>alert(1)</script> "><img src=x onerror=alert(1)>'
    removed = [gone("x", "a", evil)]
    edited = [{**mended("y", "b"), "before": {"output": evil}, "after": {"output": ""}}]
    found = made(removed, edited, [row("x", evil), row("y")])
    found["lineage"] |= {"source": evil, "teacher": evil}
    html = page(found, TEMPLATE)
    shown = Page(html)
    assert not {"script", "img", "link", "iframe"} & set(shown.names) and not shown.addresses
    assert shown.text.count(evil) >= 4
    assert "prefers-color-scheme: dark" in html


def test_the_plot_is_said_in_words_too() -> None:
    html = page(made([gone("x", "a")], [], [row("x", "w " * 9), row("y", "w")]), TEMPLATE)
    assert Page(html).labels == [
        "Words of each output; before: mean 5, median 5, p95 8.60; after: mean 1, median 1, p95 1"
    ]


def test_a_card_on_which_no_rule_fired_says_no_more_than_it_knows() -> None:
    told = Page(page(made([], [], [row("x")]), TEMPLATE)).text
    assert "1 rows came in, 1 stay" in told and "Examples" not in told


@pytest.mark.parametrize("few_rows", [0, 3])
def test_fewer_rows_than_wanted_are_all(few_rows: int) -> None:
    assert len(few([row(str(n)) for n in range(few_rows)], 10)) == few_rows


def test_the_stage_leaves_card_and_page_the_same_bytes_each_time(tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    names = ("", "<b>fine</b>")
    file.write_text(json.dumps([{"instruction": "Go.", "output": output} for output in names]))
    found = []
    for attempt in ("a", "b"):
        out = tmp_path / attempt
        out.mkdir()
        variant = DatasetVariantConfig(source=file, rules=["empty_output"])
        curate(variant, None, None, 0, runtime=RuntimeConfig(), out=out)
        found.append([(out / name).read_bytes() for name in ("card.json", "card.html")])
    assert found[0] == found[1]
    assert json.loads(found[0][0])["rules"]["empty_output"]["removed_examples"][0]["id"] == "row-0"
    assert str(tmp_path).encode() not in found[0][1] and b"empty_output: 1 removed" in found[0][1]


def test_the_card_says_what_became_of_the_rows_whose_verdict_could_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text(json.dumps([{"instruction": f"Say {n}.", "output": f"{n}."} for n in range(4)]))
    with Server(lambda body, number: "fix: wrong" if "Say 2." in prompt_of(body) else "keep: fine") as server:
        critic = OpenAICriticConfig(model="fake", base_url=server.base_url)
        out = tmp_path / "outputs" / "curate" / "0"
        out.mkdir(parents=True)
        variant = DatasetVariantConfig(source=file, critic=True)
        curate(variant, critic, None, 0, runtime=RuntimeConfig(), out=out)
    said = (
        "Of 4 replies of the critic 1 could not be read (1 a fix without its text): "
        "their rows are among the 4 kept, as critic.on_unreadable=keep has it"
    )
    assert json.loads((out / "card.json").read_text())["notes"] == [said]
    assert f"<p>{said}.</p>" in (out / "card.html").read_text()
