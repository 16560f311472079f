"""`python -m alpaca_exp.judging import`: published tables recomputed for 0 dollars."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import pytest

from alpaca_exp.judging.__main__ import main
from alpaca_exp.judging.opinions import opinions_of
from alpaca_exp.judging.published import read_published
from alpaca_exp.records import Row, read_jsonl
from tests.test_judging_published import annotation, game, lines, rating, review


def scores(folder: Path) -> dict[tuple[str, str, str], Row]:
    """What was kept, by model, reference and metric."""
    rows = read_jsonl(folder / "scores.jsonl")
    return {(row["model"], row["reference"], row["metric"]): row for row in rows}


def imported(folder: Path, *words: object) -> dict[tuple[str, str, str], Row]:
    assert main(["import", *map(str, words), "--out", str(folder)]) == 0
    return scores(folder)


def test_alpaca_13b_is_76_24_per_cent_of_chatgpt(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shared_data / "vicuna"
    words = [*sorted((data / "review").iterdir()), "--questions", data / "question.jsonl"]
    words += [
        "--answers",
        *sorted((data / "answer").iterdir()),
        "--reference",
        "gpt35",
        "--pivot",
        "vicuna-13b",
    ]
    found = imported(tmp_path, *words)
    chain = found["alpaca-13b", "gpt35", "percent"]
    assert chain["value"] == pytest.approx(100 * 583.0 / 704.0 * 638.0 / 693.0, abs=1e-9)
    assert 70.5 < chain["low"] < 71.5 and 80.5 < chain["high"] < 81.5
    assert [(link["points"], link["reference_points"]) for link in chain["links"]] == [(583, 704), (638, 693)]
    told = "alpaca-13b: 76.24 % of gpt35 [70.8, 81.1], through vicuna-13b: 583.0/704.0 x 638.0/693.0."
    assert told in capsys.readouterr().out
    assert found["vicuna-13b", "gpt35", "percent"]["value"] == pytest.approx(100 * 638 / 693)
    assert found["vicuna-13b", "gpt35", "percent/math"]["n"] == 3
    rows = list(read_jsonl(tmp_path / "verdicts.jsonl"))
    untied = [one for one in opinions_of(rows).values() if one.choice != 1 and one.longer != 0.5]
    assert round(sum((one.choice == 2) == (one.longer == 1) for one in untied) / len(untied), 2) == 0.77
    assert len(rows) == 160 and all(row["category"] and row["words_1"] for row in rows)


def test_the_words_of_every_published_review_say_its_scores(shared_data: Path, tmp_path: Path) -> None:
    for file in sorted((shared_data / "vicuna" / "review").iterdir()):
        rows = list(read_jsonl(file))
        told = lines(tmp_path / file.name, *({k: v for k, v in row.items() if k != "score"} for row in rows))
        assert main(["import", str(told), "--out", str(tmp_path / "out")]) == 0
        read = read_jsonl(tmp_path / "out" / "verdicts.jsonl")
        assert [[row["score_1"], row["score_2"]] for row in read] == [row["score"] for row in rows]


def test_alpaca_eval_2s_raw_win_rates_to_the_printed_digits(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [shared_data / "alpaca_eval" / name / "annotations.json" for name in ("alpaca-7b", "vicuna-13b")]
    found = imported(tmp_path, files[0])
    rate = found["alpaca-7b", "gpt4_1106_preview", "win_rate"]
    assert (f"{rate['value']:.2f}", rate["n"]) == ("2.59", 805)
    assert "| win_rate | 2.59 |" in capsys.readouterr().out
    drawn = found["alpaca-7b", "gpt4_1106_preview", "shown_first"]
    assert drawn["n"] == 802 and drawn["high"] < 0, "its judge prefers what it is shown second"
    other = read_published([files[1]]).verdicts
    assert f"{100 * fmean(row['preference'] for row in other):.2f}" == "5.83"


def test_pairs_through_a_pivot_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [
        lines(tmp_path / "review_small_middle.jsonl", review(1, [4, 8]), review(2, [5, 10])),
        lines(tmp_path / "review_great_middle.jsonl", review(1, [10, 9]), review(2, [10, 6])),
    ]
    found = imported(tmp_path / "out", *files, "--reference", "great", "--pivot", "middle")
    assert found["small", "great", "percent"]["value"] == pytest.approx(100 * (9 / 18) * (15 / 20))
    assert found["middle", "great", "win_rate"]["value"] == 0.0
    assert found["small", "middle", "percent"]["value"] == pytest.approx(50.0)
    alone = imported(tmp_path / "alone", *files, "--reference", "great")
    assert alone["small", "great", "percent"] == found["small", "great", "percent"], "the one way there is"
    assert "through middle" in capsys.readouterr().out


def test_judges_of_two_names_are_not_chained_unless_they_are_said_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [
        lines(tmp_path / "review_small_middle.jsonl", review(1, [4, 8], reviewer_id=1)),
        lines(tmp_path / "review_great_middle.jsonl", review(1, [10, 9])),
    ]
    assert ("small", "great", "percent") not in imported(tmp_path / "two", *files, "--reference", "great")
    assert "by unnamed; where several names are one judge's, add --judge NAME" in capsys.readouterr().out
    found = imported(tmp_path / "one", *files, "--reference", "great", "--judge", "gpt-4")
    assert found["small", "great", "percent"]["value"] == pytest.approx(100 * (4 / 8) * (9 / 10))


def test_ratings_are_tabled_by_turn_and_compared_with_the_reference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [rating(81, "a", 8), rating(81, "a", 5, turn=2), rating(81, "b", 4), rating(81, "b", -1, turn=2)]
    file = lines(tmp_path / "gpt-4_single.jsonl", *rows)
    assert imported(tmp_path / "out", file) == {}
    said = capsys.readouterr().out
    assert "| a | 2 | 8.00 | 5.00 | 6.50 |" in said and "| b | 1 | 4.00 | \u2013 | 4.00 |" in said
    assert imported(tmp_path / "two", file, "--reference", "a")["b", "a", "percent"]["value"] == 50.0


def test_games_in_both_orders_have_a_flip_rate(tmp_path: Path) -> None:
    rows = [game(81, "model_2", "model_2"), game(82, "model_2", "model_1"), game(83, "tie", "tie")]
    found = imported(tmp_path / "out", lines(tmp_path / "gpt-4_pair.jsonl", *rows))
    assert found["large", "small", "win_rate"]["value"] == pytest.approx(100 * 2 / 3)
    assert found["large", "small", "flip_rate"]["value"] == pytest.approx(100 / 3)


def test_what_was_kept_is_judgments_like_any_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = lines(tmp_path / "a.jsonl", *(annotation(n, 1 + n % 2) for n in range(6)))
    imported(tmp_path / "out", file)
    capsys.readouterr()
    assert main(["agree", str(tmp_path / "out"), str(file), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["n"], found["agreement"], found["kappa"]) == (6, 1.0, 1.0)
    assert main(["import", str(file), "--out", str(tmp_path / "mine.jsonl")]) == 0
    assert (tmp_path / "mine.jsonl").read_bytes() == (tmp_path / "out" / "verdicts.jsonl").read_bytes()
    assert (tmp_path / "mine.scores.jsonl").is_file()


def test_lines_that_hold_no_judgment_are_left_out_only_where_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = lines(tmp_path / "r.jsonl", *(rating(n, "a", 99 if n == 1 else n) for n in range(5)))
    assert main(["import", str(file)]) == 2
    said = capsys.readouterr().err
    assert "line 2, has the score 99; ratings go up to 10" in said and "--skip-broken" in said
    file.write_text(f'{file.read_text()}{{"question_id": 7, "mod', encoding="utf-8")
    assert main(["import", str(file), "--skip-broken", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert f"2 lines are no judgment and left out: {file}, line 2, has the score 99" in said
    assert f"{file}, line 6, is not valid JSON" in said
    rows = list(read_jsonl(tmp_path / "out" / "verdicts.jsonl"))
    assert [row["question_id"] for row in rows] == ["0", "2", "3", "4"]
    assert main(["import", str(file), "--skip-broken", "--format", "alpaca_eval"]) == 2
    assert f"line 1, lacks instruction, the question's text; no line of {file} is a judgment" in (
        capsys.readouterr().err
    )


def test_scores_read_from_a_reviewers_words_are_said_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [review(1, [7, 8]), review(2, None, "6 9\nThe second is better.")]
    file = lines(tmp_path / "review_a_b.jsonl", *rows)
    assert main(["import", str(file), "--out", str(tmp_path / "out")]) == 0
    assert "1 of 2 judgments hold no score of their own; theirs were read from the judge's words: 2" in (
        capsys.readouterr().out
    )
    kept = list(read_jsonl(tmp_path / "out" / "verdicts.jsonl"))
    assert [row.get("scores_from") for row in kept] == [None, "text"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl cannot be read"),
        (["review_a_b.jsonl", "--pivot", "a"], "--pivot a leads nowhere; add --reference MODEL"),
        (["review_a_b.jsonl", "--reference", "bb"], "no judgment is about bb; did you mean b?"),
        (["review_a_b.jsonl", "--out", "stage"], "is what a stage left, and stays as it is"),
        (["review_a_b.jsonl", "--out", "review_a_b.jsonl/x"], "cannot be written"),
        (
            ["review_a_b.jsonl", "review_a_b.jsonl", "--models", "a", "b"],
            "--models names the two models of one",
        ),
        (["review_a_b.jsonl", "--format", "alpaca_eval"], "review_a_b.jsonl, line 1, lacks instruction"),
        (["empty.jsonl"], "empty.jsonl is empty"),
        (["stage"], "stage/record.json, line 1"),
        (["nothing"], "nothing holds no file that ends with .jsonl, .json"),
        (["review_a_b.jsonl", "--reference", "a", "--pivot", "b"], "no model was read against b alone"),
    ],
)
def test_what_cannot_be_imported_is_one_sentence(
    words: list[str],
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    lines(Path("review_a_b.jsonl"), review(1, [1, 2]))
    Path("empty.jsonl").touch()
    Path("stage").mkdir()
    Path("stage/record.json").write_text('{"stage": "judge"}')
    Path("nothing").mkdir()
    assert main(["import", *words]) == 2
    said = capsys.readouterr().err
    assert told in said and said.count("\n") == 1


def test_the_command_line_says_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in (
        (["import", "--help"], "--reference gpt35 --pivot vicuna-13b"),
        (["agree", "-h"], "A B"),
    ):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 0 and told in capsys.readouterr().out
