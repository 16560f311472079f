"""People's votes: what they add up to, who agrees, and files that hold none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alpaca_exp.errors import InputError
from alpaca_exp.judging.__main__ import main
from alpaca_exp.judging.people import poll
from alpaca_exp.judging.votes import read_votes
from alpaca_exp.records import Row
from tests.test_judging_agreement import verdict


def vote(question: int, choice: object, rater: str = "ann", **more: Any) -> Row:
    pair = {"question_id": question, "model_1": "a", "model_2": "b", "vote": choice, "order": "12"}
    axes = {"intent_1": True, "intent_2": None, "quality_1": 4, "quality_2": None}
    return {**pair, **axes, "rater": rater, **more}


def written(path: Path, rows: list[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_votes_by_hand(tmp_path: Path) -> None:
    rows = [
        vote(1, 1, quality_1=5),
        vote(2, "2", intent_1=False),
        vote(3, "tie"),
        {**vote(4, 2), "model_1": "b", "model_2": "a", "intent_1": True, "quality_1": 2},
    ]
    votes, again = read_votes([written(tmp_path / "v.jsonl", rows)])
    a, b = poll(votes).standings
    assert (a.model, a.counts, a.win_rate.mean, again) == ("a", (2, 1, 1), pytest.approx(62.5), 0)
    assert (b.counts, b.win_rate.mean) == ((1, 1, 2), pytest.approx(37.5))
    assert a.intent and a.intent.mean == pytest.approx(100 * 2 / 3), "of three on which somebody said"
    assert a.quality and a.quality.mean == pytest.approx((5 + 4 + 4) / 3)
    assert b.quality and (b.quality.mean, b.quality.low) == (2.0, None), "one vote has no interval"


def test_votes_on_one_question_are_not_independent(tmp_path: Path) -> None:
    few = [vote(n, 1 + n % 2) for n in range(10)]
    many = [vote(n, 1 + n % 2, rater) for n in range(10) for rater in "klmn"]
    alone, together = (poll(read_votes([written(tmp_path / "v", rows)])[0]) for rows in (few, many))
    assert alone.standings[0].win_rate == together.standings[0].win_rate
    assert (alone.standings[0].votes, together.standings[0].votes) == (10, 40)


def test_how_often_the_answer_shown_first_wins(tmp_path: Path) -> None:
    rows = [vote(1, 1), vote(2, 2, order="21"), vote(3, 2), vote(4, 1, order=None), vote(5, "tie")]
    found = poll(read_votes([written(tmp_path / "v.jsonl", rows)])[0]).shown_first
    assert found and found.mean == pytest.approx(100 * 2 / 3)
    unknown = poll(read_votes([written(tmp_path / "v.jsonl", rows[3:])])[0])
    assert unknown.shown_first is None


def test_who_votes_again_has_changed_their_mind(tmp_path: Path) -> None:
    once = written(tmp_path / "ann.jsonl", [vote(1, 1), vote(2, 1)])
    more = written(tmp_path / "later.jsonl", [vote(1, 1), vote(2, 2), vote(3, 2), vote(3, 1, "bo")])
    votes, again = read_votes([once, more])
    assert (len(votes), again) == (4, 2)
    assert poll(votes).standings[0].counts == (2, 0, 2)


def test_a_vote_without_a_rater_is_its_files(tmp_path: Path) -> None:
    files = [written(tmp_path / f"{name}.jsonl", [vote(1, 1, "")]) for name in ("kim", "lee")]
    assert poll(read_votes(files)[0]).raters == {"kim": 1, "lee": 1}


def test_raters_are_compared_with_one_another_and_with_the_judge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ann = [vote(n, choice) for n, choice in enumerate([1, 1, 2, 2, "tie"])]
    bo = [vote(n, choice, "bo") for n, choice in enumerate([1, 2, 2, 2])]
    file = written(tmp_path / "v.jsonl", ann + bo)
    judge = written(
        tmp_path / "judge.jsonl",
        [verdict(n, value, category=f"c{n % 2}") for n, value in enumerate([0, 0, 1, 1])],
    )
    assert main(["people", str(file), "--judge", str(judge), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["between"][0]["raters"] == ["ann", "bo"] and found["between"][0]["agreement"] == 0.75
    assert found["between"][0]["kappa"] == pytest.approx((0.75 - 0.5) / 0.5)
    assert found["light_kappa"] == pytest.approx(0.5)
    assert found["each_with_judge"]["ann"]["agreement"] == 1.0
    assert found["with_judge"]["counts"] == [[1, 0, 0], [1, 0, 0], [0, 0, 2]], "ann and bo cancel out on 1"
    assert set(found["categories"]) == {"", "c0", "c1"}, "the judge's; it never saw the last question"
    assert main(["people", str(file), "--judge", str(judge)]) == 0
    said = capsys.readouterr().out
    assert "9 votes of 2 raters: ann (5), bo (4)." in said and "| ann and bo | 4 | 75 |" in said


def test_one_rater_is_compared_with_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["people", str(written(tmp_path / "v.jsonl", [vote(1, 1), vote(2, 2)]))]) == 0
    said = capsys.readouterr().out
    assert "2 votes of one rater: ann (2)." in said and "Raters" not in said and "judge" not in said


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ('{"question_id": 1, "model_1": "a"', "is not valid JSON"),
        ("[1]", "is no JSON object but a list"),
        (json.dumps(vote(1, 3)), "has the vote '3'; it must be 1, 2 or tie"),
        (json.dumps(vote(1, None)), "has the vote None; it must be 1, 2 or tie"),
        (json.dumps({**vote(1, 1), "model_2": "a"}), "compares a with itself"),
        (
            json.dumps({k: v for k, v in vote(1, 1).items() if k != "model_2"}),
            "lacks model_2, a model's name",
        ),
        (json.dumps(vote(1, 1, quality_1=6)), "has the quality_1 6; it goes from 1 to 5"),
        (json.dumps(vote(1, 1, intent_2="perhaps")), "has the intent_2 'perhaps'"),
        (json.dumps(vote(1, 1, rater={"a": 1})), "has the rater {'a': 1}; it must be a name, or absent"),
        ('{"question_id": true, "model_1": "a", "model_2": "b", "vote": 1}', "has the question_id True"),
    ],
)
def test_what_is_no_vote_is_named_by_file_and_line(bad: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "v.jsonl"
    file.write_text(f"{json.dumps(vote(1, 1))}\n\n{bad}\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_votes([file])
    assert str(error.value).startswith(f"{file}, line 3, ") and told in str(error.value)


def test_a_file_without_votes_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "v.jsonl").write_text("\n")
    assert main(["people", str(tmp_path / "v.jsonl")]) == 2
    assert "v.jsonl is empty" in capsys.readouterr().err


def test_the_form_of_a_vote_that_the_help_shows_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["people", "--help"])
    shown = next(line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("{"))
    file = written(tmp_path / "v.jsonl", [json.loads(shown), json.loads(shown)])
    assert main(["people", str(file)]) == 0
    said = capsys.readouterr()
    assert "| vicuna | alpaca | 1 | 1 | 0 | 0 | 100.0" in said.out
    assert "1 vote was given anew further down" in said.err


def test_people_beside_a_judge_are_told_in_whole_sentences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [vote(n, 1 + n % 2, rater) for n in range(4) for rater in ("ann", "bo")]
    judged = written(tmp_path / "pub.jsonl", [verdict(n, 0.0) for n in range(4)])
    file = written(tmp_path / "v.jsonl", rows)
    assert main(["people", str(file), "--judge", str(judged)]) == 0
    said = capsys.readouterr().out
    assert "Compared: the raters, averaged, and pub, on 4 comparisons. They agree on 50.0 %." in said
