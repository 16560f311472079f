"""The data card: what it counts, and a page that anyone may open."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.records import Row, read_jsonl
from alpaca_exp.schemas import Protocol, RuntimeConfig
from alpaca_exp.selfinstruct.card import REASONS, card, lengths
from alpaca_exp.selfinstruct.card_page import page
from alpaca_exp.selfinstruct.diversity import pairs, verb_and_noun
from alpaca_exp.selfinstruct.filters import BLOCKED_WORDS
from alpaca_exp.stages.generate import TEMPLATE, generate
from tests.servers import Server, sensible, stage_folder, teacher_at
from tests.stepwise import stepwise

QUIRKS = {
    "two_hashes": {"on": True, "kept": 3, "rejected": 4},
    "retry_everything": {"on": False, "attempts": 0},
}


def row(instruction: str, output: str = "x", given: str = "", near: float | None = None, **more: Any) -> Row:
    return {
        "instruction": instruction,
        "input": given,
        "output": output,
        "source": {"request": "r", "item": 0, "demonstrations": [], **more.pop("source", {})},
        "similarity": {"max": near, "nearest": None if near is None else "n"},
        **more,
    }


def told(kept: list[Row], rejected: list[Row] | None = None, **more: Any) -> Any:
    settings: dict[str, Any] = {
        "requests": {"requests": {"lists": 2}, "unread": {}},
        "quirks": QUIRKS,
        "ended": "",
        "provenance": {"teacher": "t"},
    }
    return card(kept, rejected or [], **(settings | more))


def test_every_filter_has_a_count_also_where_it_is_zero() -> None:
    reasons = [
        "similar: to a",
        "similar: to b",
        "blocked word: draw",
        "malformed: no output",
        "too short: 2 words",
    ]
    made = told([row("Say a word.")], [row("x", reason=reason) for reason in reasons])
    assert list(made["rejected"]) == list(REASONS)
    assert {name: count for name, count in made["rejected"].items() if count} == {
        "similar": 2,
        "blocked word": 1,
        "malformed": 1,
        "too short": 1,
    }
    assert list(made["blocked_words"]) == list(BLOCKED_WORDS) and made["blocked_words"]["draw"] == 1
    assert made["malformed"] == {"no output": 1}
    assert made["counts"]["kept_per_request"] == 0.5


def test_lengths_are_those_of_words() -> None:
    found = lengths([" ".join(["word"] * count) for count in range(1, 101)])
    assert {name: found[name] for name in ("n", "mean", "median", "p95", "max")} == {
        "n": 100,
        "mean": 50.5,
        "median": 50.5,
        "p95": 96,
        "max": 100,
    }
    assert sum(bar["count"] for bar in found["bars"]) == 100
    assert lengths([])["mean"] is None


def test_inputs_are_measured_where_there_are_any() -> None:
    made = told([row("Say one.", given="a b c"), row("Say two.")])
    assert made["with_input"] == 0.5 and made["lengths"]["input"]["mean"] == 3
    assert made["lengths"]["output"]["n"] == 2


def test_similarity_is_told_where_it_is_known() -> None:
    made = told([row("Say one.", near=0.5), row("Say two.", near=0.7), row("Say three.")])["similarity"]
    assert (made["known"], made["mean"]) == (2, 0.6)
    assert [bar for bar in made["bars"] if bar["count"]] == [
        {"from": 0.5, "count": 1},
        {"from": 0.7, "count": 1},
    ]
    assert told([row("Say one.")])["similarity"] == {"known": 0, "mean": None, "bars": []}


@pytest.mark.parametrize(
    ("instruction", "pair"),
    [
        ("Write a short story about a fox.", ("write", "story")),
        ("Please list three reasons why bread rises.", ("list", "reason")),
        ("Given a list of words, sort the cities.", ("sort", "city")),
        ("Given a list of words, sort them and name the cities.", None),
        ("Describe the capital city of France.", ("describe", "city")),
        ("Give me tips for the garden.", ("give", "tip")),
        ("Summarize the following text.", ("summarize", "text")),
        ("Classify each of the boxes by weight.", ("classify", "box")),
        ("Rewrite the given sentence in a polite way.", ("rewrite", "sentence")),
        ("Rewrite in passive voice: the cat ate it.", None),
        ("Can you please name two rivers?", ("name", "river")),
        ("Could you explain to me how rain forms?", None),
        ("You are provided with a text. Output the first line.", ("output", "line")),
        ("I want you to draft an email to your landlord.", ("draft", "email")),
        ("Come up with a story about \u201chome\u201d", ("come", "story")),
        ('Replace the word "big" in the text.', ("replace", "word")),
        ("Compare and contrast the two phrases.", ("compare", "phrase")),
        ("Knit the longest scarf.", ("knit", "scarf")),
        ("Re-tell the children's story quickly.", ("retell", "story")),
        ("Design an advertisement promoting a bakery.", ("design", "advertisement")),
        ("Classify the following as true or false.", None),
        ("Write a reply to the letter.", ("write", "reply")),
        ("How can you tell a swift from a swallow?", None),
        ("What is the capital of France?", None),
        ("Sing.", None),
        ("", None),
    ],
)
def test_verbs_and_nouns_are_found_roughly(instruction: str, pair: tuple[str, str] | None) -> None:
    assert verb_and_noun(instruction) == pair


def test_pairs_are_counted_once_an_instruction() -> None:
    assert pairs(["Write a poem.", "Write poems.", "Why?"]) == {("write", "poem"): 2}
    made = told([row("Write a poem.", "a"), row("Write a poem.", "b"), row("Write an essay.")])["diversity"]
    assert (made["instructions"], made["pairs"], made["verbs"]) == (2, 2, 1)  # of three examples
    assert [entry["noun"] for entry in made["top"]] == ["essay", "poem"]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.addresses: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href")]


def test_the_page_escapes_what_the_teacher_wrote_and_loads_nothing() -> None:
    evil = 'Write <script>alert(1)</script> a "><img src=x onerror=alert(1)> poem'
    made = told([row(evil, near=0.3)], [row("x", reason=f"malformed: {evil}")], provenance={"teacher": evil})
    html = page(made, TEMPLATE)
    tags = Tags()
    tags.feed(html)
    assert not tags.names & {"script", "img", "link", "iframe"} and not tags.addresses
    assert "<script>" not in html and "prefers-color-scheme: dark" in html
    assert "1 examples kept, of 1 different instructions" in html and "not by a parser" in html
    assert "3 kept, 4 rejected" in html and "0 attempts" in html
    assert html.count("<svg") == html.count("</svg>") >= 3


@pytest.mark.parametrize("protocol", list(Protocol))
def test_all_that_was_paid_for_is_in_the_card(protocol: Protocol, tmp_path: Path) -> None:
    answer = stepwise if protocol is Protocol.self_instruct else sensible
    out = stage_folder(tmp_path)
    with Server(lambda body, number: answer(body)) as server:
        teacher = teacher_at(server, num_examples=50, round_size=16, protocol=protocol)
        generate(teacher, runtime=RuntimeConfig(), out=out)
        asked = server.count
        listed = [body for body in server.bodies if body["temperature"] == 1]
    counts = json.loads((out / "card.json").read_text())["counts"]
    assert sum(counts["requests"].values()) + sum(counts["unread"].values()) == asked
    assert counts["kept"] == 50
    rows = [*read_jsonl(out / "examples.jsonl"), *read_jsonl(out / "rejected.jsonl")]
    assert {row["source"]["request"] for row in rows if "source" in row}
    assert any(row["reason"].startswith("surplus") for row in rows if "reason" in row)
    assert sum(counts["unread"].values()) <= 3
    assert len(listed) < 32  # two full rounds


def test_a_run_writes_its_card_without_clock_or_place(tmp_path: Path) -> None:
    made = []
    for name, at_once in (("a", 1), ("b", 16)):
        out = stage_folder(tmp_path / name)
        with Server() as server:
            teacher = teacher_at(server, num_examples=30, concurrency=at_once)
            generate(teacher, runtime=RuntimeConfig(), out=out)
        made.append([(out / file).read_bytes() for file in ("card.json", "card.html")])
    assert made[0] == made[1]
    found = json.loads(made[0][0])
    assert found["counts"]["kept"] == 30 and found["provenance"]["seed_tasks"] == 175
    assert str(tmp_path) not in made[0][0].decode()
