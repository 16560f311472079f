"""The reading page: what stands on it, and that it is safe and whole."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from alpaca_exp.artifacts import Artifact
from alpaca_exp.prompts import ALPACA_WITH_INPUT, ALPACA_WITHOUT_INPUT, answer
from alpaca_exp.reading.contents import asked
from alpaca_exp.records import Row, write_json, write_jsonl
from alpaca_exp.schemas import RuntimeConfig
from alpaca_exp.stages.compare import compare

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
    preference = None if ours is None or theirs is None else float(ours > theirs)
    row = {"question_id": "q1", "order": order, "score_1": theirs, "score_2": ours, "preference": preference}
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
    judging = artifact(
        tmp_path / "c", verdicts=[verdict("12", 9.0, 7.0), verdict("21", 8.0, 7.0)], scores=[judged]
    )
    write_json({"notes": ["1 of 2 questions are compared"]}, judging / "notes.json")
    compare(
        "cleaned",
        completions=artifact(tmp_path / "a", completions=[completion("Goethe <script>alert(1)</script>")]),
        opponent=artifact(tmp_path / "b", completions=[completion("Goethe & Eckermann", model="teacher")]),
        verdicts=judging,
        scores=evaluation,
        base=artifact(tmp_path / "e", completions=[completion("who", model="base", finish_reason="length")]),
        runtime=RuntimeConfig(),
        out=out,
    )
    return (out / "index.html").read_text(encoding="utf-8")


def test_texts_are_escaped_wherever_they_come_from(page: str) -> None:
    assert "<script>alert" not in page
    assert page.count("<script") == 1, "the page's own"
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "Who wrote &lt;Faust&gt;?" in page


def test_the_three_answers_stand_side_by_side_with_words_and_the_judges_mean(page: str) -> None:
    answers = re.findall(r'<h3>(.*?)</h3>\s*<p class="dim">(.*?)</p>', page)
    assert answers == [
        ("this run", "2 words · judge 8.5 · preferred"),
        ("the opponent", "3 words (+1) · judge 7"),
        ("the base, untuned", "1 word (-1) · cut off at the limit"),
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
    assert "<li>judge: 1 of 2 questions are compared.</li>" in page
    assert "<summary>2 scores, and 2 warnings</summary>" in page


def test_what_is_asked_again_and_what_is_only_read_are_told_apart(tmp_path: Path) -> None:
    out = artifact(tmp_path / "out").path
    rows = [completion("Goethe"), completion("Cher ami", "letter_1", category="email", inspection=True)]
    sides = {name: artifact(tmp_path / name, completions=rows) for name in ("completions", "opponent")}
    again = verdict("12", 1.0, 9.0) | {"retest": True}
    read = artifact(tmp_path / "v", verdicts=[verdict("12", 9.0, 7.0), again], scores=[])
    compare("read", **sides, verdicts=read, runtime=RuntimeConfig(), out=out)
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "· judge 9 · preferred" in page, "what was asked again counts once"
    assert "the opponent shown first; asked again: this run 1, the opponent 9" in page
    assert '<option value="inspection">inspection (1)</option>' in page
    assert '<option value="inspection" data-kind="email">' in page


def test_preferences_without_scores_are_said(tmp_path: Path) -> None:
    out = artifact(tmp_path / "out").path
    sides = {
        name: artifact(tmp_path / name, completions=[completion("a")]) for name in ("completions", "opponent")
    }
    told = {"preference": 0.8, "parsed": True}
    read = artifact(tmp_path / "v", verdicts=[verdict("12", None, None, "m") | told], scores=[])
    compare("weighted", **sides, verdicts=read, runtime=RuntimeConfig(), out=out)
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "the opponent shown first: this run is preferred (0.80)" in page
    assert page.count("· preferred</p>") == 1


def test_votes_are_kept_while_the_answers_are_the_same_whatever_the_judge_says(tmp_path: Path) -> None:
    def page(place: str, text: str, *verdicts: Row) -> str:
        sides = {
            name: artifact(tmp_path / place / name, completions=[completion(text)])
            for name in ("completions", "opponent")
        }
        read = artifact(tmp_path / place / "v", verdicts=list(verdicts), scores=[])
        out = artifact(tmp_path / place / "out").path
        compare("again", **sides, verdicts=read, runtime=RuntimeConfig(), out=out)
        return re.findall(r'data-page="(\w{16})"', (out / "index.html").read_text(encoding="utf-8"))[0]

    first = page("a", "Goethe", verdict("12", 5.0, 6.0))
    assert first == page("b", "Goethe", verdict("12", 9.0, 1.0), verdict("21", 9.0, 1.0))
    assert first != page("c", "Mann", verdict("12", 5.0, 6.0))


def test_lengths_are_compared_over_the_questions_that_all_answered(tmp_path: Path) -> None:
    long = {**completion("a " * 30), "question_id": "only mine"}
    sides = {
        "completions": artifact(tmp_path / "a", completions=[completion("one two"), long]),
        "opponent": artifact(tmp_path / "b", completions=[completion("one two three")]),
    }
    out = artifact(tmp_path / "out").path
    compare("lengths", **sides, runtime=RuntimeConfig(), out=out)
    text = (out / "index.html").read_text(encoding="utf-8")
    assert "words, mean where all answered" in text
    cells = re.findall(r'<td class="number">([\d.]+)</td><td class="number">([\d.]+)</td></tr>', text)
    assert cells == [("2", "2.0"), ("1", "3.0")]


def test_half_a_letter_at_the_end_of_an_answer_is_written_as_unreadable(tmp_path: Path) -> None:
    out, mine = artifact(tmp_path / "out").path, artifact(tmp_path / "a")
    row = json.dumps(completion("Goethe \ud83d"))
    (mine / "completions.jsonl").write_text(row, encoding="utf-8")
    compare("cut", completions=mine, runtime=RuntimeConfig(), out=out)
    assert "Goethe \ufffd</p>" in (out / "index.html").read_text(encoding="utf-8")


def test_what_is_absent_is_left_out(tmp_path: Path) -> None:
    out = artifact(tmp_path / "out").path
    mine = artifact(tmp_path / "a", completions=[completion("Goethe"), completion("Mann", "q2")])
    theirs = artifact(tmp_path / "b", completions=[completion("Goethe")])
    compare("bare", completions=mine, opponent=theirs, runtime=RuntimeConfig(), out=out)
    page = (out / "index.html").read_text(encoding="utf-8")
    book = page[page.index('<div id="book">') : page.index('<p id="said"')]
    assert "scores" not in book
    assert "judge" not in book.lower()
    assert book.count("no answer") == 1
    assert "2 questions, 1 of them not answered by all: q2." in book


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
    assert "· judge 6 · preferred" in page
    assert "the opponent shown first; no verdict could be read" in page
    assert "this run shown first: this run 6, the opponent 5<" in page


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
    address = re.findall(r'href="([^#].*?)"', (out / "index.html").read_text(encoding="utf-8"))
    assert [(out / one).resolve() for one in address] == [card.resolve()]
    (outputs / "train" / "t" / "record.json").unlink()
    compare("untuned", completions=mine, runtime=RuntimeConfig(), out=out)
    assert "card.html" not in (out / "index.html").read_text(encoding="utf-8")
