"""`python -m alpaca_exp.report reading RUN...`: the answers of several runs on one page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alpaca_exp.records import Row, write_jsonl
from alpaca_exp.report.__main__ import main
from tests.made_outputs import Outputs


def answers(word: str, questions: str = "abc", **texts: str) -> list[Row]:
    return [
        {
            "question_id": name,
            "category": "writing",
            "prompt": texts.get(name, f"Write {name}."),
            "text": f"{word} wrote {name}",
            "model": f"train/{word}",
            "finish_reason": "stop",
        }
        for name in questions
    ]


def judged(word: str, questions: str = "abc") -> list[Row]:
    given = {
        "model_1": "teacher",
        "model_2": f"train/{word}",
        "score_1": 5.0,
        "score_2": 8.0,
        "preference": 1.0,
    }
    return [
        {"question_id": name, "order": order, "text": f"{word} is it", "parsed": True, **given}
        for name in questions
        for order in ("12", "21")
    ]


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    """Two experiments, one of them with two seeds, all against the same opponent."""
    made = Outputs(tmp_path / "outputs")
    made.artifact("complete", "o", {}, completions=answers("opponent"))
    for variant, seed in (("original", 0), ("cleaned", 0), ("cleaned", 1)):
        run(made, variant, seed)
    return made


def run(made: Outputs, variant: str, seed: int = 0, **texts: str) -> None:
    name = f"{variant}{seed}"
    questions = texts.pop("questions", "abc")
    made.artifact("complete", name, {}, completions=answers(name, questions, **texts))
    made.artifact("judge", name, {}, verdicts=judged(name))
    made.run(variant, seed=seed, artifacts={"complete": name, "opponent": "o", "judge": name})


def page(capsys: pytest.CaptureFixture[str], made: Outputs, *words: str) -> tuple[str, str]:
    """The page, and what was said of it."""
    main(["reading", *words, "--outputs", str(made.path)])
    said = capsys.readouterr()
    return Path(said.out.strip().rpartition(": ")[2]).read_text(encoding="utf-8"), said.out + said.err


def refusal(capsys: pytest.CaptureFixture[str], made: Outputs, words: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(["reading", *words.split(), "--outputs", str(made.path)])
    assert caught.value.code == 2
    return capsys.readouterr().err


def heads(html: str) -> list[str]:
    return re.findall(r'data-label="(.*?)"', html)


def test_runs_stand_side_by_side_under_what_tells_them_apart(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    run(outputs, "uncapped")
    html, said = page(capsys, outputs, "original", "uncapped")
    assert heads(html) == ["original", "uncapped"]
    assert "original0 wrote b" in html and "uncapped0 wrote b" in html
    assert "uncapped and the opponent: the opponent shown first: uncapped 8, the opponent 5" in html
    assert "3 questions, 2 answers each" in said
    assert (outputs.path / "reports" / "reading" / "index.html").is_file()


def test_seeds_of_one_experiment_are_told_apart_and_named_by_their_runs(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    error = refusal(capsys, outputs, "original cleaned")
    assert error.count("\n") == 1
    names = re.findall(r"runs/cleaned/\S+", error)
    assert (
        len(names) == 2 and "cleaned is what 2 runs are called" in error and "(seed 1, started 2026-" in error
    )
    html, _ = page(capsys, outputs, *names)
    assert sorted(heads(html)) == ["seed 0", "seed 1"]
    html, _ = page(capsys, outputs, "original", Path(names[1]).name)
    assert heads(html) == ["original", "cleaned"]


def test_a_folder_names_a_run_and_a_file_names_answers(
    capsys: pytest.CaptureFixture[str], outputs: Outputs, tmp_path: Path
) -> None:
    folder = next(outputs.path.glob("runs/original/*"))
    file = tmp_path / "mine.jsonl"
    write_jsonl(answers("people"), file)
    target = tmp_path / "far" / "page.html"
    html, _ = page(capsys, Outputs(tmp_path / "elsewhere"), str(folder), str(file), "--out", str(target))
    assert heads(html) == ["original", "mine"] and target.is_file()


def test_runs_of_one_name_are_told_apart_by_their_settings_and_the_newest_can_be_asked_for(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    for day, protocol in enumerate(("vicuna", "pairwise"), start=1):
        name = f"capped{day}"
        outputs.artifact("complete", name, {}, completions=answers(name))
        started = f"2026-02-0{day}T00:00:00Z"
        overrides = [f"judge.protocol={protocol}", f"judge.base_url=http://127.0.0.1:{day}/v1"]
        outputs.run("capped", artifacts={"complete": name}, started=started, overrides=overrides)
    error = refusal(capsys, outputs, "capped")
    assert "(judge.protocol=vicuna, started 2026-02-01T00:00:00Z)" in error
    newest, older = error.index("judge.protocol=pairwise"), error.index("judge.protocol=vicuna")
    assert newest < older and "add --newest for the first of these" in error
    html, _ = page(capsys, outputs, "capped", "original", "--newest")
    assert "capped2 wrote a" in html and "capped1" not in html


def test_answers_without_their_questions_are_read_beside_those_that_hold_them(
    capsys: pytest.CaptureFixture[str], outputs: Outputs, tmp_path: Path
) -> None:
    rows = [{"question_id": name, "model_id": "vicuna:v1", "text": f"Old {name}"} for name in "abz"]
    file = tmp_path / "answer_vicuna-13b.jsonl"
    write_jsonl(rows, file)
    html, said = page(capsys, outputs, "original", str(file))
    assert heads(html) == ["original", "vicuna-13b"] and 'data-model="vicuna:v1"' in html
    assert "Matched by question_id alone, holding no question: vicuna-13b." in said
    assert re.findall(r'data-question="(\w)"', html) == ["a", "b"] and "Old z" not in html

    error = refusal(capsys, outputs, str(file))
    assert f"{file} does not hold what its answers answer; add --questions FILE" in error
    questions = tmp_path / "questions.jsonl"
    write_jsonl(
        [{"question_id": name, "text": f"Say {name}", "category": "old"} for name in "abz"], questions
    )
    html, _ = page(capsys, outputs, str(file), "--questions", str(questions))
    assert "Say z" in html and "Old z" in html and 'data-category="old"' in html


def test_published_answers_are_read_side_by_side(
    capsys: pytest.CaptureFixture[str], shared_data: Path, tmp_path: Path
) -> None:
    data = shared_data / "vicuna"
    files = sorted(map(str, (data / "answer").iterdir()))
    made = Outputs(tmp_path)
    html, said = page(capsys, made, *files, "--questions", str(data / "question.jsonl"))
    assert heads(html) == ["alpaca-13b", "gpt35", "vicuna-13b"] and "80 questions, 3 answers each" in said


def test_only_common_questions_are_compared_and_the_count_is_said(
    capsys: pytest.CaptureFixture[str], outputs: Outputs
) -> None:
    run(outputs, "fewer", questions="bcd", c="Sing c.")
    html, said = page(capsys, outputs, "original", "fewer")
    assert re.findall(r'data-question="(\w)"', html) == ["b"] and "1 question, 2 answers each" in said
    sentence = "1 question is common to all and compared; answered were: original 3, fewer 3."
    assert sentence in said and sentence in html
    assert "1 of the question_ids that all have stands for different questions; left out." in said
    run(outputs, "others", questions="xyz")
    assert "have no question in common" in refusal(capsys, outputs, "original others")


def test_the_opponent_comes_along_once(capsys: pytest.CaptureFixture[str], outputs: Outputs) -> None:
    run(outputs, "uncapped")
    html, _ = page(capsys, outputs, "original", "uncapped", "--opponent")
    assert heads(html) == ["original", "uncapped", "the opponent"]
    assert html.count("opponent wrote a") == 1


def test_a_blind_page_names_nobody(capsys: pytest.CaptureFixture[str], outputs: Outputs) -> None:
    run(outputs, "uncapped")
    html, _ = page(capsys, outputs, "original", "uncapped", "--blind")
    assert not re.search("original|uncapped|train/|is it", html)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("nobody original", "nobody names no run, folder or file; there are runs of cleaned, original"),
        ("original original", "original and original are the same answers; name each once"),
        ("original --out /proc/none/x.html", "cannot be written"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    capsys: pytest.CaptureFixture[str], outputs: Outputs, words: str, sentence: str
) -> None:
    error = refusal(capsys, outputs, words)
    assert sentence in error and error.count("\n") == 1


def test_runs_without_answers_are_named(capsys: pytest.CaptureFixture[str], outputs: Outputs) -> None:
    outputs.run("data", artifacts={"curate": "c"})
    error = refusal(capsys, outputs, "data original")
    assert "answered no questions; name a run that has a judge" in error
    (outputs.path / "complete" / "original0" / "completions.jsonl").unlink()
    error = refusal(capsys, outputs, "original")
    assert "the answers of original are no longer there" in error
