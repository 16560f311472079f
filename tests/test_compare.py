"""The reading page: what stands on it, and that it is safe and whole."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from alpaca_exp.artifacts import Artifact
from alpaca_exp.prompts import ALPACA_WITH_INPUT, ALPACA_WITHOUT_INPUT, answer
from alpaca_exp.records import Row, write_json, write_jsonl
from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.stages.compare import asked, compare

QUESTION = "Who wrote <Faust>?"


def completion(text: str, question: str = "q1", model: str = "tuned", **more: object) -> Row:
    prompt = ALPACA_WITHOUT_INPUT.format(instruction=QUESTION)
    return {"question_id": question, "prompt": prompt, "text": text, "model": model, **more}


def artifact(path: Path, **files: list[Row]) -> Artifact:
    path.mkdir(parents=True)
    for name, rows in files.items():
        write_jsonl(rows, path / f"{name}.jsonl")
    return Artifact(path)


def verdict(order: str, ours: float | None, theirs: float | None, text: str = "both fine") -> Row:
    parsed = ours is not None
    row = {"question_id": "q1", "order": order, "score_1": theirs, "score_2": ours}
    return {**row, "text": text, "parsed": parsed, "model_1": "teacher", "model_2": "tuned"}


@pytest.fixture
def page(tmp_path: Path) -> str:
    """A page with all there is: two sides, a base, verdicts in both orders and scores."""
    score = {
        "task": "world_truth",
        "metric": "acc",
        "value": 0.8125,
        "stderr": 0.01,
        "n": 400,
        "chance": 0.25,
    }
    judged = {"task": "judge", "metric": "percent", "value": 91.5, "stderr": None, "n": 1, "chance": None}
    out = artifact(tmp_path / "out").path
    long = {"kind": "truncated", "metrics": None, "sentence": "3 of 400 documents of world_truth are <long>"}
    audit = {"task": "world_truth", "degenerate": False, "truncated": 3, "empty_generations": None}
    evaluation = artifact(tmp_path / "d", scores=[score])
    levels = {"acc": {"chance": 0.25, "majority": 0.3, "stderr": "analytic"}}
    write_json({"tasks": [{**audit, "metrics": levels, "flags": [long]}]}, evaluation / "audit.json")
    compare(
        "cleaned",
        completions=artifact(tmp_path / "a", completions=[completion("Goethe <script>alert(1)</script>")]),
        opponent=artifact(tmp_path / "b", completions=[completion("Goethe & Eckermann", model="teacher")]),
        verdicts=artifact(
            tmp_path / "c", verdicts=[verdict("12", 9.0, 7.0), verdict("21", 8.0, 7.0)], scores=[judged]
        ),
        scores=evaluation,
        base=artifact(tmp_path / "e", completions=[completion("who", model="base", finish_reason="length")]),
        runtime=RuntimeConfig(),
        out=out,
    )
    return (out / "index.html").read_text(encoding="utf-8")


def test_texts_are_escaped_wherever_they_come_from(page: str) -> None:
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "Who wrote &lt;Faust&gt;?" in page


def test_the_three_answers_stand_side_by_side_with_words_and_the_judges_mean(page: str) -> None:
    answers = re.findall(r'<h3>(.*?)</h3>\s*<p class="dim">(.*?)</p>', page)
    assert answers == [
        ("this run", "2 words · judge 8.5 of 10"),
        ("the opponent", "3 words · judge 7 of 10"),
        ("the base, untuned", "1 word · cut off at the limit"),
    ]


def test_scores_of_evaluation_and_judge_are_in_the_table(page: str) -> None:
    cells = re.findall(r"<tr><td>(.*?)</td><td class=\"number\">(.*?)</td>", page)
    assert cells == [("world_truth.acc", "0.812"), ("judge.percent", "91.500")], (
        "decimals stand below one another"
    )


def test_what_a_score_must_be_read_with_stands_beside_it(page: str) -> None:
    levels = re.findall(r"<td class=\"number\">([^<]*)</td><td>([^<]*)</td></tr>", page)
    assert levels == [("0.300", "cut 3"), ("\u2013", "")]
    assert "<li>3 of 400 documents of world_truth are &lt;long&gt;.</li>" in page


def test_the_page_loads_nothing_and_runs_nothing(page: str) -> None:
    seen: list[tuple[str, str | None]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            seen.extend(attrs)
            assert tag not in ("script", "link", "img", "iframe")

    Reader().feed(page)
    assert not [name for name, _ in seen if name in ("src", "href", "onclick")]
    assert "prefers-color-scheme: dark" in page


def test_what_is_absent_is_left_out(tmp_path: Path) -> None:
    out = artifact(tmp_path / "out").path
    mine = artifact(tmp_path / "a", completions=[completion("Goethe"), completion("Mann", "q2")])
    theirs = artifact(tmp_path / "b", completions=[completion("Goethe")])
    compare("bare", completions=mine, opponent=theirs, runtime=RuntimeConfig(), out=out)
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "<table>" not in page
    assert "judge" not in page
    assert page.count("no answer") == 1


def test_a_verdict_without_scores_counts_for_nothing_and_is_shown(tmp_path: Path) -> None:
    out = artifact(tmp_path / "out").path
    sides = {
        name: artifact(tmp_path / name, completions=[completion("Goethe")])
        for name in ("completions", "opponent")
    }
    read = artifact(
        tmp_path / "v", verdicts=[verdict("12", None, None, "hm"), verdict("21", 6.0, 5.0)], scores=[]
    )
    compare("odd", **sides, verdicts=read, runtime=RuntimeConfig(), out=out)
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "judge 6 of 10" in page
    assert "the opponent shown first; no scores could be read" in page
    assert "this run shown first<" in page


@pytest.mark.parametrize(
    ("prompt", "question"),
    [
        (ALPACA_WITHOUT_INPUT.format(instruction="Sing."), "Sing."),
        (ALPACA_WITH_INPUT.format(instruction="Sing.", input="a hymn"), "Sing.\na hymn"),
        (answer("Sing.", "", 100), "Sing."),
        (answer("Sing.", "a hymn", None), "Sing.\na hymn"),
        ("Sing.\n", "Sing."),
    ],
)
def test_the_question_is_found_in_every_frame(prompt: str, question: str) -> None:
    assert asked(prompt) == question


def test_the_page_leads_to_the_card_of_the_data_that_was_learnt(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    mine = artifact(outputs / "complete" / "c", completions=[completion("Goethe")])
    for folder, inputs in (("complete/c", {"model": "t"}), ("train/t", {"dataset": "d", "base": "p"})):
        (outputs / folder).mkdir(parents=True, exist_ok=True)
        write_json({"inputs": inputs, "files": {}, "usage": {}}, outputs / folder / "record.json")
    card = outputs / "curate" / "d" / "card.html"
    out = artifact(outputs / "compare" / "x").path
    compare("linked", completions=mine, runtime=RuntimeConfig(), out=out)
    address = re.findall(r'href="(.*?)"', (out / "index.html").read_text(encoding="utf-8"))
    assert [(out / one).resolve() for one in address] == [card.resolve()]
    (outputs / "train" / "t" / "record.json").unlink()
    compare("untuned", completions=mine, runtime=RuntimeConfig(), out=out)
    assert "href" not in (out / "index.html").read_text(encoding="utf-8")
